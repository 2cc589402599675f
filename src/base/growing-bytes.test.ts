import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { GrowingBytes } from './growing-bytes.ts';

const append = (bytes: GrowingBytes, text: string): void => bytes.append(Buffer.from(text), 0, text.length);

test('what is taken stays as it is when more comes', () => {
  const bytes = new GrowingBytes();
  append(bytes, 'one');
  append(bytes, ' two');
  const taken = bytes.take();
  append(bytes, 'three');
  equal(String(Buffer.from(taken)), 'one two');
  deepEqual([bytes.length, String(Buffer.from(bytes.take()))], [5, 'three']);
});

test('what is lent is good until more comes, which goes to the same memory; memory that has grown too large is given away', () => {
  const bytes = new GrowingBytes();
  append(bytes, 'one');
  const first = bytes.lend(1024);
  equal(String(Buffer.from(first)), 'one');
  equal(bytes.length, 0);
  append(bytes, 'two');
  const second = bytes.lend(1024);
  equal(String(Buffer.from(second)), 'two');
  equal(second.buffer, first.buffer);
  append(bytes, 'x'.repeat(2000));
  const large = bytes.lend(1024);
  append(bytes, 'three');
  notEqual(bytes.bytes.buffer, large.buffer);
  deepEqual([large.length, large[1999]], [2000, 120]);
});
