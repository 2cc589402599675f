/**
 * Batches on their way to the broker: a bounded number, acknowledged in the order in which they were handed in.
 *
 * There is no timer that waits for a batch to grow. While nothing is in flight a single record goes at once; while the
 * bound is reached nobody pulls, so the next batch is all that arrived meanwhile.
 */
export interface PipelineOptions {
  /** Default 3. More would only make batches smaller: the broker has five in flight a partition by itself. */
  readonly maxInFlight?: number;
}

interface Pending<T> {
  readonly item: T;
  done: boolean;
}

export class Pipeline<T> {
  readonly #maxInFlight: number;
  readonly #onAcknowledged: (item: T) => void;
  readonly #pending: Pending<T>[] = [];
  #inFlight = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** `onAcknowledged` is called once an item and all before it are stored. */
  constructor(onAcknowledged: (item: T) => void, { maxInFlight = 3 }: PipelineOptions = {}) {
    this.#onAcknowledged = onAcknowledged;
    this.#maxInFlight = maxInFlight;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Items handed in and not acknowledged. */
  get pending(): readonly T[] {
    return this.#pending.map(({ item }) => item);
  }

  /** Items that are not stored as far as is known; one behind a failed one may be, and is not acknowledged. */
  get unstored(): readonly T[] {
    return this.#pending.filter(({ done }) => !done).map(({ item }) => item);
  }

  /** Starts a send and waits until there is room for another one. Throws what an earlier send failed with. */
  async submit(item: T, send: Promise<unknown>): Promise<void> {
    const pending: Pending<T> = { item, done: false };
    this.#pending.push(pending);
    this.#inFlight++;
    send.then(
      () => this.#settle(pending),
      (error: unknown) => {
        this.#failure ??= { error };
        this.#release();
      },
    );
    await this.#until(() => this.#inFlight < this.#maxInFlight);
  }

  /** Waits for all that is in flight. Throws what a send failed with. */
  async drain(): Promise<void> {
    await this.#until(() => this.#inFlight === 0);
  }

  #settle(pending: Pending<T>): void {
    pending.done = true;
    while (this.#pending[0]?.done === true) this.#onAcknowledged(this.#pending.shift()!.item);
    this.#release();
  }

  #release(): void {
    this.#inFlight--;
    this.#wake?.();
  }

  async #until(condition: () => boolean): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (condition()) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
