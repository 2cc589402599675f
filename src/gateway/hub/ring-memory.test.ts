import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import { Chunk } from './chunk.ts';
import { Ring } from './ring.ts';
import { RingMemory } from './ring-memory.ts';

const value = Buffer.alloc(50);

function chunkOf(partition: number, from: number, records: number): Chunk {
  const all = Array.from({ length: records }, (_, at) => {
    const offset = from + at;
    return { offset, timestampMs: 0, key: null, value, headers: [] };
  });
  return new Chunk('t', partition, all, from, from + records, 0);
}

test(`the sum of all rings is that of their chunks, and the oldest of all goes first (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const maxBytes = 20_000;
  const memory = new RingMemory(maxBytes);
  const rings = Array.from({ length: 8 }, () => new Ring(0, memory));
  /** What is to be held, in the order it came. */
  let held: { readonly ring: Ring; readonly chunk: Chunk }[] = [];
  const sum = (of: readonly { readonly chunk: Chunk }[]): number =>
    of.reduce((bytes, { chunk }) => bytes + chunk.heldBytes, 0);
  for (let step = 0; step < fuzzRuns(8000); step++) {
    const at = below(rings.length);
    const ring = rings[at]!;
    const what = random();
    if (what < 0.6) {
      const chunk = chunkOf(at, ring.head, 1 + below(4));
      ring.add(chunk);
      held.push({ ring, chunk });
    } else if (what < 0.9 && held.length > 0) {
      const { chunk } = held[below(held.length)]!;
      chunk.range(0, 1 + below(3), () => Buffer.alloc(below(300)));
    } else if (what < 0.92) {
      ring.release();
      held = held.filter((each) => each.ring !== ring);
      rings[at] = new Ring(ring.head, memory);
    }
    if (random() < 0.7) {
      memory.trim();
      while (sum(held) > maxBytes) held.shift();
      ok(memory.bytes <= maxBytes);
    }
    equal(memory.bytes, sum(held));
    equal(
      rings.reduce((bytes, { bytes: own }) => bytes + own, 0),
      memory.bytes,
    );
  }
  for (const ring of rings) {
    const own = held.filter((each) => each.ring === ring).map(({ chunk }) => chunk);
    const found: Chunk[] = [];
    for (let position = ring.start; position < ring.head; position = found.at(-1)!.nextOffset) {
      found.push(ring.at(position)!);
    }
    deepEqual(found, own);
  }
});

test('a ring that was released counts no more, whatever still comes to it or is made of its chunks', () => {
  const memory = new RingMemory(1e6);
  const [left, other] = [new Ring(0, memory), new Ring(0, memory)];
  const chunk = chunkOf(0, 0, 2);
  left.add(chunk);
  other.add(chunkOf(1, 0, 1));
  const bytes = other.bytes;
  left.release();
  left.release();
  equal(memory.bytes, bytes);
  chunk.range(0, 1, () => Buffer.alloc(100));
  left.add(chunkOf(0, 2, 1));
  equal(memory.bytes, bytes);
  memory.trim();
  equal(other.at(0)?.nextOffset, 1);
});
