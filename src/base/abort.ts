import { TributaryError } from './errors.ts';

/** What a waiting call throws when its signal was aborted. */
export function abortError(signal: AbortSignal | undefined, what: string): TributaryError {
  return new TributaryError('ABORTED', `${what} was stopped before it was done`, { cause: signal?.reason });
}

export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw abortError(signal, what);
}

/** Resolves after `ms`, or at once when the signal aborts (it does not throw: the caller looks at the signal). */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** The promise, or ABORTED as soon as the signal aborts; the promise itself goes on unobserved. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  if (signal === undefined) return promise;
  if (signal.aborted) {
    promise.catch(() => {}); // its failure has no one left to tell
    return Promise.reject(abortError(signal, what));
  }
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortError(signal, what));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** The promise, or TIMEOUT (retriable) after `ms`. */
export function withTimeout<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new TributaryError('TIMEOUT', `${what} took longer than ${ms} ms`, { retriable: true })),
      ms,
    );
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
