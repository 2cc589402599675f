/** One try to connect, and what went wrong in words that users know. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { TributaryError } from '../../base/errors.ts';
import { maskUrl } from '../../net/endpoint.ts';
import type { OutboundPolicy } from '../../net/outbound-policy.ts';
import { TlsTrust } from '../../net/tls-trust.ts';
import { headerPrefix, type WebSocketSinkConfig } from './spec.ts';

export interface Target {
  readonly url: string;
  readonly config: WebSocketSinkConfig;
  readonly headers: Readonly<Record<string, string>>;
  readonly trust: TlsTrust;
  readonly outbound: OutboundPolicy;
}

export function targetOf(
  config: WebSocketSinkConfig,
  raw: Readonly<Record<string, string>>,
  outbound: OutboundPolicy,
): Target {
  const url = config['websocket.url'];
  const token = config['websocket.auth.token'];
  const own = Object.entries(raw).filter(([key]) => key.startsWith(headerPrefix));
  const headers = {
    ...Object.fromEntries(own.map(([key, value]) => [key.slice(headerPrefix.length), value])),
    ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
  };
  const trust = new TlsTrust({
    prefix: 'websocket.tls',
    ca: config['websocket.tls.ca'],
    cert: config['websocket.tls.cert'],
    key: config['websocket.tls.key'],
    passphrase: null,
    servername: config['websocket.tls.servername'],
    insecure: config['websocket.tls.insecure'],
  });
  return { url, config, headers, trust, outbound };
}

export interface Connected {
  readonly socket: WebSocket;
  /** What it runs over. */
  readonly transport: Socket;
}

/** An open socket. CONNECTION_FAILED (retriable) names the address without credentials, and the cause. */
export async function connect(
  { url, config, headers, trust, outbound }: Target,
  signal: AbortSignal,
): Promise<Connected> {
  const { hostname, protocol } = new URL(url);
  const subprotocol = config['websocket.subprotocol'];
  const timeoutMs = config['websocket.connection.timeout.ms'];
  const host = hostname.replace(/^\[|\]$/g, '');
  const options = {
    headers,
    handshakeTimeout: timeoutMs,
    perMessageDeflate: false,
    maxPayload: config['websocket.message.max.bytes'],
    ...outbound.connectOptions(host),
    ...(protocol === 'wss:' ? trust.optionsFor(host) : {}),
  };
  const socket = new WebSocket(url, subprotocol === null ? [] : subprotocol.split(/\s*,\s*/), options);
  const abort = (): void => socket.terminate();
  signal.addEventListener('abort', abort, { once: true });
  let transport: Socket;
  socket.once('upgrade', (response) => {
    transport = response.socket;
  });
  try {
    await once(socket, 'open');
    return { socket, transport: transport! };
  } catch (error) {
    throw connectionError(url, timeoutMs, error);
  } finally {
    signal.removeEventListener('abort', abort);
    // Whoever takes the socket adds what it needs; without a listener an error would end the process.
    socket.on('error', () => {});
  }
}

function connectionError(url: string, timeoutMs: number, error: unknown): TributaryError {
  const text = error instanceof AggregateError ? String(error.errors[0]) : String((error as Error).message);
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const shown = maskUrl(url);
  if (/handshake has timed out/.test(text)) {
    const seconds = timeoutMs / 1000;
    return new TributaryError(
      'CONNECTION_FAILED',
      `Connection to WebSocket ${shown} timed out after ${seconds} seconds`,
      { retriable: true },
    );
  }
  return new TributaryError('CONNECTION_FAILED', `Failed to connect to WebSocket ${shown}: ${causeOf(text, code)}`, {
    retriable: true,
  });
}

function causeOf(text: string, code: string): string {
  if (/ECONNREFUSED/.test(code + text)) return 'Connection refused';
  const status = /Unexpected server response: (\d+)/.exec(text)?.[1];
  if (status !== undefined) return status === '401' ? '401 Unauthorized' : `the server answered with status ${status}`;
  if (/subprotocol/i.test(text)) return 'subprotocol not supported';
  if (/CERT|SIGNATURE|SELF_SIGNED|ISSUER|ALTNAME/.test(code)) return `certificate verify failed (${code})`;
  return code === '' ? text : `${text} (${code})`;
}
