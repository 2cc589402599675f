/** Things that come one after the other and are waited for. */
export class Inbox<T> {
  readonly items: T[] = [];
  #wake: (() => void)[] = [];

  push(item: T): void {
    this.items.push(item);
    this.poke();
  }

  /** Looks again, for those who wait. */
  poke(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** The first thing `pick` makes out of the items; asks again with each new one. Throws when the time is over. */
  async until<R>(withinMs: number, what: () => string, pick: (items: T[]) => R | undefined): Promise<R> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const picked = pick(this.items);
      if (picked !== undefined) return picked;
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${what()} did not come within ${withinMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}
