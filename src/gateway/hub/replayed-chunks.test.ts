import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import { Chunk } from './chunk.ts';
import { ReplayedChunks } from './replayed-chunks.ts';
import { Ring } from './ring.ts';
import { RingMemory } from './ring-memory.ts';

const value = Buffer.alloc(50);

function chunkOf(from: number, records: number, fetchedAtMs = 0): Chunk {
  const all = Array.from({ length: records }, (_, at) => {
    return { offset: from + at, timestampMs: 0, key: null, value, headers: [] };
  });
  return new Chunk('t', 0, all, from, from + records, fetchedAtMs);
}

test(`what is found holds the position, and the sum is that of what is held, within the bound (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const maxBytes = 5000;
  const memory = new RingMemory(maxBytes);
  let chunks = new ReplayedChunks(memory);
  let held: Chunk[] = [];
  let hits = 0;
  for (let step = 0; step < fuzzRuns(4000); step++) {
    const chunk = chunkOf(below(60), below(9));
    if (chunk.nextOffset > chunk.from && chunks.at(chunk.from) === undefined) held.push(chunk);
    chunks.add(chunk);
    const sum = (): number => held.reduce((bytes, { heldBytes }) => bytes + heldBytes, 0);
    while (sum() > maxBytes) held.shift();
    if (random() < 0.2 && held.length > 0) held[0]!.range(0, 1, () => Buffer.alloc(below(50)));
    equal(memory.bytes, sum());
    const offset = below(70);
    const found = chunks.at(offset);
    if (found !== undefined) {
      hits++;
      ok(held.includes(found));
      ok(found.from <= offset && offset < found.nextOffset);
    }
    if (random() < 0.01) {
      chunks.release();
      chunks.add(chunk);
      equal(memory.bytes, 0);
      equal(chunks.at(chunk.from), undefined);
      chunks = new ReplayedChunks(memory);
      held = [];
    }
  }
  ok(hits > 100);
});

test('rings and replays share a bound: of both the oldest chunk goes first, and replays have a part of it at most', () => {
  const size = chunkOf(0, 1).heldBytes;
  const replayedMemory = new RingMemory(2 * size);
  const memory = new RingMemory(4 * size, replayedMemory);
  const ring = new Ring(0, memory);
  const replayed = new ReplayedChunks(replayedMemory);
  ring.add(chunkOf(0, 1, 1));
  replayed.add(chunkOf(100, 1, 2));
  for (const at of [1, 2]) ring.add(chunkOf(at, 1, 2 + at));
  memory.trim();
  ring.add(chunkOf(3, 1, 5));
  memory.trim();
  equal(ring.start, 1);
  ok(replayed.at(100) !== undefined);
  ring.add(chunkOf(4, 1, 6));
  memory.trim();
  equal(ring.start, 1);
  equal(replayed.at(100), undefined);
  for (const at of [101, 102, 103]) replayed.add(chunkOf(at, 1, at));
  equal(replayedMemory.bytes, 2 * size);
  equal(replayed.at(101), undefined);
  memory.trim();
  equal(memory.bytes + replayedMemory.bytes, 4 * size);
});

test('who reads at a position is waited for, and what is over twice ends what another one has begun', async () => {
  const chunks = new ReplayedChunks(new RingMemory(1000));
  const first = chunks.reading(5);
  const waiting = chunks.read(5)!;
  first();
  await waiting;
  equal(chunks.read(5), undefined);
  const second = chunks.reading(5);
  first();
  ok(chunks.read(5) !== undefined);
  second();
  equal(chunks.read(5), undefined);
});
