/** Answers over HTTP: JSON, and errors in the shape of PROTOCOL.md, section 3.7. */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type GatewayFault, gatewayCodes } from '../../wire/gateway/codes.ts';
import { errorFrame } from '../../wire/gateway/server-frames.ts';

export type ResponseHeaders = Readonly<Record<string, string>>;

export function sendJson(response: ServerResponse, status: number, body: string, headers: ResponseHeaders = {}): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

/** `status`: where it is another than the code's own. */
export function sendFault(
  response: ServerResponse,
  fault: GatewayFault,
  { status = gatewayCodes[fault.code].http, headers = {} }: { status?: number; headers?: ResponseHeaders } = {},
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  sendJson(response, status, errorFrame(null, fault), headers);
}

/** How long a client may take to close a connection whose upgrade was refused. */
const refusedMs = 5000;

/** Refuses an upgrade: the answer goes to the socket itself. */
export function refuseUpgrade(
  socket: Duplex,
  status: number,
  fault: GatewayFault,
  headers: ResponseHeaders = {},
): void {
  const body = errorFrame(null, fault);
  const lines = [
    `HTTP/1.1 ${status} ${reasons[status] ?? 'Refused'}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  // Nobody counts it any more: a client that keeps its side open is cut off, and one that goes on talking is not heard.
  socket.resume();
  const cut = setTimeout(() => socket.destroy(), refusedMs).unref();
  socket.on('close', () => clearTimeout(cut));
}

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};
