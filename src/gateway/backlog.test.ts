import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { ConsumedRecord } from '../record/record.ts';
import { Backlog } from './backlog.ts';
import type { Item } from './delivery.ts';
import { Chunk, sizeOf } from './hub/chunk.ts';

const one = sizeOf(record(0, null));

test('the oldest go first and leave one gap a partition, which stands before what is left', () => {
  const backlog = new Backlog(false);
  const chunk = chunkOf([0, 1, 2, 3].map((offset) => record(offset, null)));
  for (let at = 0; at < 4; at++) backlog.add(chunk, at);
  backlog.shrink(one * 2);
  deepEqual(shown(backlog.take(10, 1e6)?.items ?? []), ['gap 0-2', 'records 2-3']);
  equal(backlog.isEmpty, true);
});

test('gaps that follow each other are one', () => {
  const backlog = new Backlog(false);
  const chunk = chunkOf([0, 1, 2].map((offset) => record(offset, null)));
  for (let at = 0; at < 3; at++) {
    backlog.add(chunk, at);
    backlog.shrink(0);
  }
  deepEqual(shown(backlog.take(10, 1e6)?.items ?? []), ['gap 0-3']);
});

test('a hole of another kind keeps its place among the records, and is told even where they are thrown away', () => {
  const filled = (): Backlog => {
    const backlog = new Backlog(false);
    const chunk = chunkOf([0, 1, 5].map((offset) => record(offset, null)));
    backlog.add(chunk, 0);
    backlog.add(chunk, 1);
    backlog.addGap({ topic: 't', partition: 0, from: 2, to: 5, reason: 'corrupt' });
    backlog.add(chunk, 2);
    return backlog;
  };
  deepEqual(shown(filled().take(10, 1e6)?.items ?? []), ['records 0-1', 'gap 2-5', 'records 5-5']);
  const shrunk = filled();
  shrunk.shrink(one * 2);
  deepEqual(shown(shrunk.take(10, 1e6)?.items ?? []), ['gap 0-1', 'records 1-1', 'gap 2-5', 'records 5-5']);
  const empty = filled();
  empty.shrink(0);
  deepEqual(shown(empty.take(10, 1e6)?.items ?? []), ['gap 0-2', 'gap 2-5', 'gap 5-6']);
});

test('a newer record takes the place of an older one of its key, at the end', () => {
  const backlog = new Backlog(true);
  const chunk = chunkOf([record(0, 'a'), record(1, 'b'), record(2, 'a'), record(3, null), record(4, null)]);
  const replaced = chunk.records.map((_, at) => backlog.add(chunk, at));
  deepEqual(replaced, [0, 0, 1, 0, 0]);
  deepEqual(shown(backlog.take(10, 1e6)?.items ?? []), ['records 1-1', 'records 2-2', 'records 3-4']);
});

test('what is taken keeps to the bounds; one larger record alone is given', () => {
  const backlog = new Backlog(false);
  const chunk = chunkOf([0, 1, 2].map((offset) => record(offset, null)));
  for (let at = 0; at < 3; at++) backlog.add(chunk, at);
  equal(backlog.take(10, 1)?.records, 1);
  equal(backlog.take(1, 1e6)?.records, 1);
  equal(backlog.bytes, one);
});

function record(offset: number, key: string | null): ConsumedRecord {
  return { offset, timestampMs: 0, key: key === null ? null : Buffer.from(key), value: Buffer.from('v'), headers: [] };
}

function chunkOf(records: readonly ConsumedRecord[]): Chunk {
  return new Chunk('t', 0, records, records[0]!.offset, records.at(-1)!.offset + 1, 0);
}

function shown(items: readonly Item[]): string[] {
  return items.map((item) =>
    item.kind === 'gap'
      ? `gap ${item.gap.from}-${item.gap.to}`
      : `records ${item.chunk.records[item.start]!.offset}-${item.chunk.records[item.end - 1]!.offset}`,
  );
}
