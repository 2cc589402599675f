/** Requests to other workers of the group, as clients of their REST interfaces. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { TributaryError } from '../base/errors.ts';
import { causeOf } from '../net/cause.ts';
import { followerHeader, type PeerAnswer, type PeerRequest, type SendToPeer } from '../rest/forwarding.ts';
import type { ListenerSettings } from './config/app-config.ts';
import { listenerTls } from './listener-tls.ts';

/** As long as Kafka Connect's REST interface waits for an answer. */
const defaultTimeoutMs = 90_000;
const maxBytes = 16 * 1024 * 1024;

/**
 * Workers of a group have listeners alike: where those use TLS, another worker's certificate is checked against the
 * authorities of this one's listener, if it names any, and this worker shows its own.
 */
export function sendToPeer(listeners: readonly ListenerSettings[], folder: string): SendToPeer {
  const tls = listeners.find((listener) => listener.tls !== undefined)?.tls;
  let material: RequestOptions | undefined;
  return (request) => {
    material ??= tls === undefined ? {} : clientTls(listenerTls(tls, folder));
    return ask(request, material);
  };
}

function clientTls({ ca, cert, key, pfx, passphrase }: RequestOptions): RequestOptions {
  const parts = { ca, cert, key, pfx, passphrase };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}

function ask(
  { method, url, headers, body, timeoutMs = defaultTimeoutMs }: PeerRequest,
  tls: RequestOptions,
): Promise<PeerAnswer> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown): void => {
      const { host } = new URL(url);
      // No later attempt finds another certificate: who asks is told what is wrong with this one.
      const retriable = causeOf(cause, false).label !== 'tls_failed';
      reject(new TributaryError('CONNECTION_FAILED', `Cannot reach the worker at ${host}`, { cause, retriable }));
    };
    const length = body === undefined ? '0' : String(Buffer.byteLength(body));
    const options = { method, headers: { ...headers, 'content-length': length }, timeout: timeoutMs };
    const answered = (answer: IncomingMessage): void => {
      take(answer).then(resolve, failed);
    };
    const request = url.startsWith('https:')
      ? httpsRequest(url, { ...options, ...tls }, answered)
      : httpRequest(url, options, answered);
    request.on('error', failed);
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.end(body);
  });
}

async function take(answer: IncomingMessage): Promise<PeerAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`its answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const { statusCode = 500, headers } = answer;
  return {
    status: statusCode,
    contentType: headers['content-type'],
    location: headers.location,
    isRefusedByFollower: headers[followerHeader] !== undefined,
    body: Buffer.concat(chunks),
  };
}
