import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { LogTail, type TailBatch } from './log-tail.ts';

const mebibyte = 1024 * 1024;

function batch(base: number, last: number, bytes = 100): TailBatch {
  return { base, last, buffer: new ArrayBuffer(bytes), length: bytes, values: { valueBytes: bytes } };
}

function started(): { tail: LogTail; dropped: ArrayBuffer[] } {
  const dropped: ArrayBuffer[] = [];
  const tail = new LogTail((buffer) => dropped.push(buffer));
  tail.follow(1);
  return { tail, dropped };
}

function bases(batches: readonly TailBatch[]): number[] {
  return batches.map(({ base }) => base);
}

test('batches of a partition that nobody reads are not kept', () => {
  const { tail } = started();
  equal(tail.keep(2, batch(0, 9)), false);
});

test('each batch is given once, from the one that holds the offset on, up to the bytes and the limit', () => {
  const { tail } = started();
  for (const base of [0, 10, 20, 30]) equal(tail.keep(1, batch(base, base + 9)), true);
  deepEqual(bases(tail.take(1, 5, 40, 150)), [0]);
  deepEqual(bases(tail.take(1, 10, 30, 1000)), [10, 20]);
  deepEqual(bases(tail.take(1, 10, 40, 1000)), [], 'the rest of what is asked for is on the disk');
  deepEqual(bases(tail.take(1, 30, 40, 1000)), [30]);
});

test('what the reader has passed goes back, and a hole ends what is given', () => {
  const { tail, dropped } = started();
  for (const base of [0, 10, 30]) tail.keep(1, batch(base, base + 9));
  deepEqual(bases(tail.take(1, 10, 100, 1000)), [10]);
  equal(dropped.length, 1);
  deepEqual(bases(tail.take(1, 20, 100, 1000)), []);
  deepEqual(bases(tail.take(1, 30, 100, 1000)), [30]);
});

test('at the bound nothing more is kept, until something was taken', () => {
  const { tail } = started();
  for (const base of [0, 10, 20, 30]) equal(tail.keep(1, batch(base, base + 9, mebibyte)), true);
  equal(tail.keep(1, batch(40, 49, 1)), false);
  tail.take(1, 0, 100, 1);
  equal(tail.keep(1, batch(50, 59, mebibyte)), true);
});

test('an answer to what was stored before is not kept again', () => {
  const { tail } = started();
  tail.keep(1, batch(10, 19));
  equal(tail.keep(1, batch(10, 19)), false);
});

test('what is cleared goes back, and the partition is still read; what is removed is not', () => {
  const { tail, dropped } = started();
  tail.keep(1, batch(0, 9));
  tail.clear(1);
  equal(dropped.length, 1);
  equal(tail.keep(1, batch(10, 19)), true);
  tail.remove(1);
  equal(dropped.length, 2);
  equal(tail.keep(1, batch(20, 29)), false);
  equal(tail.isUsed, false);
});
