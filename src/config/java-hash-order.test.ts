import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { javaHashOrder } from './java-hash-order.ts';

/** As recorded from a real Kafka Connect. */
test("keys come in the order of Java's HashMap, however they were put in", () => {
  const recorded = [
    'decimal.format',
    'converter.type',
    'schemas.cache.size',
    'replace.null.with.default',
    'schemas.enable',
  ];
  deepEqual(javaHashOrder([...recorded].sort()), recorded);
  deepEqual(javaHashOrder([...recorded].reverse()), recorded);
});

test('keys of one bucket keep the order in which they were put in', () => {
  deepEqual(javaHashOrder(['Aa', 'BB']), ['Aa', 'BB']); // equal hashes
  deepEqual(javaHashOrder(['BB', 'Aa']), ['BB', 'Aa']);
});
