/** What was read of the spool on its way into Kafka: with acknowledgements, or in transactions that hold the position. */
import { sleep } from '../../base/abort.ts';
import type { Clock, Random } from '../../base/clock.ts';
import type { Producer } from '../../broker/broker.ts';
import type { Log } from '../../telemetry/log.ts';
import type { BatchDispatch } from '../batch-dispatch.ts';
import type { PreparedBatch } from '../batch-preparation.ts';
import { ExactlyOnce, type ExactlyOnceMetrics } from '../exactly-once.ts';
import type { OffsetTable } from '../offset-table.ts';
import { Pipeline } from '../pipeline.ts';

/** Part of the log that goes out together. */
export interface Chunk {
  readonly slot: number;
  readonly nextOffset: number;
  readonly prepared: PreparedBatch;
  readonly oldestMs: number;
  /** Nothing is behind it for now. */
  readonly isLast: boolean;
  readonly release: () => void;
}

export interface Forwarding {
  readonly producer: Producer;
  /** Waits for room. Throws what an earlier chunk failed with. */
  submit(chunk: Chunk): Promise<void>;
  /** Resolves when all that was handed in is stored, and its position with it. */
  settle(): Promise<void>;
  /** From now on nothing more counts as forwarded. Resolves when the position of what does is stored. */
  abandon(): Promise<void>;
  close(): Promise<void>;
}

/** Bytes whose position is not stored: what comes twice after a kill. */
const maxOpenBytes = 5 * 1024 * 1024;
const maxInFlight = 3;
/**
 * Positions of small chunks are stored together, so often. Each of them costs a commit two pages more, and a live feed commits a
 * thousand times a second.
 */
const positionsMs = 10;
const largeBytes = 256 * 1024;

export interface AcknowledgedOptions {
  readonly producer: Producer;
  readonly dispatch: BatchDispatch;
  /** Stores the position behind a chunk; calls come in order, and one after the other. */
  readonly onForwarded: (chunks: readonly Chunk[]) => Promise<void>;
}

/** At least once: the position follows the acknowledgement. */
export class AcknowledgedForwarding implements Forwarding {
  readonly #options: AcknowledgedOptions;
  readonly #pipeline = new Pipeline<Chunk>((chunk) => this.#acknowledged(chunk), { maxInFlight });
  #openBytes = 0;
  /** Ends the wait of a chunk for its bytes. */
  #moved: (() => void) | undefined;
  #waiting: Chunk[] = [];
  #storing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;

  constructor(options: AcknowledgedOptions) {
    this.#options = options;
  }

  get producer(): Producer {
    return this.#options.producer;
  }

  async submit(chunk: Chunk): Promise<void> {
    const { prepared } = chunk;
    await this.#room(prepared.bytes);
    this.#openBytes += prepared.bytes;
    const isEmpty = prepared.sends.length === 0;
    const sent = isEmpty ? Promise.resolve() : this.#options.dispatch.send(this.producer, prepared);
    sent.catch((error: unknown) => this.#fail(error));
    await this.#pipeline.submit(chunk, sent);
  }

  /** A chunk that is larger than the bound goes alone. */
  async #room(bytes: number): Promise<void> {
    while (this.#failure === undefined && this.#openBytes > 0 && this.#openBytes + bytes > maxOpenBytes) {
      await new Promise<void>((resolve) => {
        this.#moved = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#moved?.();
  }

  async settle(): Promise<void> {
    await this.#pipeline.drain();
    while (this.#storing !== undefined) await this.#storing;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async abandon(): Promise<void> {
    this.#isOver = true;
    this.producer.abandon();
    while (this.#storing !== undefined) await this.#storing;
  }

  close(): Promise<void> {
    return this.producer.close();
  }

  #acknowledged(chunk: Chunk): void {
    if (this.#isOver) return; // it is read and sent again, and must not count twice
    this.#waiting.push(chunk);
    this.#storing ??= this.#store();
  }

  async #store(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        if (bytesOf(this.#waiting) < largeBytes) await sleep(positionsMs);
        const chunks = this.#waiting.splice(0);
        await this.#options.onForwarded(chunks);
        this.#openBytes -= bytesOf(chunks);
        this.#moved?.();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#storing = undefined;
    }
  }
}

function bytesOf(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { prepared }) => sum + prepared.bytes, 0);
}

export interface TransactionalOptions {
  readonly connector: string;
  readonly transactionalId: string;
  readonly open: () => Promise<Producer>;
  readonly dispatch: BatchDispatch;
  /** Of the workers: the position stands in it, written with the records. */
  readonly offsets: OffsetTable;
  /** Under which name of a connector, which is none. */
  readonly positionsOf: string;
  readonly log: LogIdentity;
  readonly transactionTimeoutMs: number;
  readonly metrics: ExactlyOnceMetrics;
  readonly logger: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onForwarded: (chunks: readonly Chunk[]) => Promise<void>;
}

/** A transaction is ended at so many bytes, and where nothing is left to read. */
const transactionBytes = 4 * 1024 * 1024;

/** Exactly once: records and position in one transaction, which is sent again as a whole where it breaks. */
export class TransactionalForwarding implements Forwarding {
  readonly #delivery: ExactlyOnce;
  readonly #log: LogIdentity;
  readonly #chunks = new Map<PreparedBatch, Chunk>();
  readonly #onForwarded: TransactionalOptions['onForwarded'];
  #stored: Promise<void> = Promise.resolve();
  #submitting: Promise<void> = Promise.resolve();
  /** What the last chunk has left open: another one was behind it. */
  #openAt: ReturnType<typeof positionEntry> | undefined;
  #bytes = 0;
  #committed: Chunk[] = [];
  /** Nothing to send was in them; they are done with the transaction around them. */
  #empty: Chunk[] = [];

