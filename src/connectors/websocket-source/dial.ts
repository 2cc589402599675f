/** Makes one connection up to the answer to the upgrade request (RFC 6455, section 4.1). */
import { createHash, randomBytes } from 'node:crypto';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { type Cause, causeOf } from '../../net/cause.ts';
import { type HeaderPair, hostHeader } from '../../net/endpoint.ts';
import { beginRequest, prepareRequest, type Route, whenConnected } from '../../net/open-request.ts';
import { ReusedRead } from '../../net/reused-read.ts';
import { deflateOffer, readExtensions } from './compression.ts';
import type { InflaterOptions } from './inflater.ts';
import type { Refusal } from './policy.ts';
import { readRefusal } from './refusal.ts';
import type { Target } from './url.ts';

export interface DialOptions {
  readonly target: Target;
  /** The URL that is dialled: redirects are resolved against it. */
  readonly url: string;
  readonly headers: readonly HeaderPair[];
  readonly subprotocols: readonly string[];
  /** An answer that chooses none of them is a failure. */
  readonly subprotocolRequired: boolean;
  readonly compression: boolean;
  readonly route: Route;
  /** Wall clock, for a Retry-After that is a date. */
  readonly nowMs: () => number;
  readonly events: DialEvents;
}

/** `connected` once at most; then one of `upgraded`, `refused`, `invalid` at most; without `upgraded`, `ended` exactly once. */
export interface DialEvents {
  connected(): void;
  upgraded(upgraded: Upgraded): void;
  refused(refusal: Refusal): void;
  /** The answer is none of RFC 6455. */
  invalid(problem: string): void;
  /** The socket is gone, or there never was one. */
  ended(cause: Cause): void;
}

export interface Upgraded {
  readonly socket: Socket;
  /** How its bytes may be had without the stream; a proxy's connection has only that. */
  readonly read: ReusedRead | null;
  readonly head: Buffer;
  readonly deflate: InflaterOptions | null;
  readonly subprotocol: string;
}

export interface Dial {
  destroy(): void;
}

const userAgent = 'tributary';

export function dial(options: DialOptions): Dial {
  const { events } = options;
  const abort = new AbortController();
  let request: ClientRequest | undefined;
  let socket: Socket | undefined;
  let answered = false;
  let throughProxy = options.route.proxy !== null;
  let over = false;
  let cause: Cause = { label: 'connect_failed', text: 'connection was cut' };

  const end = (): void => {
    if (over) return;
    if (socket !== undefined && !socket.closed) {
      socket.once('close', end);
      socket.destroy();
      return;
    }
    over = true;
    events.ended(cause);
  };
  const fail = (error: unknown): void => {
    if (!answered) cause = causeOf(error, throughProxy);
    end();
  };
  const start = async (): Promise<void> => {
    const key = randomBytes(16).toString('base64');
    const { target, route } = options;
    const line = { method: 'GET', path: target.path, headers: requestHeaders(options, key) };
    const prepared = await prepareRequest(target, line, route, abort.signal);
    throughProxy = prepared.throughProxy;
    if (abort.signal.aborted) return end();
    const read = throughProxy ? null : new ReusedRead();
    request = beginRequest(
      read === null
        ? prepared
        : { ...prepared, options: { ...prepared.options, onread: read.onread } as RequestOptions },
    );
    request.on('proxyConnect', ({ statusCode, statusText }: { statusCode: number; statusText: string }) => {
      if (statusCode === 200) return;
      answered = true;
      cause = { label: 'proxy_failed', text: `proxy answered CONNECT with ${`${statusCode} ${statusText}`.trim()}` };
    });
    request.on('socket', (made) => {
      socket = made;
      if (read !== null) read.socket = made;
      made.on('error', fail);
      whenConnected(made, () => {
        if (!over && !answered) events.connected();
      });
    });
    request.on('error', fail);
    request.on('close', () => {
      if (!over) end();
    });
    request.on('response', (response) => {
      response.destroy();
      if (answered) return end();
      answered = true;
      cause = { label: `http_${response.statusCode}`, text: 'server refused the upgrade' };
      events.refused(readRefusal(response, options.url, options.nowMs()));
    });
    request.on('upgrade', (response, upgraded: Socket, head) => {
      answered = true;
      const checked = checkUpgrade(response, key, options);
      if (typeof checked === 'string') {
        cause = { label: 'handshake_invalid', text: checked };
        events.invalid(checked);
        return;
      }
      over = true;
      upgraded.removeListener('error', fail);
      events.upgraded({ socket: upgraded, read, head, ...checked });
    });
    request.end();
  };

  start().catch(fail);
  return {
    destroy() {
      abort.abort();
      request?.destroy();
      end();
    },
  };
}

function requestHeaders(options: DialOptions, key: string): HeaderPair[] {
  const { target, headers, subprotocols, compression } = options;
  const own: HeaderPair[] = [
    ['Host', hostHeader(target)],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', key],
    ['Sec-WebSocket-Version', '13'],
    ...(compression ? [['Sec-WebSocket-Extensions', deflateOffer] as const] : []),
    ...(subprotocols.length > 0 ? [['Sec-WebSocket-Protocol', subprotocols.join(', ')] as const] : []),
    ['User-Agent', userAgent],
  ];
  const theirs = new Set(headers.map(([name]) => name.toLowerCase()));
  return [...own.filter(([name]) => !theirs.has(name.toLowerCase())), ...headers];
}

/** What was agreed on, or what is wrong with the answer. */
function checkUpgrade(
  { headers }: IncomingMessage,
  key: string,
  { subprotocols, subprotocolRequired, compression }: DialOptions,
): Pick<Upgraded, 'deflate' | 'subprotocol'> | string {
  if (headers.upgrade?.toLowerCase() !== 'websocket') return 'server answered with 101 without "Upgrade: websocket"';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  if (headers['sec-websocket-accept'] !== accept) return 'server answered with a wrong Sec-WebSocket-Accept';
  const subprotocol = headers['sec-websocket-protocol'] ?? '';
  if (subprotocol !== '' && !subprotocols.includes(subprotocol))
    return 'server chose a subprotocol that was not offered';
  if (subprotocol === '' && subprotocolRequired && subprotocols.length > 0)
    return 'subprotocol not supported: the server chose none of those that were offered';
  const extensions = readExtensions(headers['sec-websocket-extensions'], compression);
  return extensions.ok ? { deflate: extensions.deflate, subprotocol } : extensions.problem;
}
