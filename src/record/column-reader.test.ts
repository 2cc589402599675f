import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codecs } from '../app/codecs.ts';
import { BatchBuffer } from './batch-buffer.ts';
import { readBatchHeader } from './batch-header.ts';
import { ColumnReader } from './column-reader.ts';
import { decodeRecords } from './decode.ts';
import { encodeBatch } from './encode.ts';
import { layout } from './layout.ts';
import { sealBatch, setLogAppendTime } from './patch.ts';
import { noHeaders, type ProduceRecord } from './record.ts';
import { asList, type Records, ValueColumn } from './value-column.ts';

const bytes = fc.uint8Array({ maxLength: 300 });
const times = fc.integer({ min: 0, max: 2 ** 45 });
const valueAlone = fc.record({
  key: fc.constant(null),
  value: bytes,
  headers: fc.constant(noHeaders),
  timestampMs: times,
});
const anyRecord = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.record({ key: fc.string(), value: fc.option(bytes) }), { maxLength: 2 }),
  timestampMs: times,
});
const batch = fc.oneof(fc.array(valueAlone, { minLength: 1 }), fc.array(anyRecord, { minLength: 1 }));

function encoded(records: Records, baseOffset: number): Buffer {
  const into = new BatchBuffer(0);
  encodeBatch(records, 0, into, { codecs, maxBytes: 1e9, nowMs: 5, baseOffset });
  return Buffer.from(into.view(0, into.length));
}

function plain({ key, value, headers, timestampMs }: ProduceRecord): unknown {
  const text = (part: Uint8Array | null): string | null => part && Buffer.from(part).toString('hex');
  return [text(key), text(value), headers.map((header) => [header.key, text(header.value)]), timestampMs];
}

/** Batches one after the other in a log, from an offset on, and what was made of them. */
function readAll(batches: readonly (readonly ProduceRecord[])[], fromOffset: number) {
  let next = 0;
  const stored = batches.map((records) => {
    const made = encoded(records, next);
    next += records.length;
    return made;
  });
  const reader = new ColumnReader(codecs);
  reader.begin(stored.reduce((sum, { length }) => sum + length, 0));
  // What was copied may be gone at once.
  for (const each of stored) if (reader.add(each, fromOffset) === 'copied') each.fill(0xff);
  return reader.take().runs;
}

test('what is read is what a reader of records reads, whatever the batches hold and wherever it begins', () => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 6 }), fc.nat(20), (batches, fromOffset) => {
      const runs = readAll(batches, fromOffset);
      const wanted = batches.flat().slice(fromOffset).map(plain);
      deepEqual(
        runs.flatMap((run) => asList(run).map(plain)),
        wanted,
      );
    }),
  );
});

test('a column with times is written as the list of its records is', () => {
  fc.assert(
    fc.property(fc.array(fc.array(valueAlone, { minLength: 1 }), { minLength: 1, maxLength: 4 }), (batches) => {
      const [column, ...others] = readAll(batches, 0);
      ok(column instanceof ValueColumn);
      equal(others.length, 0, 'batches of values alone are one column');
      deepEqual(encoded(column, 7), encoded(asList(column), 7));
    }),
  );
});

test('a damaged batch adds nothing, and memory that was given back is used again', () => {
  const reader = new ColumnReader(codecs);
  const good = encoded([{ key: null, value: Buffer.from('good'), headers: noHeaders, timestampMs: 1 }], 0);
  const bad = Buffer.from(good);
  bad[bad.length - 2]! ^= 1;
  reader.begin(good.length * 2);
  throws(() => reader.add(bad, 0), { code: 'BATCH_CORRUPT' });
  reader.add(good, 0);
  const { runs, release } = reader.take();
  const decoded = decodeRecords(good, readBatchHeader(good), { codecs });
  deepEqual(
    runs.flatMap((run) => asList(run).map(plain)),
    decoded.map(plain),
  );
  release();
  reader.begin(good.length);
  reader.add(good, 0);
  equal((reader.take().runs[0] as ValueColumn).bytes, (runs[0] as ValueColumn).bytes);
});

