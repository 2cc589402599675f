import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../../../test/support/random.ts';
import { isError } from '../../../base/errors.ts';
import { ByteReader } from '../byte-reader.ts';
import { loadToolkit } from '../toolkit.ts';
import { readFetchAnswer, writeFetch } from './fetch.ts';

const toolkit = await loadToolkit();
const topicId = '00112233-4455-6677-8899-aabbccddeeff';

for (const version of [13, 17]) {
  test(`a request names each partition once (version ${version})`, () => {
    const partition = { topicId, partition: 3, leaderEpoch: 9, offset: 2 ** 40, maxBytes: 1000 };
    const partitions = [partition, { ...partition, partition: 4 }];
    const request = { version, maxWaitMs: 500, maxBytes: 2000, isolation: 'read-committed' as const, partitions };
    const reader = new ByteReader(writeFetch(toolkit, request).buffer, 'Fetch');
    if (version < 15) equal(reader.int32(), -1);
    const head = [reader.int32(), reader.int32(), reader.int32(), reader.int8(), reader.int32(), reader.int32()];
    deepEqual(head, [500, 1, 2000, 1, 0, -1]);
    const topics = reader.compactArray(1, () => {
      const id = reader.uuid();
      const entries = reader.compactArray(1, () => {
        const entry = [reader.int32(), reader.int32(), reader.int64(), reader.int32(), reader.int64(), reader.int32()];
        reader.taggedFields();
        return entry;
      });
      reader.taggedFields();
      return [id, entries];
    });
    deepEqual(topics, [[topicId, [3, 4].map((number) => [number, 9, 2 ** 40, -1, -1, 1000])]]);
    equal(reader.unsignedVarint(), 1); // no forgotten topics
    equal(reader.compactString(), '');
    reader.taggedFields();
    equal(reader.remaining, 0);
  });
}

/** An answer as Kafka 4.1 writes it. */
const answer = toolkit.Writer.create()
  .appendInt32(7)
  .appendInt16(0)
  .appendInt32(0)
  .appendArray([0], (topics) => {
    topics.appendUUID(topicId).appendArray(
      [0],
      (partitions) => {
        partitions
          .appendInt32(5)
          .appendInt16(0)
          .appendInt64(100n)
          .appendInt64(90n)
          .appendInt64(10n)
          .appendArray([1n, 2n], (aborted, id) => aborted.appendInt64(id).appendInt64(id * 10n))
          .appendInt32(-1)
          .appendBytes(Buffer.from('records'))
          // tag 1, 9 bytes: leader 3 of epoch 8
          .append(Buffer.from('010109000000030000000800', 'hex'));
      },
      true,
      false,
    );
  })
  .appendTaggedFields().buffer;

test('an answer of many partitions that all have nothing new is read: as short as an answer can be', () => {
  const partitions = [0, 1, 2, 3, 4, 5];
  const { buffer } = toolkit.Writer.create()
    .appendInt32(0)
    .appendInt16(0)
    .appendInt32(0)
    .appendArray([0], (topics) => {
      topics.appendUUID(topicId).appendArray(partitions, (writer, partition) => {
        writer
          .appendInt32(partition)
          .appendInt16(0)
          .appendInt64(1n)
          .appendInt64(1n)
          .appendInt64(0n)
          .appendArray([], () => {})
          .appendInt32(-1)
          .appendBytes(Buffer.alloc(0));
      });
    })
    .appendTaggedFields();
  deepEqual(
    readFetchAnswer(buffer).partitions.map(({ partition, records }) => [partition, records.length]),
    partitions.map((partition) => [partition, 0]),
  );
});

test('an answer gives the batches of each partition as they are', () => {
  const read = readFetchAnswer(answer);
  const [partition] = read.partitions;
  deepEqual([read.throttleMs, read.errorCode, read.partitions.length, read.endpoints], [7, 0, 1, []]);
  deepEqual(
    { ...partition, records: partition!.records.toString() },
    {
      topicId,
      partition: 5,
      errorCode: 0,
      highWatermark: 100,
      lastStableOffset: 90,
      logStartOffset: 10,
      aborted: [
        { producerId: 1, firstOffset: 10 },
        { producerId: 2, firstOffset: 20 },
      ],
      records: 'records',
      leaderId: 3,
      leaderEpoch: 8,
    },
  );
});

test('an answer that ends early or is damaged is a typed error', () => {
  for (let length = 0; length < answer.length; length++) rejectsOrReads(answer.subarray(0, length), length);
  const numRuns = fuzzRuns(1000);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => rejectsOrReads(Buffer.from(bytes))),
    { numRuns },
  );
  fc.assert(
    fc.property(fc.nat(answer.length - 1), fc.nat(255), (at, byte) => {
      const damaged = Buffer.from(answer);
      damaged[at] = byte;
      rejectsOrReads(damaged);
    }),
    { numRuns },
  );
});

function rejectsOrReads(bytes: Buffer, length?: number): void {
  try {
    readFetchAnswer(bytes);
    ok(length === undefined, `${length} of ${answer.length} bytes were read as a whole answer`);
  } catch (error) {
    ok(isError(error, 'PROTOCOL_ERROR'), String(error));
  }
}
