/**
 * A WebSocket server that does what a test tells it, well-formed or not: every byte it sends can be chosen. It counts the
 * sockets that are open at one time, so that a test can say that there was never more than one.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { type ClientFrame, encodeServerFrame, FrameDecoder, type FrameParts } from './ws-frames.ts';

export interface UpgradeRequest {
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Header lines exactly as they were sent. */
  readonly lines: readonly string[];
  readonly number: number;
}

export type Answer =
  | { readonly kind: 'upgrade'; readonly headers?: readonly string[]; readonly accept?: string }
  | { readonly kind: 'refuse'; readonly status: number; readonly headers?: readonly string[] }
  /** Never answers. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'raw'; readonly text: string };

export interface WsServerOptions {
  readonly answer?: (request: UpgradeRequest) => Answer;
  /** Called for each opened connection. */
  readonly onOpen?: (peer: Peer) => void;
  readonly tls?: TlsOptions;
  /** Answers pings (default true). */
  readonly pongs?: boolean;
  /** Answers a close frame and ends the socket (default true). */
  readonly closes?: boolean;
}

const patienceMs = 60_000;

export class WsServer implements AsyncDisposable {
  readonly requests: UpgradeRequest[] = [];
  readonly peers: Peer[] = [];
  /** TCP connections that the client has not ended, and the most there were at one time. */
  openSockets = 0;
  mostOpenSockets = 0;
  readonly #server: Server;
  readonly #options: WsServerOptions;
  readonly #sockets = new Set<Socket>();

  static async start(options: WsServerOptions = {}): Promise<WsServer> {
    const server = new WsServer(options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  private constructor(options: WsServerOptions) {
    this.#options = options;
    this.#server = options.tls === undefined ? createServer() : createTlsServer(options.tls);
    this.#server.on('connection', (socket: Socket) => this.#count(socket));
    this.#server.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) =>
      this.#serve(socket),
    );
    this.#server.on('tlsClientError', () => {}); // the client's side of it is what is tested
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${this.port}/feed`;
  }

  /** Connection number `index` (0 is the first), as soon as it is open. */
  async peer(index: number): Promise<Peer> {
    await poll(() => this.peers.length > index, `connection ${index + 1}`);
    return this.peers[index]!;
  }

  async request(index: number): Promise<UpgradeRequest> {
    await poll(() => this.requests.length > index, `upgrade request ${index + 1}`);
    return this.requests[index]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #count(socket: Socket): void {
    this.#sockets.add(socket);
    this.openSockets++;
    // An end that came before this connection may stand behind it in the same turn of the event loop: looked at after it.
    setImmediate(() => setImmediate(() => this.#noteMost()));
    socket.on('error', () => {}); // a client that goes away is no news here
    let over = false;
    const onOver = (): void => {
      if (!over) this.openSockets--;
      over = true;
    };
    socket.on('end', onOver);
    socket.on('close', () => {
      onOver();
      this.#sockets.delete(socket);
    });
  }

  #noteMost(): void {
    this.mostOpenSockets = Math.max(this.mostOpenSockets, this.openSockets);
  }

  #serve(socket: Socket): void {
    socket.on('error', () => {});
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      socket.off('data', onData);
      const rest = head.subarray(end + 4);
      if (rest.length > 0) socket.unshift(rest);
      const [first = '', ...lines] = head.toString('latin1', 0, end).split('\r\n');
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
      );
      const request = { path: first.split(' ')[1] ?? '', headers, lines, number: this.requests.length };
      this.requests.push(request);
      this.#reply(socket, request);
    };
    socket.on('data', onData);
  }

  #reply(socket: Socket, request: UpgradeRequest): void {
    const answer = this.#options.answer?.(request) ?? { kind: 'upgrade' };
    if (answer.kind === 'hang') {
      socket.resume();
      return;
    }
    if (answer.kind === 'raw') {
      socket.end(answer.text);
      return;
    }
    if (answer.kind === 'refuse') {
      const lines = [`HTTP/1.1 ${answer.status} ${reasons[answer.status] ?? 'Refused'}`, ...(answer.headers ?? [])];
      socket.end(`${[...lines, 'Content-Length: 0', 'Connection: close'].join('\r\n')}\r\n\r\n`);
      return;
    }
    const accept = answer.accept ?? acceptOf(request.headers['sec-websocket-key'] ?? '');
    const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    socket.write(`${[...lines, `Sec-WebSocket-Accept: ${accept}`, ...(answer.headers ?? [])].join('\r\n')}\r\n\r\n`);
    const peer = new Peer(socket, request, this.#options);
    this.peers.push(peer);
    this.#options.onOpen?.(peer);
  }
}

/** The server's end of one connection. */
export class Peer {
  readonly request: UpgradeRequest;
  readonly socket: Socket;
  /** What the client sent, control frames included. */
  readonly frames: ClientFrame[] = [];
  closed = false;

  constructor(socket: Socket, request: UpgradeRequest, { pongs = true, closes = true }: WsServerOptions) {
    this.socket = socket;
    this.request = request;
    const decoder = new FrameDecoder((frame) => {
      this.frames.push(frame);
      if (frame.opcode === 0x9 && pongs) this.send({ opcode: 0xa, payload: frame.payload });
      if (frame.opcode === 0x8 && closes) socket.end(encodeServerFrame({ opcode: 0x8, payload: frame.payload }));
    });
    socket.on('data', (chunk: Buffer) => decoder.push(chunk));
    socket.on('close', () => {
      this.closed = true;
    });
  }

  get texts(): string[] {
    return this.frames.filter(({ opcode }) => opcode === 0x1).map(({ payload }) => payload.toString());
  }

  /** Code and reason of the client's close frame. */
  get closeFrame(): { readonly code: number; readonly reason: string } | undefined {
    const frame = this.frames.find(({ opcode }) => opcode === 0x8);
    if (frame === undefined) return undefined;
    return { code: frame.payload.readUInt16BE(0), reason: frame.payload.toString('utf8', 2) };
  }

  text(text: string): void {
    this.send({ opcode: 0x1, payload: Buffer.from(text) });
  }

  binary(payload: Uint8Array): void {
    this.send({ opcode: 0x2, payload });
  }

  send(frame: FrameParts): void {
    this.socket.write(encodeServerFrame(frame));
  }

  raw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Writes byte by byte, each in a segment of its own as far as the system allows. */
  async trickle(bytes: Uint8Array): Promise<void> {
    this.socket.setNoDelay(true);
    for (const byte of bytes) {
      this.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  close(code: number, reason = ''): void {
    const payload = Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
    this.send({ opcode: 0x8, payload });
  }

  /** Ends by RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  async untilClosed(): Promise<void> {
    await poll(() => this.closed, 'the end of the connection');
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    await poll(condition, what);
  }
}

export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

async function poll(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const reasons: Readonly<Record<number, string>> = {
  301: 'Moved Permanently',
  302: 'Found',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};
