import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { murmur2, partitionFor, partitionForKey } from './partitioner.ts';

/** Vectors of Kafka's own clients (org.apache.kafka.common.utils.Utils). */
const vectors: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

for (const [key, hash] of vectors) {
  test(`the hash of "${key}" is Java's`, () => equal(murmur2(Buffer.from(key)), hash));
}

test('a key always finds the same partition, within the count', () => {
  equal(partitionForKey(Buffer.from('foobar'), 1), 0);
  equal(partitionForKey(Buffer.from('foobar'), 10), (-790332482 & 0x7fffffff) % 10);
});

test('a record goes where its key says; one without a key takes the turn of its batch', () => {
  const key = Buffer.from('foobar');
  equal(partitionFor(key, 10, 3), partitionForKey(key, 10));
  equal(partitionFor(new Uint8Array(0), 10, 3), partitionForKey(new Uint8Array(0), 10));
  equal(partitionFor(null, 10, 3), 3);
  equal(partitionFor(null, 10, 2 ** 40 + 3), (2 ** 40 + 3) % 10);
  equal(partitionFor(null, 1, 3), 0);
  equal(partitionFor(key, 1, 3), 0);
});
