/** Bounds what may wait to be written: a broker that is away is written to for ever, and who waits may give up and come again. */
import { TributaryError } from '../base/errors.ts';
import type { TableEntry } from './table.ts';

export class WriteRoom {
  readonly #what: string;
  readonly #max: number;
  #waiting = 0;

  /** `what` goes into the error; `max` is in characters of keys and values. */
  constructor(what: string, max: number) {
    this.#what = what;
    this.#max = max;
  }

  /** The room is taken until `write` has ended. One write finds it always. QUEUE_FULL where there is not enough. */
  async hold<T>(entries: readonly TableEntry[], write: (size: number) => Promise<T>): Promise<T> {
    const size = entries.reduce((sum, [key, value]) => sum + key.length + (value?.length ?? 0), 0);
    if (this.#waiting > 0 && this.#waiting + size > this.#max) throw this.#full();
    this.#waiting += size;
    try {
      return await write(size);
    } finally {
      this.#waiting -= size;
    }
  }

  #full(): TributaryError {
    return new TributaryError(
      'QUEUE_FULL',
      `Cannot write ${this.#what}: with it more than ${this.#max} characters would wait for the broker. Ask again later`,
      { retriable: true },
    );
  }
}
