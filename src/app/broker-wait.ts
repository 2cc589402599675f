/** A broker that is waited for at the start, for who cannot do without it and has reason to come before it. */
import { abortable, throwIfAborted } from '../base/abort.ts';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { after, type Clock, type Random } from '../base/clock.ts';
import { describeError, isError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { Log } from '../telemetry/log.ts';

export interface BrokerWait {
  readonly open: () => Promise<Broker>;
  /** For messages. */
  readonly address: string;
  /** How long it is waited for at most; 0: not at all, Infinity: for ever. */
  readonly maxMs: number;
  /** Opened at the first failure, and closed before the broker is given. */
  readonly meanwhile: () => Promise<AsyncDisposable>;
  readonly signal: AbortSignal | undefined;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
}

const retry: BackoffPolicy = { baseMs: 500, maxMs: 5_000, jitter: 0.2 };

/** ABORTED by the signal. What is no matter of time, a wrong password say, is thrown at once. */
export async function openBrokerInTime(wait: BrokerWait): Promise<Broker> {
  const { address, maxMs, meanwhile, log, clock, random } = wait;
  const startedAtMs = clock.monotonicMs();
  await using opened = new AsyncDisposableStack();
  for (let attempt = 1; ; attempt++) {
    try {
      return await openOrAbort(wait);
    } catch (error) {
      const waitedMs = clock.monotonicMs() - startedAtMs;
      if (!isError(error, 'BROKER_UNAVAILABLE') || waitedMs >= maxMs) throw error;
      const againMs = Math.round(Math.min(backoffMs(attempt, retry, random), maxMs - waitedMs));
      log.warn('broker_waited_for', { address, reason: describeError(error), attempt, again_in_ms: againMs });
      if (attempt === 1) opened.use(await meanwhile());
      await pause(wait, againMs);
    }
  }
}

async function pause({ clock, signal }: BrokerWait, ms: number): Promise<void> {
  const over = Promise.withResolvers<void>();
  const callOff = after(clock, ms, over.resolve);
  await abortable(over.promise, signal, 'Waiting for the broker').finally(callOff);
}

/** One that answers after all is closed again. */
async function openOrAbort({ open, signal }: BrokerWait): Promise<Broker> {
  throwIfAborted(signal, 'Waiting for the broker');
  const opening = open();
  opening.then((late) => (signal?.aborted === true ? late.close() : undefined)).catch(() => {}); // told below
  return abortable(opening, signal, 'Waiting for the broker');
}
