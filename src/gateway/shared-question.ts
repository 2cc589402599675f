/**
 * One question to the broker for all that ask it: one at a time, and who asks while one is on its way shares the next. No answer is
 * older than the call that gets it: who has just changed something sees it.
 */
export class SharedQuestion<T> {
  readonly #ask: () => Promise<T>;
  readonly #done: () => void;
  #current: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  /** `done`: nobody waits any more. */
  constructor(ask: () => Promise<T>, done: () => void = () => {}) {
    this.#ask = ask;
    this.#done = done;
  }

  ask(): Promise<T> {
    if (this.#current === undefined) {
      this.#current = this.#run();
      return this.#current;
    }
    this.#next ??= this.#current
      .catch(() => {})
      .then(() => {
        this.#current = this.#next;
        this.#next = undefined;
        return this.#run();
      });
    return this.#next;
  }

  async #run(): Promise<T> {
    try {
      return await this.#ask();
    } finally {
      if (this.#next === undefined) {
        this.#current = undefined;
        this.#done();
      }
    }
  }
}
