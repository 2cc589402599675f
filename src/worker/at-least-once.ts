/** Several batches on their way at once; offsets are stored behind them, at intervals, only over what is acknowledged. */
import type { Producer } from '../broker/broker.ts';
import type { BatchDispatch } from './batch-dispatch.ts';
import { type Delivered, type Delivery, movesOffset, sendsNothing } from './delivery.ts';
import type { OffsetCommits } from './offset-commits.ts';
import { Pipeline } from './pipeline.ts';

export interface AtLeastOnceOptions {
  readonly producer: Producer;
  readonly dispatch: BatchDispatch;
  readonly commits: OffsetCommits;
  /** The commits are written with the same producer. */
  readonly writesOffsets?: boolean;
  readonly flushIntervalMs: number;
  /** Told of each batch in order, once it and all before it are stored. */
  readonly onDelivered: (item: Delivered) => void;
}

export class AtLeastOnce implements Delivery {
  readonly #options: AtLeastOnceOptions;
  readonly #pipeline: Pipeline<Delivered>;
  readonly #flushing = new AbortController();
  readonly #flushed: Promise<void>;
  #isFlushed = false;

  constructor(options: AtLeastOnceOptions) {
    this.#options = options;
    const { commits, onDelivered, flushIntervalMs } = options;
    this.#pipeline = new Pipeline<Delivered>((item) => {
      onDelivered(item);
      if (movesOffset(item.prepared)) commits.acknowledged(item.batch);
    });
    this.#flushed = commits.storeRegularly(flushIntervalMs, this.#flushing.signal);
  }

  get producer(): Producer {
    return this.#options.producer;
  }

  async submit(item: Delivered): Promise<void> {
    if (sendsNothing(item.prepared)) return;
    await this.#pipeline.submit(item, this.#options.dispatch.send(this.producer, item.prepared));
  }

  dueInMs(): undefined {
    return undefined;
  }

  async onDue(): Promise<void> {}

  drain(): Promise<void> {
    return this.#pipeline.drain();
  }

  unstored(): number {
    return this.#pipeline.unstored.reduce((sum, { prepared }) => sum + prepared.records, 0);
  }

  abandon(): void {
    this.producer.abandon();
    // A regular commit that was held up would else begin anew behind this, and nobody would end it.
    if (this.#options.writesOffsets === true) this.producer.close().catch(() => {}); // what was given up is told of as left
  }

  /** Where the offsets behind its records are written with it, too, it is closed behind those. */
  async closeProducer(): Promise<void> {
    this.#flushing.abort();
    if (this.#options.writesOffsets !== true) return this.producer.close();
    await this.producer.flush();
    this.#isFlushed = true;
  }

  async storeOffsets(): Promise<void> {
    try {
      await this.#flushed;
      await this.#options.commits.store();
    } finally {
      // What the broker has not taken by now is given up next: nobody waits for it twice.
      if (this.#isFlushed) await this.producer.close();
    }
  }
}
