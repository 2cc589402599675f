/** A WebSocket client that lets everything be done wrong: raw bytes, no pongs, a paused socket, any subprotocol answer. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { decodeFrames } from '../../../support/gateway/binary-frames.ts';
import { Inbox } from './inbox.ts';

export type Unit =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly bytes: Buffer }
  | { readonly kind: 'frame'; readonly json: Record<string, unknown>; readonly isBinary: boolean };

export interface Opened {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Only with status 101. */
  readonly client: RawWebSocket;
}

export class RawWebSocket {
  readonly units = new Inbox<Unit>();
  readonly pongs = new Inbox<Buffer>();
  readonly closes = new Inbox<number>();
  readonly #socket: Socket;
  readonly #isNative: boolean;
  #bytes: Buffer = Buffer.alloc(0);
  #isOpen = false;
  #isMuted = false;
  #fragments: Buffer[] = [];
  #opcode = 0;
  #closeSent = false;

  private constructor(socket: Socket, isNative: boolean) {
    this.#socket = socket;
    this.#isNative = isNative;
  }

  static open(
    address: string,
    path: string,
    protocols: readonly string[],
    headers: Readonly<Record<string, string>>,
  ): Promise<Opened> {
    const [host = '', port = ''] = address.split(/:(?=\d+$)/);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), host);
      const client = new RawWebSocket(socket, path.startsWith('/v1/ws'));
      let head = Buffer.alloc(0);
      const onData = (data: Buffer): void => {
        head = Buffer.concat([head, data]);
        const end = head.indexOf('\r\n\r\n');
        if (end === -1) return;
        const [first = '', ...lines] = head.subarray(0, end).toString('latin1').split('\r\n');
        const answered = new Map(
          lines.map((line) => {
            const at = line.indexOf(':');
            return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const;
          }),
        );
        const status = Number(first.split(' ')[1]);
        const rest = head.subarray(end + 4);
        if (status !== 101) {
          const length = Number(answered.get('content-length') ?? 0);
          if (rest.length < length) return;
          socket.destroy();
          resolve({ status, headers: answered, body: rest.toString(), client });
          return;
        }
        socket.off('data', onData);
        client.#isOpen = true;
        socket.on('data', (more) => client.#read(more));
        client.#read(rest);
        resolve({ status, headers: answered, body: '', client });
      };
      socket.on('data', onData);
      socket.on('error', (error) => {
        if (!client.#isOpen) reject(error);
      });
      socket.on('close', () => {
        if (client.#isOpen) client.closes.push(1006);
        else reject(new Error('the connection closed without an answer'));
      });
      const all: Record<string, string> = {
        Host: address,
        Upgrade: 'websocket',
        Connection: 'Upgrade',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
        ...(protocols.length === 0 ? {} : { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
        ...headers,
      };
      const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
      socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    });
  }

  send(opcode: number, payload: Uint8Array, fin = true): void {
    this.raw(clientFrame(opcode, payload, fin));
  }

  raw(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  close(code: number): void {
    this.#closeSent = true;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.send(8, payload);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  mute(): void {
    this.#isMuted = true;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? data : Buffer.concat([this.#bytes, data]);
    for (;;) {
      const frame = serverFrame(this.#bytes);
      if (frame === undefined) return;
      this.#bytes = this.#bytes.subarray(frame.size);
      this.#frame(frame.opcode, frame.fin, frame.payload);
    }
  }

  #frame(opcode: number, fin: boolean, payload: Buffer): void {
    switch (opcode) {
      case 8: {
        const code = payload.length >= 2 ? payload.readUInt16BE() : 1005;
        this.closes.push(code);
        if (!this.#closeSent) this.send(8, payload);
        this.#socket.end();
        break;
      }
      case 9:
        if (!this.#isMuted) this.send(10, payload);
        break;
      case 10:
        this.pongs.push(Buffer.from(payload));
        break;
      default:
        if (opcode !== 0) this.#opcode = opcode;
        this.#fragments.push(Buffer.from(payload));
        if (!fin) return;
        this.#message(this.#opcode === 2, Buffer.concat(this.#fragments));
        this.#fragments = [];
    }
  }

  #message(isBinary: boolean, bytes: Buffer): void {
    if (!this.#isNative)
      this.units.push(isBinary ? { kind: 'binary', bytes } : { kind: 'text', text: bytes.toString() });
    else if (isBinary) for (const json of decodeFrames(bytes)) this.units.push({ kind: 'frame', json, isBinary });
    else
      for (const line of bytes.toString().split('\n'))
        this.units.push({ kind: 'frame', json: JSON.parse(line), isBinary });
  }
}

function serverFrame(bytes: Buffer): { opcode: number; fin: boolean; payload: Buffer; size: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const headSize = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < headSize) return undefined;
  const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  const size = headSize + length;
  if (bytes.length < size) return undefined;
  return { opcode: bytes[0]! & 0x0f, fin: bytes[0]! >= 0x80, payload: bytes.subarray(headSize, size), size };
}

function clientFrame(opcode: number, payload: Uint8Array, fin: boolean): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | opcode;
  if (length < 126) head[1] = 0x80 | length;
  else if (length < 65_536) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  const mask = randomBytes(4);
  const masked = Buffer.from(payload);
  for (let at = 0; at < length; at++) masked[at]! ^= mask[at & 3]!;
  return Buffer.concat([head, mask, masked]);
}
