/**
 * The epoch under which the position of a spooled task goes to Kafka's table. A look at who owns the task, right before a
 * write, cannot hold back one that is on its way when the worker is cut off; a higher epoch of the next owner can.
 */
import { describeError, TributaryError } from '../../base/errors.ts';
import type { Broker, Producer } from '../../broker/broker.ts';
import type { Log } from '../../telemetry/log.ts';
import { openFenced } from '../task-fence.ts';

export interface PositionFenceOptions {
  readonly kafka: Pick<Broker, 'producer'>;
  readonly fencingId: string;
  /** Monotonic time when that was sent whose answer last said that this worker is one of the group; infinite without a group. */
  readonly heardAtMs: () => number;
  readonly monotonicMs: () => number;
  readonly log: Log;
}

export class PositionFence {
  readonly #options: PositionFenceOptions;
  readonly #ended = new AbortController();
  #opening: Promise<Producer | undefined> | undefined;
  #isUnfenced = false;
  #refusedAtMs: number | undefined;

  constructor(options: PositionFenceOptions) {
    this.#options = options;
  }

  /**
   * Why the task cannot go on: another one has its id, and there is no group that could say whose it is. Of a group's worker
   * the group's word decides.
   */
  get failure(): TributaryError | undefined {
    if (this.#refusedAtMs === undefined || Number.isFinite(this.#options.heardAtMs())) return undefined;
    return new TributaryError(
      'PRODUCER_FENCED',
      `Cannot go on as "${this.#options.fencingId}": another worker has started this task since`,
    );
  }

  /** Kafka has refused the id for good. */
  get isUnfenced(): boolean {
    return this.#isUnfenced;
  }

  /**
   * What to write with, the epoch raised before its first use; `undefined` in it where Kafka does not fence. Absent as a whole while
   * a refusal stands (one that took the epoch back by what it last heard would take the task from its owner), and once it has
   * ended. BROKER_UNAVAILABLE where no coordinator has answered.
   */
  async opened(): Promise<{ readonly by: Producer | undefined } | undefined> {
    if (this.#ended.signal.aborted) return undefined;
    if (this.#refusedAtMs !== undefined) {
      const heardAtMs = this.#options.heardAtMs();
      if (!Number.isFinite(heardAtMs) || heardAtMs <= this.#refusedAtMs) return undefined;
      this.#refusedAtMs = undefined;
    }
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined; // tried again with the next position
      throw error;
    });
    return { by: await this.#opening };
  }

  /** Kafka has refused a write: somebody else has raised the epoch. */
  refused(error: unknown): void {
    this.#refusedAtMs = this.#options.monotonicMs();
    this.#options.log.warn('spool_offset_refused', {
      reason: describeError(error),
      detail: 'another worker has started this task since',
    });
    void this.#giveUp();
  }

  /** Another run takes its place, or none will. What is still on its way may be written or not: either is known to be this spool's. */
  end(): void {
    this.#ended.abort();
    void this.#giveUp();
  }

  async #giveUp(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    const producer = await opening?.catch(() => undefined); // whoever waits for it is told
    producer?.abandon();
    await producer?.close().catch(() => {}); // it has nothing left to write
  }

  #open(): Promise<Producer | undefined> {
    const { kafka, fencingId, log } = this.#options;
    const { signal } = this.#ended;
    return openFenced(
      () => kafka.producer({ fencingId, signal, deliveryTimeoutMs: Number.POSITIVE_INFINITY }),
      (reason) => {
        this.#isUnfenced = true;
        log.warn('task_not_fenced', { transactional_id: fencingId, reason });
      },
    );
  }
}
