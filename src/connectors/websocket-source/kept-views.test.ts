import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import { Inflater } from './inflater.ts';
import { KeptViews } from './kept-views.ts';

const message = (index: number): Buffer => Buffer.from(`{"n":${index},"pad":"${'x'.repeat(980)}"}`);

/** What a queue holds that keeps one of so many messages which a server compresses. */
function keepOneOf(every: number): { readonly counted: number; readonly held: number; readonly views: number } {
  const inflater = new Inflater({ noContextTakeover: true, windowBits: 15 });
  const views = new KeptViews();
  const kept: Uint8Array[] = [];
  let asViews = 0;
  for (let index = 0; index < 3000; index++) {
    const payload = deflateRawSync(message(index), { level: 1, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    const inflated = inflater.inflate(payload, 10_000);
    if (index % every > 0) continue;
    const queued = views.keep(inflated);
    if (queued === inflated) asViews++;
    kept.push(queued);
    deepEqual(Buffer.from(queued), message(index));
  }
  const memories = new Set(kept.map(({ buffer }) => buffer));
  const held = [...memories].reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { counted: kept.reduce((sum, { length }) => sum + length, 0), held, views: asViews };
}

test('of inflated messages that are mostly dropped, a queue holds few times the bytes it counts', () => {
  const { counted, held, views } = keepOneOf(50);
  ok(held < counted * 4 + 128 * 1024, `${held} bytes are held for ${counted}`);
  ok(views < 20, `${views} of them as views`);
});

test('where most are kept, they are not copied', () => {
  equal(keepOneOf(1).views, 3000);
});

test('a short part of a long piece of memory is copied, and a long message is not', () => {
  const views = new KeptViews();
  const memory = new Uint8Array(new ArrayBuffer(1024 * 1024));
  equal(views.keep(memory), memory);
  const part = memory.subarray(0, 100);
  ok(views.keep(part).buffer !== memory.buffer);
});