  static async start(options: TransactionalOptions): Promise<TransactionalForwarding> {
    const { connector, offsets, positionsOf, logger, signal } = options;
    let made: TransactionalForwarding | undefined;
    const delivery = await ExactlyOnce.start({
      ...options,
      connector: positionsOf,
      offsets,
      boundary: { kind: 'connector' },
      mayCommit: () => true, // these records are nowhere else: nobody can have taken this over
      log: logger.child({ connector }),
      startSignal: signal,
      onDelivered: ({ prepared }) => made?.delivered(prepared),
    });
    made = new TransactionalForwarding(delivery, options);
    return made;
  }

  private constructor(delivery: ExactlyOnce, { log, onForwarded }: TransactionalOptions) {
    this.#delivery = delivery;
    this.#log = log;
    this.#onForwarded = onForwarded;
  }

  get producer(): Producer {
    return this.#delivery.producer;
  }

  submit(chunk: Chunk): Promise<void> {
    this.#submitting = this.#submit(chunk);
    return this.#submitting;
  }

  async #submit(chunk: Chunk): Promise<void> {
    const { prepared, slot, nextOffset, isLast } = chunk;
    this.#bytes += prepared.bytes;
    const isEnd = isLast || this.#bytes >= transactionBytes;
    if (prepared.sends.length === 0) this.#empty.push(chunk);
    else this.#chunks.set(prepared, chunk);
    await this.#deliver(positionEntry(this.#log, slot, nextOffset), prepared, isEnd);
  }

  async #deliver(position: ReturnType<typeof positionEntry>, prepared: PreparedBatch, isEnd: boolean): Promise<void> {
    this.#openAt = isEnd ? undefined : position;
    if (isEnd) this.#bytes = 0;
    const end = isEnd ? { transactionEnd: 'commit' as const } : {};
    await this.#delivery.submit({ batch: { ...position, receivedAtMs: 0, ...end }, prepared });
    if (isEnd) this.#committed.push(...this.#empty.splice(0));
    const committed = this.#committed.splice(0);
    if (committed.length === 0) return;
    await this.#stored;
    this.#stored = this.#onForwarded(committed);
    this.#stored.catch(() => {}); // told by the next submit, or by settle
  }

  delivered(prepared: PreparedBatch): void {
    const chunk = this.#chunks.get(prepared);
    this.#chunks.delete(prepared);
    if (chunk !== undefined) this.#committed.push(chunk);
  }

  /** Where what was behind the last chunk has been given up meanwhile, nobody else ends the transaction. */
  async settle(): Promise<void> {
    await this.#submitting;
    if (this.#openAt !== undefined) await this.#deliver(this.#openAt, nothing, true);
    await this.#stored;
  }

  async abandon(): Promise<void> {
    this.#delivery.abandon();
    await this.#stored.catch(() => {}); // told by whoever submitted
  }

  close(): Promise<void> {
    return this.#delivery.closeProducer();
  }
}

/** Of a chunk that there is none of. */
const nothing: PreparedBatch = {
  ...{ sends: [], letters: [], records: 0, bytes: 0, filtered: 0, failure: undefined, left: 0, inputs: new Map() },
};

/** A log that is made again has the same name and begins at 0: only the id tells that an older position is not its own. */
export interface LogIdentity {
  readonly name: string;
  readonly id: string;
}

/** As it stands in the workers' table of offsets. */
export function positionEntry({ name, id }: LogIdentity, slot: number, position: number) {
  return { partition: { log: name, id, slot }, offset: { position } };
}
