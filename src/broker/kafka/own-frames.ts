/**
 * Requests of our own over a connection that the client library has opened and authenticated. The library puts each request
 * together in new memory, half a megabyte at a time outside the heap, for which V8 then collects garbage without end:
 * that was half of all processor time of a feed at full speed. Here the parts are written as they lie, and only the
 * answers of our own requests are taken out of what comes; all other bytes go to the library, which does not notice.
 */
import type { Socket } from 'node:net';
import { asBuffer } from '../../base/as-buffer.ts';
import { GrowingBytes } from '../../base/growing-bytes.ts';
import type { ReusedRead } from '../../net/reused-read.ts';
import type { SpareMemory } from './spare-memory.ts';

/** The library counts its requests from 1, we ours from here. */
const firstId = 2 ** 30;
const lastId = 2 ** 31 - 1;
/** Size and correlation id, both int32: what has to be there to know whose answer it is. */
const frameHead = 8;
/** Parts below that are joined: a system call takes a thousand parts at most, and each costs more than its copy. */
const smallBytes = 4096;

interface OwnRequest {
  /** Gets the answer behind the header, or what ended the connection. */
  readonly done: (error: Error | undefined, answer: Buffer | undefined) => void;
  readonly timer: NodeJS.Timeout;
}

export class OwnFrames {
  readonly #socket: Socket;
  readonly #clientId: Buffer;
  readonly #timeoutMs: number;
  readonly #spare: SpareMemory;
  readonly #library: readonly ((bytes: Buffer) => void)[];
  /** What comes is good for the moment only: what is given away is copied. */
  readonly #isLent: boolean;
  readonly #requests = new Map<number, OwnRequest>();
  #nextId = firstId;
  /** A frame whose end has not come: its beginning, or, where the library has it, how much of it is still to come. */
  readonly #begun = new GrowingBytes();
  #librarysLeft = 0;
  #isEnded = false;

