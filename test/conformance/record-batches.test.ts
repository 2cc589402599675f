/** Log segments of a real Kafka, written by Java's producer and by kcat: we read what they wrote, and write the same bytes. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { BatchBuffer } from '../../src/record/batch-buffer.ts';
import { type BatchHeader, readBatchHeaders } from '../../src/record/batch-header.ts';
import { readControlType } from '../../src/record/control.ts';
import { decodeRecords } from '../../src/record/decode.ts';
import { encodeBatch } from '../../src/record/encode.ts';
import type { ConsumedRecord } from '../../src/record/record.ts';

interface Segment {
  readonly topic: string;
  readonly bytes: Buffer;
}

const segments = readFileSync(new URL('record/batches.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as { readonly topic: string; readonly segment: string })
  .map(({ topic, segment }): Segment => ({ topic, bytes: Buffer.from(segment, 'base64') }));

/** What Golden.java writes as record number i. */
function javaRecord(i: number) {
  return {
    key: i % 3 === 0 ? null : `k${i}`,
    value: i % 5 === 4 ? null : i % 7 === 6 ? '' : `value-${i} `.repeat(3),
    headers:
      i % 2 === 1
        ? [
            [`h${i}`, `x${i}`],
            ['n', null],
          ]
        : [],
    timestampMs: 1_700_000_000_000 + i * 10,
  };
}

function shown({ key, value, headers, timestampMs }: ConsumedRecord) {
  const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());
  return {
    key: text(key),
    value: text(value),
    headers: headers.map((header) => [header.key, text(header.value)]),
    timestampMs,
  };
}

function batchesOf({
  bytes,
}: Segment): { readonly header: BatchHeader; readonly records: readonly ConsumedRecord[] }[] {
  return [...readBatchHeaders(bytes)].map((header) => ({ header, records: decodeRecords(bytes, header, { codecs }) }));
}

test('there are segments of both writers in every compression', () => {
  const topics = segments.map(({ topic }) => topic);
  for (const writer of ['java', 'kcat']) {
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
      ok(topics.includes(`${writer}-${compression}`));
  }
});

for (const segment of segments) {
  const [writer, compression] = segment.topic.split('-') as [string, string];
  const batches = batchesOf(segment);
  const data = batches.filter(({ header }) => !header.isControl);

  test(`${segment.topic} is read to its last byte`, () => {
    equal(batches.at(-1)!.header.end, segment.bytes.length);
    ok(data.length > 0);
  });

  if (['none', 'gzip', 'snappy', 'lz4', 'zstd'].includes(compression)) {
    test(`${segment.topic} is compressed as its name says`, () => {
      for (const { header } of data) equal(header.compression, compression);
    });
  }

  if (writer === 'kcat') {
    test(`${segment.topic} holds what kcat was given`, () => {
      const records = data.flatMap(({ records: found }) => found).map(shown);
      deepEqual(
        records.map(({ key, value, headers }) => ({ key, value, headers })),
        Array.from({ length: 12 }, (_, i) => ({
          key: `k${i}`,
          value: `value-${i} value-${i} value-${i}`,
          headers: [['from', 'kcat']],
        })),
      );
    });
  } else if (segment.topic !== 'java-append-time') {
    test(`${segment.topic} holds what Java was given`, () => {
      const records = data.flatMap(({ records: found }) => found);
      deepEqual(
        records.map(shown),
        records.map((_, i) => javaRecord(i % 12)),
      );
      equal(records.length % 12, 0);
    });
  }

  test(`${segment.topic}: batches without compression are written with the same bytes again`, () => {
    for (const { header, records } of data.filter(({ header: h }) => h.compression === 'none')) {
      if (header.timestampType === 'append') continue;
      const buffer = new BatchBuffer();
      const { start, end } = encodeBatch(records, 0, buffer, {
        codecs,
        maxBytes: 1_000_000,
        nowMs: 0,
        baseOffset: header.baseOffset,
        producerId: header.producerId,
        producerEpoch: header.producerEpoch,
        baseSequence: header.baseSequence,
        isTransactional: header.isTransactional,
      });
      const again = Buffer.from(buffer.view(start, end));
      again.writeInt32BE(header.partitionLeaderEpoch, 12); // the broker's, outside the checksum
      deepEqual(again, segment.bytes.subarray(header.start, header.end));
    }
  });
}

test('a broker that sets the time sets it for every record', () => {
  const segment = segments.find(({ topic }) => topic === 'java-append-time')!;
  for (const { header, records } of batchesOf(segment)) {
    equal(header.timestampType, 'append');
    for (const { timestampMs } of records) equal(timestampMs, header.maxTimestampMs);
  }
});

test('the markers of a commit and of an abort are told apart', () => {
  const segment = segments.find(({ topic }) => topic === 'java-transactions')!;
  const markers = batchesOf(segment).filter(({ header }) => header.isControl);
  deepEqual(
    markers.map(({ header }) => readControlType(segment.bytes, header, codecs)),
    ['commit', 'abort'],
  );
  for (const { header } of batchesOf(segment)) equal(header.isTransactional, true);
});

test('producers with idempotence number their batches', () => {
  const [first] = batchesOf(segments.find(({ topic }) => topic === 'java-none')!);
  ok(first!.header.producerId >= 0);
  equal(first!.header.baseSequence, 0);
  const [plain] = batchesOf(segments.find(({ topic }) => topic === 'java-plain')!);
  equal(plain!.header.producerId, -1);
});
