import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { unwatchedMeters } from '../../../test/support/websocket-meters.ts';
import type { QueueSettings } from '../../source/bounded-queue.ts';
import { silentLog } from '../../telemetry/log.ts';
import { Intake } from './intake.ts';
import { parsePointer } from './json-pointer.ts';
import type { DedupeSettings } from './numbering.ts';

/** Takes numbered messages of two connections, one to each of two servers; gaps become records. */
function intakeOf(queue: Partial<QueueSettings> = {}, by: DedupeSettings['by'] = { kind: 'number' }) {
  const clock = new ManualClock(1_000);
  const meters = unwatchedMeters();
  const intake = new Intake({
    topic: 'topic',
    queue: { maxRecords: 100, maxBytes: 10_000, overflow: 'drop-newest', ...queue },
    messages: {
      ...{ binary: 'bytes', encoding: 'none', maxBytes: 100, key: null, heartbeatReply: null },
      numbering: {
        sequence: { number: parsePointer('/s'), channel: null, step: 1, scope: 'feed', maxChannels: 1 },
        dedupe: { window: 10, by },
        gapTopic: 'gaps',
        isFilled: false,
      },
    },
    meters: () => meters,
    log: silentLog,
    clock,
    onRecords: () => {},
    onGap: ({ from, to }) => `${from}-${to}`,
  });
  for (const connection of [0, 1]) intake.opened(connection, connection);
  const receive = (connection: number, ...numbers: number[]): void => {
    intake.begin(clock.monotonicMs(), connection);
    for (const number of numbers) intake.message(Buffer.from(`{"s":${number}}`), false);
    intake.settle();
  };
  const take = (): string[] => {
    const taken = intake.take();
    const records = 'records' in taken ? taken.records : [];
    return records.map(({ value }) => Buffer.from(value as Uint8Array).toString());
  };
  return { clock, intake, meters, receive, take };
}

test('a feed that falls silent behind a hole tells it five seconds later', () => {
  const { clock, intake, meters, receive, take } = intakeOf();
  receive(0, 1, 3);
  clock.advance(4_999);
  equal(meters.sequence.gaps.value, 0);
  clock.advance(1);
  deepEqual([meters.sequence.gaps.value, meters.sequence.gapRecords.value, clock.timers], [1, 1, 0]);
  deepEqual(take(), ['{"s":1}', '{"s":3}', '2-2']);
  receive(0, 5);
  equal(clock.timers, 1);
  intake.end(clock.monotonicMs());
  equal(clock.timers, 0);
});

test('records about gaps that nobody takes any more are counted as abandoned', () => {
  const { clock, intake, meters, receive } = intakeOf();
  receive(0, 1, 3);
  intake.end(clock.monotonicMs());
  deepEqual([meters.sequence.gapRecords.value, meters.dropped.abandoned.value], [1, 3]);
});

test('a record about a gap for which there is no room is counted as dropped, not as a record', () => {
  const { clock, meters, receive } = intakeOf({ maxRecords: 2 });
  receive(0, 1, 3);
  clock.advance(5_000);
  const { gaps, gapRecords } = meters.sequence;
  deepEqual([gaps.value, gapRecords.value, meters.dropped.drop_newest.value], [1, 0, 1]);
});

for (const by of [{ kind: 'number' }, { kind: 'id', id: parsePointer('/s') }, { kind: 'payload' }] as const) {
  test(`a message that a full queue refused is taken when the other server brings it, known by ${by.kind}`, () => {
    const { meters, receive, take } = intakeOf({ maxRecords: 2 }, by);
    receive(0, 1, 2, 3, 4);
    deepEqual(take(), ['{"s":1}', '{"s":2}']);
    receive(1, 1, 2, 3, 4);
    deepEqual(take(), ['{"s":3}', '{"s":4}']);
    deepEqual([meters.dropped.drop_newest.value, meters.deduplicated.value, meters.sequence.gaps.value], [2, 2, 0]);
  });
}
