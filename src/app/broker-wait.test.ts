import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { openBrokerInTime } from './broker-wait.ts';

const unreachable = (): Promise<Broker> =>
  Promise.reject(new TributaryError('BROKER_UNAVAILABLE', 'Cannot reach kafka:9092', { retriable: true }));

/** A wait for a broker that does so, under a clock that the test moves. */
function bench(open: () => Promise<Broker>, maxMs = Number.POSITIVE_INFINITY) {
  const clock = new ManualClock();
  const log: LogEntry[] = [];
  const told: string[] = [];
  const stop = new AbortController();
  const meanwhile = async (): Promise<AsyncDisposable> => {
    told.push('opened');
    return { [Symbol.asyncDispose]: async () => void told.push('closed') };
  };
  const opening = openBrokerInTime({
    ...{ open, address: 'kafka://kafka:9092', maxMs, meanwhile, clock, signal: stop.signal, random: () => 0.5 },
    log: recordingLog(log),
  });
  opening.catch(() => {}); // whoever waits for it is told
  const moved = async (ms: number): Promise<void> => {
    while (clock.timers === 0) await new Promise((next) => setImmediate(next));
    clock.advance(ms);
  };
  return { opening, log, told, stop, moved, clock };
}

test('a broker that is not there is asked again and again, with a line each time, until it is', async () => {
  let isThere = false;
  const broker = memoryBroker();
  const it = bench(async () => (isThere ? broker : unreachable()));
  for (let tries = 1; tries <= 5; tries++) await it.moved(60_000);
  while (it.clock.timers === 0) await new Promise((next) => setImmediate(next));
  deepEqual(it.told, ['opened']);
  isThere = true;
  await it.moved(60_000);
  equal(await it.opening, broker);
  deepEqual(it.told, ['opened', 'closed']);
  deepEqual(
    it.log.map(({ event, fields }) => [event, fields?.['attempt']]),
    [1, 2, 3, 4, 5, 6].map((attempt) => ['broker_waited_for', attempt]),
  );
  equal(it.log[0]?.fields?.['reason'], 'Cannot reach kafka:9092');
});

for (const { what, maxMs, code, lines } of [
  { what: 'nobody wants to wait', maxMs: 0, code: 'BROKER_UNAVAILABLE', lines: 0 },
  { what: 'the time is over', maxMs: 700, code: 'BROKER_UNAVAILABLE', lines: 2 },
]) {
  test(`${what}: it is said why there is no broker`, async () => {
    const it = bench(unreachable, maxMs);
    for (let line = 0; line < lines; line++) await it.moved(600);
    await rejects(it.opening, { code });
    equal(it.log.length, lines);
    equal(it.told.length, lines === 0 ? 0 : 2);
  });
}

test('what no waiting mends is thrown at once', async () => {
  const it = bench(() => Promise.reject(new TributaryError('AUTHENTICATION_FAILED', 'Cannot log in')));
  await rejects(it.opening, { code: 'AUTHENTICATION_FAILED' });
  deepEqual(it.told, []);
});

test('a stop ends the waiting at once, and a broker that answers behind it is closed', async () => {
  const late = Promise.withResolvers<Broker>();
  const askedAgain = Promise.withResolvers<void>();
  let asked = 0;
  const it = bench(() => {
    if (++asked === 1) return unreachable();
    askedAgain.resolve();
    return late.promise;
  });
  await it.moved(60_000);
  await askedAgain.promise;
  it.stop.abort();
  await rejects(it.opening, { code: 'ABORTED' });
  deepEqual(it.told, ['opened', 'closed']);
  const closed = Promise.withResolvers<void>();
  late.resolve({ ...memoryBroker(), close: async () => closed.resolve() });
  await closed.promise;
});
