import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Chunk } from './chunk.ts';

test('a range is made once for all who ask for it in a row, and what it holds is told and given back', () => {
  const chunk = new Chunk('t', 0, [], 0, 10, 0);
  let held = chunk.heldBytes;
  chunk.onGrown = (bytes) => {
    held += bytes;
  };
  let made = 0;
  const ask = (start: number, end: number): string =>
    chunk
      .range(start, end, () => {
        made++;
        return Buffer.from(`${start}-${end}`.padEnd(end));
      })
      .toString()
      .trim();
  equal(ask(0, 10), '0-10');
  equal(ask(0, 10), '0-10');
  equal(made, 1);
  equal(ask(3, 20), '3-20');
  equal(held, 20);
  equal(ask(0, 10), '0-10');
  equal(made, 3);
  equal(chunk.heldBytes, held);
});
