/**
 * A few connections side by side for requests that a broker answers only when it has written something: it answers those of one
 * connection one after the other, and a worker that takes over hundreds of tasks sends hundreds at once. Where there is one at a
 * time they all go over the first connection.
 */
export class Lanes {
  /** Requests under way on each. */
  readonly #busy: number[];
  readonly #purposes: readonly string[];

  constructor(purposes: readonly string[]) {
    this.#purposes = purposes;
    this.#busy = purposes.map(() => 0);
  }

  /** Runs it on the first of those with the least to do. */
  async run<T>(request: (purpose: string) => Promise<T>): Promise<T> {
    const lane = this.#busy.indexOf(Math.min(...this.#busy));
    this.#busy[lane]!++;
    try {
      return await request(this.#purposes[lane]!);
    } finally {
      this.#busy[lane]!--;
    }
  }
}
