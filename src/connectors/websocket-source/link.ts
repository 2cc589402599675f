/** An open connection: feeds the reader, answers pings, holds the socket back when the intake is full. */
import type { Socket } from 'node:net';
import type { Cause } from '../../net/cause.ts';
import type { ReusedRead } from '../../net/reused-read.ts';
import type { Answers } from './answers.ts';
import { FrameFault } from './frame-fault.ts';
import { type FrameHandler, FrameReader, type TextHandler } from './frame-reader.ts';
import { encodeClose, encodeFrame, opcodes } from './frame-writer.ts';
import { Inflater, type InflaterOptions } from './inflater.ts';
import type { Intake } from './intake.ts';

/** Answers to pings are left out while this much waits to be sent: a peer that floods us must not fill our memory. */
const mostUnsentBytes = 65_536;

export interface LinkEvents {
  closeReceived(code: number, reason: string): void;
  malformed(fault: FrameFault): void;
  /** The socket is gone, and everything that came over it is in the intake. */
  ended(cause: Cause, withinMessage: boolean): void;
  paused(): void;
}

/** What a link does with messages. */
export type Receiver = Pick<
  Intake,
  'texts' | 'message' | 'begin' | 'settle' | 'isFull' | 'isHolding' | 'keepsViews' | 'abandon' | 'opened' | 'closed'
>;

export interface LinkOptions {
  readonly socket: Socket;
  /** Where the bytes can be had without the socket's stream. */
  readonly read: ReusedRead | null;
  /** Bytes that came together with the answer to the upgrade. */
  readonly head: Uint8Array;
  readonly deflate: InflaterOptions | null;
  readonly maxMessageBytes: number;
  readonly intake: Receiver;
  /** Which of its connections this is. */
  readonly number?: number;
  /** To which of the servers of a redundant pair. */
  readonly server?: number;
  /** Of the server to what it is asked for; null: nobody can tell them. */
  readonly answers?: Answers | null;
  readonly monotonicMs: () => number;
  readonly events: LinkEvents;
}

export class Link {
  readonly #socket: Socket;
  readonly #intake: Receiver;
  readonly #number: number;
  readonly #reader: FrameReader;
  readonly #monotonicMs: () => number;
  readonly #events: LinkEvents;
  /** When bytes last came. */
  heardAtMs: number;
  /** When a message last came that was no heartbeat reply; undefined before the first. */
  messageAtMs: number | undefined;
  #paused = false;
  /** We said goodbye: what still comes is not read. */
  #leaving = false;
  #gone: Cause | undefined;
  /** Bytes that had come when the socket was lost while it was held back. */
  #left: Uint8Array | null = null;
  #reportedEnd = false;
  #error: Error | undefined;

