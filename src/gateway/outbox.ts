/**
 * What waits for one WebSocket: everything of a turn of the event loop becomes one write. Text frames of the native
 * protocol are joined by line feeds, binary ones back to back; messages of the other protocols stay apart. Messages are
 * framed here: records that all subscribers share go to the socket as they lie in memory, behind a header of their own.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { DataFrame } from './data-frames.ts';

export interface OutboxOptions {
  /** Whether frames share messages. */
  readonly joins: boolean;
  /** There is room again, for somebody who was told that there is none. */
  readonly onDrain: () => void;
}

type Item = string | Buffer | DataFrame;

/** Parts of one message. */
interface Message {
  readonly isText: boolean;
  readonly parts: readonly (string | Buffer)[];
}

/** Bytes of one message at most, where frames are joined; a larger frame alone is sent as it is. */
const maxJoinedBytes = 262_144;
/** Up to so many bytes copying costs less than one more part of a write. */
const maxCopiedBytes = 4096;
/** Messages copied into one piece of memory. */
const maxGatheredBytes = 65_536;
const maxHeaderBytes = 10;

export class Outbox {
  readonly #socket: WebSocket;
  readonly #raw: Duplex;
  readonly #options: OutboxOptions;
  #items: Item[] = [];
  #bytes = 0;
  #scheduled = false;
  #unsent = 0;
  #isAwaited = false;
  readonly #written = (): void => {
    this.#unsent--;
    this.#tellRoom();
  };
  #isClosing = false;

  constructor(socket: WebSocket, raw: Duplex, options: OutboxOptions) {
    this.#socket = socket;
    this.#raw = raw;
    this.#options = options;
  }

  /** Bytes that the peer's TCP has not taken. */
  get waitingBytes(): number {
    return this.#bytes + this.#socket.bufferedAmount;
  }

  /** How much of so many bytes is free; whoever finds nothing hears of it when there is. */
  room(bytes: number): number {
    const room = bytes - this.waitingBytes;
    if (room <= 0) this.#isAwaited = true;
    return room;
  }

  /** Whoever pushes now flushes in the same turn: no other flush is scheduled. */
  hold(): void {
    this.#scheduled = true;
  }

  push(item: Item): void {
    if (this.#isClosing) return;
    this.#items.push(item);
    this.#bytes += bytesOf(item);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#items.length === 0) return;
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const messages = messagesOf(items, this.#options.joins);
    // What may be compressed is framed by `ws`, which must then have all of it.
    if (this.#socket.extensions === '') this.#write(messages);
    else this.#sendAll(messages);
  }

  /** Sends what waits, then the close frame. */
  close(code: number, reason: string): void {
    if (this.#isClosing) return;
    this.flush();
    this.#isClosing = true;
    this.#socket.close(code, reason);
  }

  #write(messages: readonly Message[]): void {
    const writes: Buffer[] = [];
    let gathered: Message[] = [];
    let bytes = 0;
    const flushGathered = (): void => {
      if (bytes > 0) writes.push(gather(gathered, bytes));
      gathered = [];
      bytes = 0;
    };
    for (const message of messages) {
      const size = byteLength(message.parts) + maxHeaderBytes;
      if (size <= maxCopiedBytes) {
        if (bytes + size > maxGatheredBytes) flushGathered();
        gathered.push(message);
        bytes += size;
        continue;
      }
      flushGathered();
      const [first, ...rest] = message.parts;
      const head = Buffer.allocUnsafe(maxHeaderBytes + byteLength([first!]));
      const at = writeHeader(head, 0, message.isText, size - maxHeaderBytes);
      writes.push(head.subarray(0, writePart(head, at, first!)));
      for (const part of rest) writes.push(typeof part === 'string' ? Buffer.from(part) : part);
    }
    flushGathered();
    this.#unsent++;
    const last = writes.pop()!;
    if (writes.length === 0) {
      this.#raw.write(last, this.#written); // the usual case; a cork would cost as much as all of our own part
      return;
    }
    this.#raw.cork();
    for (const write of writes) this.#raw.write(write);
    this.#raw.write(last, this.#written);
    this.#raw.uncork();
  }

  #sendAll(messages: readonly Message[]): void {
    this.#raw.cork();
    for (const message of messages) this.#send(message);
    this.#raw.uncork();
  }

  #send({ isText, parts }: Message): void {
    const whole = Buffer.allocUnsafe(byteLength(parts));
    let at = 0;
    for (const part of parts) at = writePart(whole, at, part);
    this.#unsent++;
    this.#socket.send(whole, { binary: !isText }, this.#written);
  }

  #tellRoom(): void {
    if (!this.#isAwaited || this.#unsent > 0) return;
    this.#isAwaited = false;
    this.#options.onDrain();
  }
}

function messagesOf(items: readonly Item[], joins: boolean): Message[] {
  const messages: Message[] = [];
  let open: { isText: boolean; parts: (string | Buffer)[]; bytes: number } | undefined;
  for (const item of items) {
    if (typeof item !== 'string' && !Buffer.isBuffer(item)) {
      messages.push(item);
      open = undefined;
      continue;
    }
    const isText = typeof item === 'string';
    const bytes = bytesOf(item);
    if (joins && open?.isText === isText && open.bytes + bytes <= maxJoinedBytes) {
      if (isText) open.parts.push('\n');
      open.parts.push(item);
      open.bytes += bytes;
    } else {
      open = { isText, parts: [item], bytes };
      messages.push(open);
    }
  }
  return messages;
}

function bytesOf(item: Item): number {
  return typeof item === 'string' ? Buffer.byteLength(item) : item.length;
}

function gather(messages: readonly Message[], maxBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(maxBytes);
  let at = 0;
  for (const { isText, parts } of messages) {
    at = writeHeader(bytes, at, isText, byteLength(parts));
    for (const part of parts) at = writePart(bytes, at, part);
  }
  return bytes.subarray(0, at);
}

/** RFC 6455, section 5.2: one final frame, unmasked. */
function writeHeader(bytes: Buffer, at: number, isText: boolean, length: number): number {
  bytes[at] = isText ? 0x81 : 0x82;
  if (length < 126) {
    bytes[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    bytes[at + 1] = 126;
    return bytes.writeUInt16BE(length, at + 2);
  }
  bytes[at + 1] = 127;
  bytes.writeUInt32BE(0, at + 2);
  return bytes.writeUInt32BE(length, at + 6);
}

function writePart(bytes: Buffer, at: number, part: string | Buffer): number {
  if (typeof part === 'string') return at + bytes.write(part, at);
  return at + part.copy(bytes, at);
}

function byteLength(parts: readonly (string | Buffer)[]): number {
  let length = 0;
  for (const part of parts) length += typeof part === 'string' ? Buffer.byteLength(part) : part.length;
  return length;
}
