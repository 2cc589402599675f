/** Makes one request for the stream, up to the head of the answer. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Cause, causeOf } from '../../net/cause.ts';
import type { HeaderPair } from '../../net/endpoint.ts';
import { type HttpTarget, httpTarget } from '../../net/http-url.ts';
import { beginRequest, prepareRequest, type Route, whenConnected } from '../../net/open-request.ts';
import { retryAfterMs } from '../../net/retry-after.ts';
import { encodingProblem } from './decoder.ts';
import type { Answer } from './policy.ts';

export interface AskOptions {
  readonly target: HttpTarget;
  readonly headers: readonly HeaderPair[];
  readonly route: Route;
  /** Wall clock, for a Retry-After that is a date. */
  readonly nowMs: () => number;
  readonly events: AskEvents;
}

/** `connected` once at most, then `answered` once at most. `ended` exactly once, unless there was an answer. */
export interface AskEvents {
  connected(): void;
  /** The response is the receiver's: what becomes of it is not told here any more. */
  answered(head: Omit<Answer, 'resumed' | 'usedToken'>, response: IncomingMessage): void;
  ended(cause: Cause): void;
}

export interface Ask {
  destroy(): void;
}

export function ask(options: AskOptions): Ask {
  const { events, target, headers, route } = options;
  const abort = new AbortController();
  let request: ClientRequest | undefined;
  let throughProxy = route.proxy !== null;
  let over = false;
  let cause: Cause | undefined;

  const end = (): void => {
    if (over) return;
    over = true;
    events.ended(cause ?? { label: 'connect_failed', text: 'connection was cut' });
  };
  const fail = (error: unknown): void => {
    cause ??= causeOf(error, throughProxy);
  };
  const onSocket = (socket: Socket): void => {
    socket.setKeepAlive(true, 15_000);
    whenConnected(socket, () => {
      if (!over && cause === undefined) events.connected();
    });
  };
  const start = async (): Promise<void> => {
    const line = { method: 'GET', path: target.path, headers };
    const prepared = await prepareRequest(target, line, route, abort.signal);
    throughProxy = prepared.throughProxy;
    if (abort.signal.aborted) return end();
    request = beginRequest(prepared);
    request.on('proxyConnect', ({ statusCode, statusText }: { statusCode: number; statusText: string }) => {
      if (statusCode === 200) return;
      cause = { label: 'proxy_failed', text: `proxy answered CONNECT with ${`${statusCode} ${statusText}`.trim()}` };
      request?.destroy();
    });
    request.on('socket', onSocket);
    request.on('error', fail);
    request.on('close', end);
    request.on('response', (response) => {
      if (cause !== undefined) return;
      over = true;
      events.answered(headOf(response, target, options.nowMs()), response);
    });
    request.end();
  };

  start().catch((error: unknown) => {
    fail(error);
    end();
  });
  return {
    destroy() {
      abort.abort();
      request?.destroy();
    },
  };
}

function headOf(response: IncomingMessage, target: HttpTarget, nowMs: number): Omit<Answer, 'resumed' | 'usedToken'> {
  const { statusCode: status = 0, statusMessage: statusText = '', headers } = response;
  const head = {
    status,
    statusText: statusText.slice(0, 100),
    contentType: (headers['content-type'] ?? '').replace(/;.*$/s, '').trim().toLowerCase(),
    retryAfterMs: retryAfterMs(headers['retry-after'], nowMs),
    encodingProblem: encodingProblem(contentEncoding(response)),
  };
  if (![301, 302, 303, 307, 308].includes(status) || headers.location === undefined) return head;
  try {
    const location = httpTarget(headers.location, 'a redirect to', target.url);
    if (target.secure && !location.secure) return { ...head, redirectProblem: 'a redirect from https to http' };
    return { ...head, location: location.url };
  } catch {
    return { ...head, redirectProblem: 'a redirect to what is no http:// or https:// URL' };
  }
}

export function contentEncoding({ headers }: IncomingMessage): string {
  return (headers['content-encoding'] ?? '').trim().toLowerCase();
}

/** Headers that a server may see to which a redirect led: those that name neither us nor a secret. */
export function mayLeave(name: string): boolean {
  return /^(accept|accept-encoding|accept-language|cache-control|user-agent)$/i.test(name);
}
