/** Requests whose answer is taken whole: tokens, schemas. Each on a connection of its own, by a route that is checked. */
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isError, TributaryError } from '../base/errors.ts';
import { causeOf } from './cause.ts';
import { type HeaderPair, maskUrl, sameEndpoint } from './endpoint.ts';
import { type HttpTarget, httpTarget } from './http-url.ts';
import { beginRequest, prepareRequest, type Route } from './open-request.ts';

export interface HttpRequest {
  readonly target: HttpTarget;
  /** Default GET. */
  readonly method?: string;
  /** Those of `private` go to the target's host and port alone, not to where a redirect leads. */
  readonly headers?: readonly HeaderPair[];
  readonly private?: readonly HeaderPair[];
  readonly body?: string | Uint8Array;
  readonly route: Route;
  /** For everything, from the name lookup to the last byte. Default 30 s. */
  readonly timeoutMs?: number;
  /** Of the answer's body. Default 1 MiB. */
  readonly maxBytes?: number;
  /** Followed for GET and HEAD, and for 307 and 308. Default 5. */
  readonly maxRedirects?: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * The answer, whatever its status. CONNECTION_FAILED and TIMEOUT (both retriable) where none came, OUTBOUND_FORBIDDEN where
 * the host may not be reached, PROTOCOL_ERROR for a body that is too long or a redirect that is not followed, ABORTED.
 */
export async function httpRequest(request: HttpRequest): Promise<HttpAnswer> {
  const { timeoutMs = 30_000, maxRedirects = 5, method = 'GET' } = request;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout]);
  let { target } = request;
  for (let followed = 0; ; followed++) {
    const answer = await once(request, target, signal).catch((error: unknown) => {
      throw explained(error, target, request, timeout);
    });
    const { location } = answer.headers;
    if (!redirects.has(answer.status) || location === undefined) return answer;
    const keepsMethod = answer.status >= 307 || method === 'GET' || method === 'HEAD';
    const next = httpTarget(location, 'a redirect to', target.url);
    const refusal = !keepsMethod
      ? `answered a ${method} with a redirect`
      : target.secure && !next.secure
        ? 'redirects from https to http'
        : followed >= maxRedirects
          ? `redirects more than ${maxRedirects} times`
          : undefined;
    if (refusal !== undefined) throw new TributaryError('PROTOCOL_ERROR', `"${maskUrl(target.url)}" ${refusal}`);
    target = next;
  }
}

async function once(request: HttpRequest, target: HttpTarget, signal: AbortSignal): Promise<HttpAnswer> {
  const { method = 'GET', headers = [], body, route, maxBytes = 1024 * 1024 } = request;
  const own = sameEndpoint(target, request.target) ? (request.private ?? []) : [];
  const length = body === undefined ? [] : [['Content-Length', String(Buffer.byteLength(body))] as const];
  const line = {
    method,
    path: target.path,
    headers: [...headers, ...own, ...length, ['Connection', 'close'] as const],
  };
  const prepared = await prepareRequest(target, line, route, signal);
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = beginRequest(prepared);
    const abort = (): void => void sent.destroy(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    let answered = false;
    sent.on('close', () => {
      signal.removeEventListener('abort', abort);
      // An answer tells by itself how it ended: its last part may still be unread.
      if (!answered) reject(new Error('the connection ended before there was an answer'));
    });
    sent.on('error', reject);
    sent.on('proxyConnect', ({ statusCode }: { statusCode: number }) => {
      if (statusCode !== 200) sent.destroy(new Error(`the proxy answered CONNECT with ${statusCode}`));
    });
    sent.on('response', (response) => {
      answered = true;
      readAll(response, maxBytes).then(resolve, (error: unknown) => {
        reject(error);
        sent.destroy();
      });
    });
    sent.end(body);
  });
}

async function readAll(response: IncomingMessage, maxBytes: number): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new TributaryError('PROTOCOL_ERROR', `the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const { statusCode: status = 0, statusMessage: statusText = '', headers } = response;
  return { status, statusText: statusText.slice(0, 100), headers, body: Buffer.concat(chunks) };
}

function explained(error: unknown, target: HttpTarget, { signal, route }: HttpRequest, timeout: AbortSignal): Error {
  if (isError(error, 'OUTBOUND_FORBIDDEN') || isError(error, 'CONFIG_INVALID')) return error;
  const url = maskUrl(target.url);
  if (signal?.aborted) return new TributaryError('ABORTED', `The request to "${url}" was stopped`, { cause: error });
  if (timeout.aborted) {
    const text = `No complete answer from "${url}" within the time allowed`;
    return new TributaryError('TIMEOUT', text, { retriable: true });
  }
  if (isError(error, 'PROTOCOL_ERROR')) {
    return new TributaryError('PROTOCOL_ERROR', `Cannot use the answer of "${url}": ${error.message}`);
  }
  const { text } = causeOf(error, route.proxy !== null);
  return new TributaryError('CONNECTION_FAILED', `Cannot reach "${url}": ${text}`, { retriable: true });
}
