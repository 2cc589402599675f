/**
 * The ids under which work is written: whoever does it next, on whichever worker, has the same one, and gets a higher epoch by
 * it, so that Kafka refuses what copies of before still write. One rule holds for all of them (tasks, their positions, the owner of
 * a connector, the worker that leads): a Kafka that says no for good is written to unfenced; one that does not answer is waited for.
 */
import { sleep, throwIfAborted } from '../base/abort.ts';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { describeError, isError } from '../base/errors.ts';
import type { Broker, Producer, ProducerOptions } from '../broker/broker.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** As Kafka Connect names the transactional ids of its tasks. */
export function fencingIdOf(groupId: string, connector: string, task: number): string {
  return `${groupId}-${connector}-${task}`;
}

/**
 * What `open` gives; undefined, and `refused` told, where no later try would be answered otherwise: without the rights to the id,
 * or on a Kafka without transactions. A coordinator that is away is thrown as it is (BROKER_UNAVAILABLE): it comes back, and
 * one who had gone on without it would be unfenced for as long as he runs.
 */
export async function openFenced(
  open: () => Promise<Producer>,
  refused: (reason: string) => void,
): Promise<Producer | undefined> {
  try {
    return await open();
  } catch (error) {
    const isForGood = isError(error, 'AUTHORIZATION_FAILED') || (isError(error, 'BROKER_REJECTED') && !error.retriable);
    if (!isForGood) throw error;
    refused(describeError(error));
    return undefined;
  }
}

export interface TaskProducer {
  readonly producer: Producer;
  readonly isFenced: boolean;
}

export interface TaskFenceParts {
  readonly broker: Broker;
  /** Undefined: nobody else could have a copy of the task. */
  readonly fencingId: string | undefined;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Between tries, each of which the broker takes its own time for. */
const retry: BackoffPolicy = { baseMs: 50, maxMs: 5_000, jitter: 0 };

/** A producer that fences copies of the task. Waits for a coordinator until the signal of `options` aborts. */
export async function openTaskProducer(parts: TaskFenceParts, options: ProducerOptions): Promise<TaskProducer> {
  const { broker, fencingId, metrics, log } = parts;
  if (fencingId === undefined) return { producer: await broker.producer(options), isFenced: false };
  let isUnfenced = false;
  taskUnfencedGauge(metrics, () => isUnfenced);
  const refused = (reason: string): void => {
    isUnfenced = true;
    log.warn('task_not_fenced', { transactional_id: fencingId, reason });
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const producer = await openFenced(() => broker.producer({ ...options, fencingId }), refused);
      return { producer: producer ?? (await broker.producer(options)), isFenced: producer !== undefined };
    } catch (error) {
      if (!isError(error, 'BROKER_UNAVAILABLE')) throw error;
      const reason = describeError(error);
      log.warn('task_fence_waits', { transactional_id: fencingId, attempt, reason });
      options.onRetry?.({ what: 'coordinator', reason });
      await sleep(
        backoffMs(attempt, retry, () => 0),
        options.signal,
      );
      throwIfAborted(options.signal, 'Opening the producer of a task');
    }
  }
}

export function taskUnfencedGauge(metrics: Metrics, isUnfenced: () => boolean): void {
  const help = '1 where Kafka does not fence copies of the task, as it refuses its transactional id for good';
  metrics.gauge('tributary_task_unfenced', help, () => Number(isUnfenced()));
}
