/** Where batches come from. */
export interface Pulled<Batch> {
  readonly length: number;
  take(): Batch;
  /** Reads on, where reading was held back. */
  resume(): void;
  /** True: nothing will come any more. Throws what it ended with. */
  isOver(): boolean;
}

/** Those who wait until there is something to take, or until it has ended. */
export class Waiters {
  #waiting: (() => void)[] = [];

  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  notified(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}

/** Everything that arrived since the last call, as soon as there is something. undefined: over, nothing is left. */
export async function pull<Batch>(source: Pulled<Batch>, waiters: Waiters): Promise<Batch | undefined> {
  for (;;) {
    if (source.length > 0) return source.take();
    source.resume();
    if (source.length > 0) continue;
    if (source.isOver()) return undefined;
    await waiters.notified();
  }
}
