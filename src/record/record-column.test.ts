import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codecs } from '../app/codecs.ts';
import { BatchBuffer } from './batch-buffer.ts';
import { readBatchHeader } from './batch-header.ts';
import { compressionNames } from './codecs.ts';
import { decodeColumn } from './decode.ts';
import { encodeBatch } from './encode.ts';
import { setLogAppendTime } from './patch.ts';
import type { ProduceRecord } from './record.ts';
import type { RecordColumn } from './record-column.ts';
import { asList } from './value-column.ts';

const nowMs = 1_700_000_000_000;
const optional = fc.option(fc.uint8Array({ maxLength: 200 }), { nil: null });
const records: fc.Arbitrary<ProduceRecord[]> = fc.array(
  fc.record({
    key: optional,
    value: optional,
    headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: optional }), { maxLength: 3 }),
    timestampMs: fc.oneof(
      fc.constant(null),
      fc.integer({ min: 0, max: 4e12 }),
      fc.integer({ min: nowMs, max: nowMs + 9 }),
    ),
  }),
  { minLength: 1, maxLength: 40 },
);
const compression = fc.constantFrom(...compressionNames);

function columnOf(given: readonly ProduceRecord[], name: (typeof compressionNames)[number] = 'none'): RecordColumn {
  const buffer = new BatchBuffer(16);
  encodeBatch(given, 0, buffer, { codecs, nowMs, maxBytes: 1e6, compression: name, baseOffset: 7 });
  const bytes = Buffer.from(buffer.view());
  return decodeColumn(bytes, readBatchHeader(bytes), { codecs });
}

const shown = ({ key, value, headers, timestampMs }: ProduceRecord) => ({
  key: key === null ? null : [...key],
  value: value === null ? null : [...value],
  headers: headers.map((header) => [header.key, header.value === null ? null : [...header.value]]),
  timestampMs: timestampMs ?? nowMs,
});

test('a column gives the records of its batch, whole, in parts and one field after the other', () => {
  fc.assert(
    fc.property(records, compression, fc.nat(40), fc.nat(40), (given, name, from, count) => {
      const column = columnOf(given, name);
      deepEqual([...column].map(shown), given.map(shown));
      deepEqual(
        [...column].map(({ offset }) => offset),
        given.map((_, index) => 7 + index),
      );
      const part = column.slice(from, from + count);
      deepEqual([...part].map(shown), given.slice(from, from + count).map(shown));
      equal(part.length, given.slice(from, from + count).length);
      for (let index = 0; index < column.length; index++) {
        deepEqual(column.value(index), column.record(index).value);
        ok(column.slice(index, index + 1).dataBytes <= column.longest);
      }
    }),
  );
});

test('a column encodes to the same batches as its records, wherever the bound cuts', () => {
  const bounds = fc.integer({ min: 2000, max: 6000 });
  fc.assert(
    fc.property(records, bounds, compression, fc.nat(5), (given, maxBytes, name, skipped) => {
      const column = columnOf(given).slice(skipped);
      const options = { codecs, maxBytes, nowMs, compression: name, producerId: 7, producerEpoch: 1 };
      for (let from = 0; from < column.length; ) {
        const [one, other] = [new BatchBuffer(16), new BatchBuffer(16)];
        const { count } = encodeBatch(column, from, one, { ...options, baseSequence: from });
        equal(encodeBatch(asList(column), from, other, { ...options, baseSequence: from }).count, count);
        deepEqual(one.view(), other.view());
        from += count;
      }
    }),
  );
});

test('a column of a topic with the time of appending has that time', () => {
  const given = [1, 2].map((timestampMs) => ({ key: null, value: Buffer.from('v'), headers: [], timestampMs }));
  const buffer = new BatchBuffer(16);
  encodeBatch(given, 0, buffer, { codecs, nowMs, maxBytes: 1e6 });
  setLogAppendTime(buffer.bytes, 0, 99, codecs);
  const column = decodeColumn(buffer.bytes, readBatchHeader(buffer.bytes), { codecs });
  deepEqual(
    [...column].map(({ timestampMs }) => timestampMs),
    [99, 99],
  );
});
