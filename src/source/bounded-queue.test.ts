import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { noSourceHeaders, type SourceRecord } from '../record/source-record.ts';
import { BoundedQueue, type QueueSettings } from './bounded-queue.ts';

function record(value: string): SourceRecord {
  const bytes = Buffer.from(value);
  const rest = { partition: null, key: null, keySchema: null, valueSchema: null, headers: noSourceHeaders };
  return { topic: 't', value: bytes, timestampMs: null, ...rest };
}

/** What is kept and what is dropped of some values. */
function kept(settings: QueueSettings, values: readonly string[]): readonly [string, Record<string, number>] {
  const dropped: Record<string, number> = {};
  const add = (reason: string): void => {
    dropped[reason] = (dropped[reason] ?? 0) + 1;
  };
  const queue = new BoundedQueue(settings, { add }, ({ value }) => (value as Uint8Array).length);
  for (const value of values) if (queue.admits(value.length)) queue.push(record(value), value.length, 1);
  return [
    queue
      .takeAll()
      .records.map(({ value }) => String(value))
      .join(' '),
    dropped,
  ];
}

const bounds = { maxRecords: 3, maxBytes: 6 };
const cases: readonly (readonly [QueueSettings['overflow'], readonly string[], string, Record<string, number>])[] = [
  ['block', ['a', 'b', 'c', 'd'], 'a b c d', {}],
  ['drop-newest', ['a', 'b', 'c', 'd'], 'a b c', { drop_newest: 1 }],
  ['drop-newest', ['aaa', 'bbb', 'c'], 'aaa bbb', { drop_newest: 1 }],
  ['drop-newest', ['too large', 'b'], 'too large', { drop_newest: 1 }],
  ['drop-oldest', ['a', 'b', 'c', 'd', 'e'], 'c d e', { drop_oldest: 2 }],
  ['drop-oldest', ['aa', 'bb', 'cc', 'dddd'], 'cc dddd', { drop_oldest: 2 }],
  ['drop-oldest', ['a', 'too large', 'c'], 'c', { drop_oldest: 2 }],
];

for (const [overflow, values, wanted, dropped] of cases) {
  test(`${overflow}: of ${values.join(', ')} stays ${wanted}`, () => {
    deepEqual(kept({ ...bounds, overflow }, values), [wanted, dropped]);
  });
}
