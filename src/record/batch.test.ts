import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codecs } from '../app/codecs.ts';
import { isError } from '../base/errors.ts';
import { BatchBuffer } from './batch-buffer.ts';
import { readBatchHeader, readBatchHeaders } from './batch-header.ts';
import { compressionNames } from './codecs.ts';
import { decodeRecords } from './decode.ts';
import { type EncodeOptions, encodeBatch } from './encode.ts';
import type { ProduceRecord } from './record.ts';

const nowMs = 1_700_000_000_000;
const bytes = fc.uint8Array({ maxLength: 300 });
const optional = fc.option(bytes, { nil: null });
const records: fc.Arbitrary<ProduceRecord[]> = fc.array(
  fc.record({
    key: optional,
    value: optional,
    headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme' }), value: optional }), { maxLength: 3 }),
    timestampMs: fc.option(fc.integer({ min: 0, max: 4e12 }), { nil: null }),
  }),
  { minLength: 1, maxLength: 40 },
);
const compression = fc.constantFrom(...compressionNames);

function encoded(given: readonly ProduceRecord[], options: Partial<EncodeOptions> = {}): Buffer {
  const buffer = new BatchBuffer(16);
  encodeBatch(given, 0, buffer, { codecs, nowMs, maxBytes: 1e6, ...options });
  return Buffer.from(buffer.view());
}

const shown = (record: ProduceRecord) => ({
  key: record.key === null ? null : [...record.key],
  value: record.value === null ? null : [...record.value],
  headers: record.headers.map(({ key, value }) => [key, value === null ? null : [...value]]),
});

test('what is encoded is decoded as it was, in every compression and with every option', () => {
  const options = fc.record({
    compression,
    baseOffset: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 100 }),
    producerId: fc.integer({ min: -1, max: 2 ** 40 }),
    producerEpoch: fc.integer({ min: -1, max: 32_767 }),
    baseSequence: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
    isTransactional: fc.boolean(),
  });
  fc.assert(
    fc.property(records, options, (given, chosen) => {
      const batch = encoded(given, chosen);
      const header = readBatchHeader(batch);
      const { baseOffset, producerId, producerEpoch, baseSequence, isTransactional } = header;
      deepEqual(
        { compression: chosen.compression, baseOffset, producerId, producerEpoch, baseSequence, isTransactional },
        { ...chosen },
      );
      const got = decodeRecords(batch, header, { codecs });
      deepEqual(got.map(shown), given.map(shown));
      deepEqual(
        got.map(({ timestampMs }) => timestampMs),
        given.map(({ timestampMs }) => timestampMs ?? nowMs),
      );
      deepEqual(
        got.map(({ offset }) => offset),
        given.map((_, i) => chosen.baseOffset + i),
      );
    }),
  );
});

test('a batch that is cut off anywhere is a typed error', () => {
  const whole = encoded([{ key: Buffer.from('k'), value: Buffer.from('value'), headers: [], timestampMs: null }]);
  for (let length = 0; length < whole.length; length++) {
    throws(() => readBatchHeader(whole.subarray(0, length)), { code: 'BATCH_TRUNCATED' });
    deepEqual([...readBatchHeaders(whole.subarray(0, length))], []);
  }
});

test('damaged bytes give a typed error or the same records, and never hang', () => {
  const runs = process.env['TEST_LONG'] === '1' ? 100_000 : 3_000;
  const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(records, compression, damage, fc.boolean(), (given, name, changes, checkCrc) => {
      const batch = encoded(given, { compression: name });
      for (const [at, flip] of changes) batch[at % batch.length]! ^= flip;
      try {
        decodeRecords(batch, readBatchHeader(batch), { codecs, checkCrc, maxDecompressedBytes: 1e6 });
      } catch (error) {
        ok(isError(error) && error.code.startsWith('BATCH_'), String(error));
      }
    }),
    { numRuns: runs },
  );
});

test('a flipped bit under the checksum is always found', () => {
  const given = [{ key: null, value: Buffer.from('{"price":1}'), headers: [], timestampMs: null }];
  const whole = encoded(given);
  for (let at = 21; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 1;
    throws(() => decodeRecords(damaged, readBatchHeader(damaged), { codecs }), { name: 'TributaryError' });
  }
});

test('as many records are taken as the bound allows, and a record alone above it is refused', () => {
  const given = Array.from({ length: 10 }, () => ({
    key: null,
    value: Buffer.alloc(100),
    headers: [],
    timestampMs: null,
  }));
  const buffer = new BatchBuffer();
  const first = encodeBatch(given, 0, buffer, { codecs, nowMs, maxBytes: 400 });
  equal(first.count, 3);
  equal(encodeBatch(given, 3, buffer, { codecs, nowMs, maxBytes: 400 }).start, first.end);
  throws(() => encodeBatch(given, 0, new BatchBuffer(), { codecs, nowMs, maxBytes: 100 }), {
    code: 'RECORD_TOO_LARGE',
  });
});

test('records below the offset asked for are passed over', () => {
  const given = ['a', 'b', 'c'].map((value) => ({
    key: null,
    value: Buffer.from(value),
    headers: [],
    timestampMs: null,
  }));
  const batch = encoded(given, { baseOffset: 7 });
  const got = decodeRecords(batch, readBatchHeader(batch), { codecs, fromOffset: 8 });
  deepEqual(
    got.map(({ offset, value }) => [offset, String(value)]),
    [
      [8, 'b'],
      [9, 'c'],
    ],
  );
});

test('formats before v2 are named', () => {
  const batch = encoded([{ key: null, value: null, headers: [], timestampMs: null }]);
  batch[16] = 1;
  throws(() => readBatchHeader(batch), { code: 'BATCH_UNSUPPORTED', message: /v1, of Kafka before 0\.11/ });
});
