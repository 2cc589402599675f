import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { SpareMemory } from './spare-memory.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

test('what was given back is used again where it is long enough, what came last first', () => {
  const spare = new SpareMemory();
  const [small, first, last] = [200 * kibibyte, mebibyte, mebibyte].map((size) => spare.take(size)!.buffer);
  for (const buffer of [first!, last!, small!]) spare.giveBack(buffer);
  equal(spare.take(900 * kibibyte)!.buffer, last);
  equal(spare.take(150 * kibibyte)!.buffer, small);
  equal(spare.take(150 * kibibyte)!.buffer, first);
  equal(spare.bytes, 0);
  ok(spare.take(150 * kibibyte)!.length >= 150 * kibibyte);
});

test('memory given back twice is there once, and foreign memory never', () => {
  const spare = new SpareMemory();
  const { buffer } = spare.take(mebibyte)!;
  spare.giveBack(buffer);
  spare.giveBack(buffer);
  spare.giveBack(new ArrayBuffer(mebibyte));
  spare.giveBack(new SharedArrayBuffer(mebibyte));
  equal(spare.bytes, mebibyte);
  equal(spare.take(mebibyte)!.buffer, buffer);
  equal(spare.take(mebibyte)!.buffer === buffer, false);
});

test('answers that are short or very long have no memory of their own', () => {
  const spare = new SpareMemory();
  equal(spare.take(127 * kibibyte), undefined);
  equal(spare.take(2 * mebibyte + 1), undefined);
  equal(spare.take(2 * mebibyte)!.length, 2 * mebibyte);
});

test('of 64 partitions read at once 8 MiB are kept, those that came last', () => {
  const spare = new SpareMemory();
  const lent = Array.from({ length: 64 }, () => spare.take(2 * mebibyte)!.buffer);
  for (const buffer of lent) spare.giveBack(buffer);
  equal(spare.bytes, 8 * mebibyte);
  for (const buffer of lent.slice(-4).reverse()) equal(spare.take(2 * mebibyte)!.buffer, buffer);
  equal(spare.bytes, 0);
});
