/**
 * One question, or one piece of work, for all that ask for it: one at a time, and who asks while one is under way shares the next. None
 * began before the call that gets its answer: who has just changed something sees it, or has it done.
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