const values = (...texts: string[]): ProduceRecord[] =>
  texts.map((text, index) => ({ key: null, value: Buffer.from(text), headers: noHeaders, timestampMs: 1000 + index }));

/** What one batch gives, beside what a reader of records makes of it. */
function readBoth(batch: Buffer, fromOffset = 0): { readonly ours: unknown[]; readonly wanted: unknown[] } {
  const reader = new ColumnReader(codecs);
  reader.begin(batch.length);
  reader.add(batch, fromOffset);
  const ours = reader.take().runs.flatMap((run) => asList(run).map(plain));
  return { ours, wanted: decodeRecords(batch, readBatchHeader(batch), { codecs, fromOffset }).map(plain) };
}

test('a compressed batch gives its records', () => {
  const into = new BatchBuffer(0);
  const options = { codecs, maxBytes: 1e9, nowMs: 5, baseOffset: 7, compression: 'gzip' } as const;
  encodeBatch(values('a'.repeat(100), 'b', 'c'), 0, into, options);
  const batch = Buffer.from(into.view(0, into.length));
  equal(readBatchHeader(batch).compression, 'gzip');
  const { ours, wanted } = readBoth(batch, 8);
  equal(ours.length, 2);
  deepEqual(ours, wanted);
});

test('the time of a batch that the log has timed is that of all its records', () => {
  const batch = encoded(values('a', 'b'), 3);
  setLogAppendTime(batch, 0, 99_000, codecs);
  const { ours, wanted } = readBoth(batch);
  deepEqual(ours, [
    [null, '61', [], 99_000],
    [null, '62', [], 99_000],
  ]);
  deepEqual(ours, wanted);
});

test('offsets that compaction left out are left out: a reader begins behind them', () => {
  const batch = encoded(values('a', 'b', 'c'), 10);
  // Length, attributes and time take a byte each before the offset: 0, 1, 2 become 0, 5, 9, zigzag.
  for (const [index, delta] of [0, 5, 9].entries()) {
    const record = layout.records + index * 8;
    equal(batch[record + 3], index * 2);
    batch[record + 3] = delta * 2;
  }
  batch.writeInt32BE(9, layout.lastOffsetDelta);
  sealBatch(batch, 0, codecs);
  for (const [fromOffset, count] of [
    [10, 3],
    [11, 2],
    [15, 2],
    [16, 1],
    [19, 1],
    [20, 0],
  ] as const) {
    const { ours, wanted } = readBoth(batch, fromOffset);
    equal(ours.length, count, `from ${fromOffset}`);
    deepEqual(ours, wanted);
  }
});

test('a time that cannot be read makes the batch a corrupt one, whatever its checksum', () => {
  const batch = encoded(values('0123456789abcdef'), 0);
  batch.fill(0xff, layout.records + 2, layout.records + 13);
  sealBatch(batch, 0, codecs);
  const reader = new ColumnReader(codecs);
  reader.begin(batch.length);
  throws(() => reader.add(batch, 0), { code: 'BATCH_CORRUPT' });
  throws(() => decodeRecords(batch, readBatchHeader(batch), { codecs }), { code: 'BATCH_CORRUPT' });
});

test('runs that were not given back stay as they were, and memory given back twice is used by one', () => {
  const reader = new ColumnReader(codecs);
  const read = (text: string) => {
    const batch = encoded(values(text), 0);
    reader.begin(batch.length);
    reader.add(batch, 0);
    const { runs, release } = reader.take();
    return { column: runs[0] as ValueColumn, release };
  };
  const text = ({ column }: { readonly column: ValueColumn }): string =>
    Buffer.from(asList(column)[0]!.value!).toString();
  const first = read('first');
  const second = read('second');
  deepEqual([text(first), text(second)], ['first', 'second']);
  first.release();
  first.release();
  const third = read('third');
  equal(third.column.bytes, first.column.bytes);
  const fourth = read('fourth');
  deepEqual([text(second), text(third), text(fourth)], ['second', 'third', 'fourth']);
});
