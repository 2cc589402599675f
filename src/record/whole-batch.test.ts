import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { codecs } from '../app/codecs.ts';
import { BatchBuffer } from './batch-buffer.ts';
import { readBatchHeader } from './batch-header.ts';
import { ColumnReader, wholeBatchBytes } from './column-reader.ts';
import { crc32c, crcOfOtherHead } from './crc32c.ts';
import { checkCrc } from './decode.ts';
import { encodeBatch } from './encode.ts';
import type { ProduceRecord } from './record.ts';
import { asList, type Records, ValueColumn } from './value-column.ts';
import { WholeBatch } from './whole-batch.ts';

const sender = { producerId: 77, producerEpoch: 3, baseSequence: 12_345 };

function encoded(records: Records, more: object = {}): Buffer {
  const into = new BatchBuffer(0);
  encodeBatch(records, 0, into, { codecs, maxBytes: 1e9, nowMs: 5, ...more });
  return Buffer.from(into.view(0, into.length));
}

function values(count: number, bytes: number): ProduceRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const value = Buffer.alloc(bytes, index);
    return { key: null, value, headers: [], timestampMs: 1_000 + index };
  });
}

function read(stored: Buffer, fromOffset = 0): readonly Records[] {
  const reader = new ColumnReader(codecs);
  reader.begin(stored.length);
  reader.add(stored, fromOffset);
  return reader.take().runs;
}

const large = encoded(values(400, 300), { baseOffset: 1_000, producerId: 5, producerEpoch: 0, baseSequence: 9 });

test('the checksum behind another head is that of the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 60 }), fc.uint8Array({ maxLength: 5000 }), (heads, rest) => {
      const half = heads.length >> 1;
      const [one, other] = [heads.subarray(0, half), heads.subarray(half, half * 2)];
      const after = (head: Uint8Array): number => crc32c(Buffer.concat([head, rest]));
      equal(crcOfOtherHead(after(one), crc32c(one), crc32c(other), rest.length), after(other));
    }),
  );
});

test('a large batch of values alone stays whole, and goes on as if its records had been encoded for the other log', () => {
  const [whole, ...others] = read(large, 1_000);
  ok(whole instanceof WholeBatch);
  equal(others.length, 0);
  for (const isTransactional of [false, true]) {
    const sent = encoded(whole, { ...sender, isTransactional });
    checkCrc(sent, readBatchHeader(sent), codecs);
    deepEqual(sent, encoded(whole.column, { ...sender, isTransactional }));
  }
  equal(whole.valueBytes, whole.column.valueBytes);
  equal(whole.firstTimeMs, 1_000);
});

test('its parts, and what no batch may be that large for, are taken out of it', () => {
  const [whole] = read(large, 1_000);
  ok(whole instanceof WholeBatch && whole.slice(0) === whole);
  const records = asList(whole);
  deepEqual(asList(whole.slice(10, 20)).map(bytesOf), records.slice(10, 20).map(bytesOf));
  const into = new BatchBuffer(0);
  const { count } = encodeBatch(whole, 7, into, { codecs, maxBytes: 10_000, nowMs: 5 });
  ok(count > 0 && into.length <= 10_000);
  deepEqual(
    read(Buffer.from(into.view())).flatMap((run) => asList(run).map(bytesOf)),
    records.slice(7, 7 + count).map(bytesOf),
  );
  const compressed = encoded(whole, { compression: 'gzip' });
  equal(readBatchHeader(compressed).compression, 'gzip');
});

test('a batch that begins below the offset, is small, or holds more than values, is taken apart', () => {
  ok(read(large, 1_001)[0] instanceof ValueColumn);
  ok(read(encoded(values(10, 300)))[0] instanceof ValueColumn);
  const [first, ...rest] = values(400, 300) as [ProduceRecord, ...ProduceRecord[]];
  for (const record of [
    { ...first, key: Buffer.from('k') },
    { ...first, value: null },
    { ...first, headers: [{ key: 'h', value: null }] },
  ]) {
    const [run] = read(encoded([...rest, record]));
    ok(Array.isArray(run) && run.length === 400);
  }
  ok(large.length >= wholeBatchBytes);
});

function bytesOf({ value, timestampMs }: ProduceRecord): unknown {
  return [Buffer.from(value!).toString('hex'), timestampMs];
}
