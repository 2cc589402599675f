import { abortable, throwIfAborted } from './abort.ts';

/**
 * Calls that run one after the other. Whoever stops waiting for one leaves it running, and the next does not overtake it;
 * one whose signal aborts before its turn is not made.
 */
export class CallsInTurn {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(what: string, signal: AbortSignal | undefined, call: () => Promise<T> | T): Promise<T> {
    const run = this.#last.then(() => {
      throwIfAborted(signal, what);
      return call();
    });
    this.#last = run.catch(() => {}); // told to whoever made the call
    return abortable(run, signal, what);
  }

  /** Resolves when those made so far are over, however they ended. */
  async settled(): Promise<void> {
    await this.#last;
  }
}
