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
  readonly flushIntervalMs: number;
  /** Told of each batch in order, once it and all before it are stored. */
  readonly onDelivered: (item: Delivered) => void;
}

export class AtLeastOnce implements Delivery {
  readonly #options: AtLeastOnceOptions;
  readonly #pipeline: Pipeline<Delivered>;
  readonly #flushing = new AbortController();
  readonly #flushed: Promise<void>;

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
  }

  closeProducer(): Promise<void> {
    this.#flushing.abort();
    return this.producer.close();
  }

  async storeOffsets(): Promise<void> {
    await this.#flushed;
    await this.#options.commits.store();
  }
}
