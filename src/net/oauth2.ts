/** Access tokens by the client credentials grant (RFC 6749, 4.4). */
import { TributaryError } from '../base/errors.ts';
import { basicAuth, maskUrl } from './endpoint.ts';
import { type HttpAnswer, httpRequest } from './http-request.ts';
import type { HttpTarget } from './http-url.ts';
import type { Route } from './open-request.ts';

export interface OAuth2Client {
  readonly target: HttpTarget;
  readonly id: string;
  readonly secret: string;
  readonly scope: string | null;
  readonly audience: string | null;
  /** How the client shows id and secret. */
  readonly auth: 'basic' | 'post';
}

export interface AccessToken {
  readonly value: string;
  /** It was given out before. */
  readonly used: boolean;
}

/** A token is renewed when so much of its life is left. */
const marginMs = 30_000;
/** For tokens that say nothing of their life. */
const assumedLifeMs = 300_000;

/** Keeps one token, and asks for the next when it is due. Not for calls at the same time. */
export class TokenSource {
  readonly #client: OAuth2Client;
  readonly #route: Route;
  readonly #monotonicMs: () => number;
  #token: { readonly value: string; readonly untilMs: number } | undefined;

  constructor(client: OAuth2Client, route: Route, monotonicMs: () => number) {
    this.#client = client;
    this.#route = route;
    this.#monotonicMs = monotonicMs;
  }

  /** True where `get` will not ask the server. */
  get isReady(): boolean {
    return this.#token !== undefined && this.#monotonicMs() < this.#token.untilMs;
  }

  /** The server refused it: the next call gets a new one. */
  forget(): void {
    this.#token = undefined;
  }

  /**
   * CONNECTION_FAILED, TIMEOUT and PROTOCOL_ERROR where there is no token to be had now, AUTHENTICATION_FAILED where the
   * server does not know the client, OUTBOUND_FORBIDDEN. No text holds a secret or what the server wrote about one.
   */
  async get(signal: AbortSignal): Promise<AccessToken> {
    if (this.isReady) return { value: this.#token!.value, used: true };
    const answer = await this.#ask(signal);
    const { value, lifeMs } = tokenOf(answer, this.#client.target);
    // Of a short life half is left for its use.
    this.#token = { value, untilMs: this.#monotonicMs() + lifeMs - Math.min(marginMs, lifeMs / 2) };
    return { value, used: false };
  }

  #ask(signal: AbortSignal): Promise<HttpAnswer> {
    const { target, id, secret, scope, audience, auth } = this.#client;
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (scope !== null) form.set('scope', scope);
    if (audience !== null) form.set('audience', audience);
    if (auth === 'post') {
      form.set('client_id', id);
      form.set('client_secret', secret);
    }
    // RFC 6749, 2.3.1: id and secret are form-encoded before they are joined.
    const basic = basicAuth(formEncoded(id), formEncoded(secret));
    return httpRequest({
      target,
      method: 'POST',
      headers: [
        ['Accept', 'application/json'],
        ['Content-Type', 'application/x-www-form-urlencoded'],
      ],
      private: auth === 'basic' ? [['Authorization', basic]] : [],
      body: form.toString(),
      route: this.#route,
      // A body with a secret must not travel on to another host.
      maxRedirects: 0,
      signal,
    });
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function tokenOf({ status, body }: HttpAnswer, target: HttpTarget): { value: string; lifeMs: number } {
  const url = maskUrl(target.url);
  if (status === 400 || status === 401 || status === 403) {
    const error = textField(parsed(body), 'error') ?? '';
    // The error codes of RFC 6749; anything else a server may write could repeat what it was sent.
    const known = /^(invalid_(request|client|grant|scope)|unauthorized_client|unsupported_grant_type)$/.test(error);
    throw new TributaryError(
      'AUTHENTICATION_FAILED',
      `Cannot get a token from "${url}": it answered with ${status}${known ? ` ${error}` : ''}`,
    );
  }
  if (status !== 200) {
    throw new TributaryError('CONNECTION_FAILED', `Cannot get a token from "${url}": it answered with ${status}`, {
      retriable: true,
    });
  }
  const answer = parsed(body);
  const value = textField(answer, 'access_token');
  const type = textField(answer, 'token_type') ?? 'bearer';
  if (value === undefined || !/^[\x21-\x7e]+$/.test(value) || type.toLowerCase() !== 'bearer') {
    throw new TributaryError('PROTOCOL_ERROR', `Cannot use the answer of "${url}": it holds no bearer token`);
  }
  const seconds = Number((answer as Record<string, unknown>)['expires_in']);
  return { value, lifeMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : assumedLifeMs };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined; // the caller says what is missing
  }
}

function textField(value: unknown, name: string): string | undefined {
  const field = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  return typeof field === 'string' ? field : undefined;
}
