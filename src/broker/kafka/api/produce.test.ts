import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isError } from '../../../base/errors.ts';
import { ByteReader } from '../byte-reader.ts';
import { loadToolkit } from '../toolkit.ts';
import { readProduceAnswer, writeProduce } from './produce.ts';

const toolkit = await loadToolkit();

test('a request holds one batch of each partition, by topic', () => {
  const bytes = Buffer.from('batch');
  const batches = [
    { topic: 'a', partition: 1, bytes },
    { topic: 'b', partition: 0, bytes },
    { topic: 'a', partition: 2, bytes },
  ];
  const written = writeProduce(toolkit, { version: 11, transactionalId: 'tx', timeoutMs: 500, batches }).buffer;
  const reader = new ByteReader(written, 'Produce');
  deepEqual([reader.compactString(), reader.int16(), reader.int32()], ['tx', -1, 500]);
  const topics = reader.compactArray(1, () => {
    const topic = reader.compactString();
    const partitions = reader.compactArray(1, () => {
      const partition = [reader.int32(), reader.compactBytes()?.toString()];
      reader.taggedFields();
      return partition;
    });
    reader.taggedFields();
    return [topic, partitions];
  });
  reader.taggedFields();
  deepEqual(topics, [
    [
      'a',
      [
        [1, 'batch'],
        [2, 'batch'],
      ],
    ],
    ['b', [[0, 'batch']]],
  ]);
  equal(reader.remaining, 0);
});

/** An answer as Kafka 4.1 writes it: partition 0 stored, partition 1 led by another node now. */
const answer = toolkit.Writer.create()
  .appendArray([0], (topics) => {
    topics.appendString('trades').appendArray(
      [0, 1],
      (partitions, partition) => {
        partitions
          .appendInt32(partition)
          .appendInt16(partition === 0 ? 0 : 6)
          .appendInt64(partition === 0 ? 42n : -1n)
          .appendInt64(-1n)
          .appendInt64(0n)
          .appendArray([], () => {})
          .appendString(partition === 0 ? null : 'moved');
        if (partition === 0) partitions.appendTaggedFields();
        // tag 0, 9 bytes: leader 3 of epoch 8
        else partitions.append(Buffer.from('010009000000030000000800', 'hex'));
      },
      true,
      false,
    );
  })
  .appendInt32(0)
  .append(Buffer.from('0100100200000003' + '05686f7374' + '00002384' + '0000', 'hex')).buffer;

test('an answer tells what was stored, and where the leader went', () => {
  deepEqual(readProduceAnswer(answer), {
    partitions: [
      {
        topic: 'trades',
        partition: 0,
        errorCode: 0,
        baseOffset: 42,
        errorMessage: null,
        leaderId: -1,
        leaderEpoch: -1,
      },
      {
        topic: 'trades',
        partition: 1,
        errorCode: 6,
        baseOffset: -1,
        errorMessage: 'moved',
        leaderId: 3,
        leaderEpoch: 8,
      },
    ],
    endpoints: [{ nodeId: 3, host: 'host', port: 9092 }],
  });
});

test('an answer that ends early or is damaged is a typed error', () => {
  for (let length = 0; length < answer.length; length++) rejectsOrReads(answer.subarray(0, length), length);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => rejectsOrReads(Buffer.from(bytes))));
  fc.assert(
    fc.property(fc.nat(answer.length - 1), fc.nat(255), (at, byte) => {
      const damaged = Buffer.from(answer);
      damaged[at] = byte;
      rejectsOrReads(damaged);
    }),
  );
});

function rejectsOrReads(bytes: Buffer, length?: number): void {
  try {
    readProduceAnswer(bytes);
    ok(length === undefined, `${length} of ${answer.length} bytes were read as a whole answer`);
  } catch (error) {
    ok(isError(error, 'PROTOCOL_ERROR'), String(error));
  }
}