  /** At the end of an answer: right after the connection was made. `read`: how the socket reads, where it is not as sockets do. */
  constructor(socket: Socket, clientId: string, timeoutMs: number, spare: SpareMemory, read?: ReusedRead) {
    this.#socket = socket;
    this.#clientId = Buffer.from(clientId);
    this.#timeoutMs = timeoutMs;
    this.#spare = spare;
    this.#library = socket.listeners('data') as ((bytes: Buffer) => void)[];
    socket.removeAllListeners('data');
    this.#isLent = read !== undefined;
    if (read === undefined) socket.on('data', (bytes: Buffer) => this.#take(bytes));
    else this.#take(read.divert(socket, (bytes) => this.#take(asBuffer(bytes))));
  }

  /**
   * Request header v2, answer header v1. The memory of `parts` must stay as it is until `done`, which is called once: with
   * the answer, a view, or with an error when the connection ended before, or was ended because the time was over.
   */
  send(apiKey: number, version: number, parts: readonly Buffer[], done: OwnRequest['done']): void {
    if (this.#isEnded) {
      process.nextTick(done, new Error('Connection closed'), undefined);
      return;
    }
    const id = this.#nextId;
    this.#nextId = id === lastId ? firstId : id + 1;
    const timer = setTimeout(() => this.#timedOut(id), this.#timeoutMs);
    this.#requests.set(id, { done, timer });
    const body = parts.reduce((sum, { length }) => sum + length, 0);
    this.#socket.cork();
    for (const piece of joined([this.#header(apiKey, version, id, body), ...parts])) this.#socket.write(piece);
    this.#socket.uncork();
  }

  /** Nobody looks at that answer any more: a later one may be received in its memory. */
  recycle({ buffer }: Buffer): void {
    this.#spare.giveBack(buffer);
  }

  /** The connection is gone: fails what has no answer. */
  end(): void {
    this.#isEnded = true;
    const left = [...this.#requests.values()];
    this.#requests.clear();
    for (const { done, timer } of left) {
      clearTimeout(timer);
      done(new Error('Connection closed'), undefined);
    }
  }

  #header(apiKey: number, version: number, id: number, bodyBytes: number): Buffer {
    const name = this.#clientId;
    const header = Buffer.allocUnsafe(15 + name.length);
    header.writeInt32BE(header.length - 4 + bodyBytes, 0);
    header.writeInt16BE(apiKey, 4);
    header.writeInt16BE(version, 6);
    header.writeInt32BE(id, 8);
    header.writeInt16BE(name.length, 12);
    name.copy(header, 14);
    header[14 + name.length] = 0; // no tagged fields
    return header;
  }

  #timedOut(id: number): void {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    this.#socket.destroy(); // what would be answered later could be taken for the answer of nothing
    request?.done(new Error('Request timed out'), undefined);
  }

  #take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#librarysLeft > 0) {
        const end = Math.min(at + this.#librarysLeft, bytes.length);
        this.#librarysLeft -= end - at;
        this.#toLibrary(this.#kept(bytes.subarray(at, end)));
        at = end;
      } else if (this.#begun.length > 0) at = this.#goOn(bytes, at);
      else at = this.#begin(bytes, at);
    }
  }

  /** A frame begins at `at`. Gives where reading goes on. */
  #begin(bytes: Buffer, at: number): number {
    if (bytes.length - at < frameHead) {
      this.#begun.append(bytes, at, bytes.length);
      return bytes.length;
    }
    const size = 4 + bytes.readUInt32BE(at);
    if (!this.#isOurs(size, bytes.readInt32BE(at + 4))) {
      this.#librarysLeft = size;
      return at;
    }
    const end = at + size;
    if (end > bytes.length) {
      const memory = this.#spare.take(size);
      if (memory !== undefined) this.#begun.startIn(memory);
      this.#begun.append(bytes, at, bytes.length, size);
      return bytes.length;
    }
    this.#answer(this.#kept(bytes.subarray(at, end)));
    return end;
  }

  #goOn(bytes: Buffer, at: number): number {
    const begun = this.#begun;
    if (begun.length < frameHead) {
      const end = Math.min(at + frameHead - begun.length, bytes.length);
      begun.append(bytes, at, end);
      if (begun.length < frameHead) return end;
      at = end;
    }
    const head = asBuffer(begun.bytes);
    const size = 4 + head.readUInt32BE(0);
    if (!this.#isOurs(size, head.readInt32BE(4))) {
      this.#librarysLeft = Math.max(size - begun.length, 0);
      this.#toLibrary(asBuffer(begun.take()));
      return at;
    }
    const end = Math.min(at + Math.max(size - begun.length, 0), bytes.length);
    begun.append(bytes, at, end, size);
    if (begun.length >= size) this.#answer(asBuffer(begun.take()));
    return end;
  }

  /** What is too short for an answer the library may complain of. */
  #isOurs(size: number, id: number): boolean {
    return size > frameHead && this.#requests.has(id);
  }

  /** Behind size, correlation id and the empty tagged fields of the header. */
  #answer(frame: Buffer): void {
    const id = frame.readInt32BE(4);
    const { done, timer } = this.#requests.get(id)!;
    this.#requests.delete(id);
    clearTimeout(timer);
    done(undefined, frame.subarray(frameHead + 1));
  }

  #kept(bytes: Buffer): Buffer {
    return this.#isLent ? Buffer.from(bytes) : bytes;
  }

  #toLibrary(bytes: Buffer): void {
    for (const listener of this.#library) listener.call(this.#socket, bytes);
  }
}

function joined(parts: readonly Buffer[]): Buffer[] {
  const pieces: Buffer[] = [];
  let small: Buffer[] = [];
  const close = (): void => {
    if (small.length > 0) pieces.push(small.length === 1 ? small[0]! : Buffer.concat(small));
    small = [];
  };
  for (const part of parts) {
    if (part.length < smallBytes) small.push(part);
    else {
      close();
      pieces.push(part);
    }
  }
  close();
  return pieces;
}
