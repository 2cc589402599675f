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

test('memory that was lent is kept while long values come now and then, and given up when only short ones do', () => {
  const long = Buffer.alloc(1_000_000);
  const bytes = new GrowingBytes();
  const lendLong = (): ArrayBufferLike => {
    bytes.append(long, 0, long.length, long.length);
    return bytes.lend(2_000_000).buffer;
  };
  const first = lendLong();
  for (let round = 0; round < 5; round++) {
    for (let short = 0; short < 50; short++) {
      append(bytes, 'short');
      bytes.lend(2_000_000);
    }
    equal(lendLong(), first);
  }
  for (let short = 0; short < 100; short++) {
    append(bytes, 'short');
    equal(String(Buffer.from(bytes.lend(2_000_000))), 'short');
  }
  equal(bytes.bytes.length <= 512, true);
});

test('memory that nothing needs is given up, but never under a value that is being put together', () => {
  const bytes = new GrowingBytes();
  bytes.append(Buffer.alloc(100_000), 0, 100_000, 100_000);
  for (let round = 0; round < 100; round++) bytes.rest();
  equal(bytes.lend(2_000_000).length, 100_000);
  for (let round = 0; round < 100; round++) bytes.rest();
  equal(bytes.bytes.length, 0);
});
