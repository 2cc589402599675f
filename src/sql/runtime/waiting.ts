import { sleep } from '../../base/abort.ts';
import { isRetriable } from '../../base/errors.ts';

/** Between two tries of what a broker that is away did not take. */
const retryMs = 500;

/** Tries again for as long as the broker may come back. */
export async function waiting<T>(signal: AbortSignal, step: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!isRetriable(error) || signal.aborted) throw error;
      await sleep(retryMs, signal);
    }
  }
}
