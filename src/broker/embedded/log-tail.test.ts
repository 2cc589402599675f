import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { seeded, testSeed } from '../../../test/support/random.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { codecs } from '../../app/codecs.ts';
import { noHeaders, type ProduceRecord } from '../../record/record.ts';
import { asList, type Records, ValueColumn } from '../../record/value-column.ts';
import { WholeBatch } from '../../record/whole-batch.ts';
import type { FetchedRuns } from '../broker.ts';
import { openEmbeddedBroker } from './embedded.ts';
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

test('a reader that stands still gives the room to others, what it comes to last first', () => {
  const { tail, dropped } = started();
  tail.follow(2);
  const stuck = [0, 10, 20, 30].map((base) => batch(base, base + 9, mebibyte));
  for (const one of stuck) equal(tail.keep(1, one), true);
  for (const base of [0, 10, 20, 30, 40]) {
    equal(tail.keep(2, batch(base, base + 9, mebibyte)), true, `${base}`);
    deepEqual(bases(tail.take(2, base, 100, mebibyte)), [base]);
  }
  deepEqual(dropped, [stuck[3]!.buffer]);
  equal(tail.keep(2, batch(50, 59, 2 * mebibyte)), true);
  deepEqual(dropped, [stuck[3]!.buffer, stuck[2]!.buffer]);
  deepEqual(bases(tail.take(1, 0, 100, 4 * mebibyte)), [0, 10]);
});

test('small batches of a reader that stands still make room as well', () => {
  const { tail, dropped } = started();
  tail.follow(2);
  let count = 0;
  while (tail.keep(1, batch(count, count, 1))) count++;
  equal(dropped.length, 0);
  for (let base = 0; base < 3; base++) equal(tail.keep(2, batch(base, base, 1)), true);
  equal(dropped.length, 3);
  equal(tail.take(1, 0, count, count).length, count - 3);
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

/** Values of one size, or a list with a key in it, which is never kept. */
function someRecords(random: () => number): Records {
  const count = 1 + Math.floor(random() * 400);
  const size = Math.floor(random() * 600);
  const bytes = Buffer.alloc(count * size, count % 251);
  if (random() < 0.2) {
    const value = bytes.subarray(0, size);
    return [{ key: Buffer.from('k'), value, headers: noHeaders, timestampMs: 7 }];
  }
  const spans = Int32Array.from({ length: count * 2 }, (_, at) => ((at + 1) >> 1) * size);
  return new ValueColumn(bytes, spans, count, size);
}

function plain({ key, value }: Pick<ProduceRecord, 'key' | 'value'>): unknown {
  return [key && Buffer.from(key).toString(), value && Buffer.from(value).toString('latin1')];
}

test('values that do not fit into one buffer become batches of one size, which go on whole', async () => {
  await using folder = await tempFolder('log-tail');
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  await broker.createTopic({ name: 't' });
  await using producer = await broker.producer();
  for (const { size, count, parts } of [
    { size: 200, count: 2_400, parts: 1 },
    { size: 200, count: 2_560, parts: 2 },
    { size: 1_000, count: 1_700, parts: 4 },
  ]) {
    const from = broker.extent('t', 0).next;
    const spans = Int32Array.from({ length: count * 2 }, (_, at) => ((at + 1) >> 1) * size);
    await producer.send('t', 0, new ValueColumn(Buffer.alloc(size * count, 'a'), spans, count, size));
    const { runs, release } = await broker.fetchRuns('t', 0, from, 1e9);
    deepEqual(
      runs.map((run) => run instanceof WholeBatch && run.length >= (count / parts) * 0.9),
      Array(parts).fill(true),
    );
    release();
  }
});

test(`what a reader takes close behind the writer is what the log holds (TEST_SEED=${testSeed})`, async () => {
  const random = seeded(testSeed);
  await using folder = await tempFolder('log-tail');
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  await broker.createTopic({ name: 't' });
  await using producer = await broker.producer();
  const taken: unknown[] = [];
  /** Turns that somebody still looks at while more is sent and fetched. */
  const open: FetchedRuns[] = [];
  let offset = 0;
  let whole = 0;
  let mostOpen = 0;
  const follow = async (): Promise<void> => {
    const fetched = await broker.fetchRuns('t', 0, offset, Math.floor(random() * 300_000));
    offset = fetched.nextOffset;
    open.push(fetched);
    mostOpen = Math.max(mostOpen, open.length);
    closeAllBut(Math.floor(random() * 6));
  };
  const closeAllBut = (count: number): void => {
    while (open.length > count) {
      const { runs, release } = open.shift()!;
      for (const run of runs) {
        if (run instanceof WholeBatch) whole++;
        taken.push(...asList(run).map(plain));
      }
      release();
      if (random() < 0.5) release();
    }
  };
  for (let turn = 0; turn < 60; turn++) {
    await Promise.all(
      Array.from({ length: 1 + Math.floor(random() * 4) }, () => producer.send('t', 0, someRecords(random))),
    );
    // Sometimes far behind: more than is kept.
    if (random() < 0.6 || turn < 2) await follow();
  }
  while (offset < broker.extent('t', 0).stable) await follow();
  closeAllBut(0);
  const stored: unknown[] = [];
  for await (const { records } of broker.read({ topic: 't', partition: 0, from: 'earliest', until: 'end' }))
    stored.push(...records.map(plain));
  ok(whole > 0 && mostOpen > 2 && stored.length > 0);
  deepEqual(taken, stored);
});
