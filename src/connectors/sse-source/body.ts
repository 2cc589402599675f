/** The body of an answer: unpacks it, feeds the parser, and holds the server back when the intake is full. */
import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { describeError } from '../../base/errors.ts';
import type { Cause } from '../../net/cause.ts';
import { EventStreamParser } from '../../wire/sse/event-stream-parser.ts';
import { contentEncoding } from './ask.ts';
import { decoderFor } from './decoder.ts';
import type { Intake } from './intake.ts';

export interface BodyEvents {
  /** The response is over, and everything that came by it is in the intake. */
  ended(cause: Cause, withinEvent: boolean): void;
  paused(): void;
}

export interface BodyOptions {
  readonly response: IncomingMessage;
  readonly intake: Intake;
  readonly maxEventBytes: number;
  readonly lastEventId: Uint8Array | null;
  readonly monotonicMs: () => number;
  readonly events: BodyEvents;
}

export class Body {
  readonly #response: IncomingMessage;
  readonly #intake: Intake;
  readonly #parser: EventStreamParser;
  readonly #monotonicMs: () => number;
  readonly #events: BodyEvents;
  /** What the parser reads from: the response, or what unpacks it. Known with the first bytes. */
  #source: Readable;
  #decoder: Transform | null = null;
  /** When bytes last came. */
  heardAtMs: number;
  #reading = false;
  #paused = false;
  #abandoned = false;
  #parsing = false;
  #gone: Cause | undefined;
  /** Bytes that had come when the stream was over while it was held back. */
  #left: Uint8Array[] = [];
  #reportedEnd = false;
  #error: Error | undefined;

  constructor({ response, intake, maxEventBytes, lastEventId, monotonicMs, events }: BodyOptions) {
    this.#response = response;
    this.#source = response;
    this.#intake = intake;
    this.#monotonicMs = monotonicMs;
    this.#events = events;
    this.heardAtMs = monotonicMs();
    this.#parser = new EventStreamParser(intake, maxEventBytes, lastEventId);
    response.on('error', (error) => {
      this.#error ??= error;
    });
    response.once('close', () => this.#onResponseGone());
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** null also where nothing is read of it. */
  get lastEventId(): Uint8Array | null {
    return this.#reading ? this.#parser.lastEventId : null;
  }

  /** Reads from now on. Before, nothing is taken from the socket; a body that is not read is destroyed. */
  read(): void {
    this.#reading = true;
    const encoding = contentEncoding(this.#response);
    if (encoding === '' || encoding === 'identity') {
      this.#readFrom(this.#response);
      return;
    }
    // The first bytes tell which form of deflate it is.
    this.#response.once('readable', () => {
      const first = this.#response.read() as Buffer | null;
      if (first === null) return; // it is over
      const decoder = decoderFor(encoding, first)!;
      this.#decoder = decoder;
      decoder.on('error', (error) => {
        this.#error = new Error(`cannot unpack the stream (${encoding})`, { cause: error });
        this.#response.destroy();
        this.#onSourceGone();
      });
      decoder.once('end', () => this.#onSourceGone());
      this.#readFrom(decoder);
      decoder.write(first);
      this.#response.pipe(decoder, { end: false });
      if (this.#response.closed) this.#onResponseGone();
    });
  }

  /** Something was taken from the queue: reads on. */
  resume(): void {
    if (!this.#paused) return;
    this.heardAtMs = this.#monotonicMs();
    this.#parse(null);
    this.#readLeft();
    if (this.#parser.hasUnread || this.#left.length > 0) return;
    if (this.#intake.isFull && this.#gone === undefined) return;
    this.#paused = false;
    if (this.#gone !== undefined) this.#reportEnd();
    else this.#source.resume();
  }

  /** Ends the request. What has come is still read. */
  destroy(): void {
    this.#response.destroy();
  }

  /** Nobody will take what has come and was not read yet: whole events of it are counted, but for those still packed. */
  abandon(): void {
    if (!this.#abandoned) {
      this.#abandoned = true;
      this.#intake.abandon();
      if (this.#reading && !this.#parsing) this.#countUnread();
    }
    this.#paused = false;
    if (this.#gone !== undefined) this.#reportEnd();
    else {
      this.#response.destroy();
      this.#decoder?.destroy();
    }
  }

  #readFrom(source: Readable): void {
    this.#source = source;
    source.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  #onData(chunk: Uint8Array): void {
    if (this.#abandoned) return;
    this.heardAtMs = this.#monotonicMs();
    this.#parse(chunk);
    if (this.#abandoned || (!this.#parser.hasUnread && !this.#intake.isFull)) return;
    this.#paused = true;
    this.#events.paused();
    this.#source.pause();
  }

  #readLeft(): void {
    while (this.#left.length > 0 && !this.#parser.hasUnread && !this.#intake.isFull) this.#parse(this.#left.shift()!);
  }

  #parse(chunk: Uint8Array | null): void {
    this.#intake.begin(this.heardAtMs);
    this.#parsing = true;
    if (chunk === null) this.#parser.resume();
    else this.#parser.push(chunk);
    this.#parsing = false;
    this.#intake.settle(chunk?.length ?? 0);
    if (this.#abandoned && this.#parser.hasUnread) this.#countUnread(); // an event has just ended the stream for good
  }

  #countUnread(): void {
    const chunks = [...this.#left, ...buffered(this.#source)];
    this.#left = [];
    this.#parse(null);
    for (const chunk of chunks) this.#parse(chunk);
  }

  /** The socket is gone, or the answer is complete. What unpacks may still hold something. */
  #onResponseGone(): void {
    const decoder = this.#decoder;
    if (decoder === null || this.#abandoned) {
      this.#onSourceGone();
      return;
    }
    this.#response.unpipe(decoder);
    for (const chunk of buffered(this.#response)) decoder.write(chunk);
    decoder.end();
  }

  #onSourceGone(): void {
    if (this.#gone !== undefined) return;
    const isWhole = this.#response.complete && this.#error === undefined;
    const text = this.#error === undefined ? 'connection was cut' : describeError(this.#error);
    this.#gone = isWhole
      ? { label: 'end_of_stream', text: 'server ended the stream' }
      : { label: this.#decoder !== null && this.#error?.cause !== undefined ? 'content_encoding' : 'lost', text };
    if (this.#reading && !this.#abandoned) {
      this.#left = buffered(this.#source);
      if (!this.#paused) this.#readLeft();
      this.#paused = this.#left.length > 0 || this.#parser.hasUnread;
    }
    if (!this.#paused) this.#reportEnd();
  }

  #reportEnd(): void {
    if (this.#reportedEnd) return;
    this.#reportedEnd = true;
    this.#events.ended(this.#gone!, this.#parser.isWithinEvent && !this.#abandoned);
  }
}

/** What the stream holds and nobody will hand out any more. */
function buffered(source: Readable): Uint8Array[] {
  source.removeAllListeners('data');
  const chunks: Uint8Array[] = [];
  for (let chunk = source.read(); chunk !== null; chunk = source.read()) chunks.push(chunk as Buffer);
  return chunks;
}
