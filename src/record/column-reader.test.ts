import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codecs } from '../app/codecs.ts';
import { BatchBuffer } from './batch-buffer.ts';
import { readBatchHeader } from './batch-header.ts';
import { ColumnReader } from './column-reader.ts';
import { decodeRecords } from './decode.ts';
import { encodeBatch } from './encode.ts';
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
  for (const each of stored) reader.add(each, fromOffset);
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
