import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { TributaryError } from '../base/errors.ts';
import type { ProducerOptions } from '../broker/broker.ts';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { openFenced, openTaskProducer } from './task-fence.ts';

const away = new TributaryError('BROKER_UNAVAILABLE', 'away', { retriable: true });

/** A Kafka that answers the first tries to have the id with these errors. */
function opening(...answers: readonly Error[]) {
  const broker = memoryBroker();
  const { producer } = broker;
  let asked = 0;
  broker.producer = (options) => {
    if (options?.fencingId === undefined) return producer(options);
    const answer = answers[asked++];
    return answer === undefined ? producer(options) : Promise.reject(answer);
  };
  const metrics = new MetricRegistry();
  const entries: LogEntry[] = [];
  const told: string[] = [];
  const open = (options: ProducerOptions = {}) =>
    openTaskProducer(
      { broker, fencingId: 'g-c-0', metrics: metrics.root(), log: recordingLog(entries) },
      { ...options, onRetry: ({ what, reason }) => told.push(`${what}: ${reason}`) },
    );
  return {
    open,
    told,
    asked: () => asked,
    events: () => entries.map(({ event }) => event),
    unfenced: () => {
      const family = metrics.families.get('tributary_task_unfenced');
      return family?.kind === 'gauge' ? [...family.series.values()].map(({ read }) => read()) : undefined;
    },
  };
}

test('a coordinator that is away for several tries, and then there: the task is fenced, and has said what it waits for', async () => {
  const it = opening(away, away, away, away);
  const { isFenced } = await it.open();
  deepEqual([isFenced, it.asked(), it.unfenced()], [true, 5, [0]]);
  deepEqual(it.told, Array(4).fill('coordinator: away'));
  deepEqual(it.events(), Array(4).fill('task_fence_waits'));
});

for (const [code, retriable, what] of [
  ['AUTHORIZATION_FAILED', false, 'no right to the id'],
  ['BROKER_REJECTED', false, 'a Kafka without transactions'],
] as const) {
  test(`${what}: the task runs unfenced, which the log and a gauge say`, async () => {
    const it = opening(away, new TributaryError(code, 'not given', { retriable }));
    const { isFenced } = await it.open();
    deepEqual([isFenced, it.unfenced()], [false, [1]]);
    deepEqual(it.events(), ['task_fence_waits', 'task_not_fenced']);
  });
}

test('a stop ends the waiting', async () => {
  const stop = new AbortController();
  const it = opening(...Array<Error>(100).fill(away));
  const opened = rejects(it.open({ signal: stop.signal }), { code: 'ABORTED' });
  stop.abort();
  await opened;
  equal(it.asked(), 1);
});

test('what may pass is never taken for a refusal', async () => {
  const passing = new TributaryError('BROKER_REJECTED', 'UNKNOWN_SERVER_ERROR', { retriable: true });
  for (const error of [away, passing, new TributaryError('TIMEOUT', 'late')]) {
    const refusals: string[] = [];
    await rejects(
      openFenced(
        () => Promise.reject(error),
        (reason) => refusals.push(reason),
      ),
      error,
    );
    deepEqual(refusals, []);
  }
});