  constructor(options: LinkOptions) {
    const { socket, read, head, deflate, maxMessageBytes, intake, number = 0, server, monotonicMs, events } = options;
    this.#socket = socket;
    this.#intake = intake;
    this.#number = number;
    intake.opened(number, server);
    this.#monotonicMs = monotonicMs;
    this.#events = events;
    this.heardAtMs = monotonicMs();
    this.#reader = new FrameReader(
      {
        ...this.#messages(intake, options.answers ?? null),
        ping: (payload) => this.#send(opcodes.pong, payload),
        pong: () => {},
        close: (code, reason) => events.closeReceived(code, reason),
      },
      {
        maxBytes: maxMessageBytes,
        inflater: deflate === null ? null : new Inflater(deflate),
        copies: !intake.keepsViews,
      },
    );
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 15_000);
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.once('close', () => this.#onGone());
    if (read === null) {
      if (head.length > 0) socket.unshift(head);
      socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    } else this.#divert(read, head);
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** True while messages that have come wait for room in the queue. */
  get hasUnread(): boolean {
    return this.#reader.hasUnread;
  }

  /** Something was taken from the queue: reads on. */
  resume(): void {
    // Room in the queue does not help a message that waits for those before it.
    if (!this.#paused || this.#intake.isHolding) return;
    this.heardAtMs = this.#monotonicMs();
    this.#read(null);
    if (this.#left !== null && !this.#reader.hasUnread && !this.#intake.isFull) {
      const left = this.#left;
      this.#left = null;
      this.#read(left);
    }
    if (this.#reader.hasUnread || this.#left !== null || (this.#intake.isFull && this.#gone === undefined)) return;
    this.#paused = false;
    if (this.#gone !== undefined) this.#reportEnd();
    else this.#socket.resume();
  }

  sendText(text: string): void {
    this.#send(opcodes.text, Buffer.from(text));
  }

  ping(): void {
    this.#send(opcodes.ping, new Uint8Array(0));
  }

  /** Unasked (RFC 6455, 5.5.3): tells a server that its pings, which we do not read at present, do not go to a dead peer. */
  pong(): void {
    this.#send(opcodes.pong, new Uint8Array(0));
  }

  /** Sends a close frame; the socket ends when the server ends it, or by `destroy`. */
  close(code: number, reason: string): void {
    this.#leaving = true;
    if (this.#socket.writable) this.#socket.write(encodeClose(code, reason));
    // Read on, to notice the end; nothing is kept of it.
    this.#socket.resume();
  }

  destroy(): void {
    this.#leaving = true;
    this.#socket.destroy();
  }

  /** Nobody will take what has come and was not read yet: its messages are counted. `now`: nor wait for the peer. */
  abandon(now: boolean): void {
    const behind = this.#left ?? (this.#socket.readableLength > 0 ? takeBuffered(this.#socket) : null);
    this.#intake.abandon(this.#reader.unreadMessages(behind));
    this.#reader.end();
    this.#left = null;
    this.#paused = false;
    if (this.#gone !== undefined) this.#reportEnd();
    else if (now) this.destroy();
  }

  /** Where the answers to subscriptions are looked for, messages are read one by one until they have come. */
  #messages(intake: Receiver, answers: Answers | null): Pick<FrameHandler, 'message' | 'texts'> {
    if (answers === null) {
      return { message: (payload, binary) => intake.message(payload, binary), texts: intake.texts };
    }
    const link = this;
    const texts: TextHandler = {
      get records() {
        return answers.isAwaited(link.heardAtMs) ? 0 : intake.texts.records;
      },
      get bytes() {
        return intake.texts.bytes;
      },
      get isFull() {
        return intake.texts.isFull;
      },
      take: (chunk, spans, count) => intake.texts.take(chunk, spans, count),
    };
    const message = (payload: Uint8Array, binary: boolean): boolean => {
      if (!binary && answers.isAwaited(this.heardAtMs)) answers.see(payload);
      return intake.message(payload, binary);
    };
    return { message, texts };
  }

  /** The bytes come in memory that is used again; who keeps views of them gets a copy. */
  #divert(read: ReusedRead, head: Uint8Array): void {
    const keepsViews = this.#intake.keepsViews;
    const rest = read.divert(this.#socket, (bytes) => this.#onData(keepsViews ? Buffer.from(bytes) : bytes));
    const first = Buffer.concat([head, rest]);
    // Later, as from a stream: whoever has made this link has yet to hear of it. Nothing is read from the socket before.
    if (first.length > 0) process.nextTick(() => this.#onData(first));
    this.#socket.resume();
  }

  #onData(chunk: Uint8Array): void {
    if (this.#leaving) return;
    this.heardAtMs = this.#monotonicMs();
    this.#read(chunk);
    if (!this.#reader.hasUnread && !this.#intake.isFull) return;
    this.#paused = true;
    this.#events.paused();
    if (!this.#leaving) this.#socket.pause();
  }

  #read(chunk: Uint8Array | null): void {
    this.#intake.begin(this.heardAtMs, this.#number);
    try {
      if (chunk === null) this.#reader.resume();
      else this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof FrameFault)) throw error;
      this.#events.malformed(error);
    } finally {
      if (this.#intake.settle()) this.messageAtMs = this.heardAtMs;
    }
  }

  #onGone(): void {
    const text = this.#error === undefined ? 'connection ended without a close frame' : this.#error.message;
    this.#gone = { label: 'lost', text };
    if (this.#paused && !this.#leaving) this.#left = takeBuffered(this.#socket);
    if (!this.#reader.hasUnread && this.#left === null) this.#reportEnd();
  }

  #reportEnd(): void {
    if (this.#reportedEnd) return;
    this.#reportedEnd = true;
    const withinMessage = this.#reader.isWithinMessage && !this.#leaving;
    this.#reader.end();
    this.#intake.closed(this.#number, this.#monotonicMs());
    this.#events.ended(this.#gone!, withinMessage);
  }

  #send(opcode: number, payload: Uint8Array): void {
    if (!this.#socket.writable || this.#leaving) return;
    if (opcode === opcodes.pong && this.#socket.writableLength > mostUnsentBytes) return;
    this.#socket.write(encodeFrame(opcode, payload));
  }
}

/** What the stream holds of a socket that was destroyed by an error: nobody else will ever hand it out. */
function takeBuffered(socket: Socket): Uint8Array | null {
  socket.removeAllListeners('data');
  const chunks: Buffer[] = [];
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? null : Buffer.concat(chunks);
}
