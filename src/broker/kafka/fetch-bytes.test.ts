import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { BatchBuffer } from '../../record/batch-buffer.ts';
import type { Codecs } from '../../record/codecs.ts';
import { encodeBatch } from '../../record/encode.ts';
import { nextFetchBytes } from './fetch-bytes.ts';

const codecs: Codecs = {
  crc32c: (bytes) => crc32c(bytes) >>> 0,
  compress: (_, bytes) => bytes,
  decompress: (_, bytes) => bytes,
};

const limit = 10_000;

/** Batches of about so many bytes each, as an answer with such a bound holds them: the first one whole, the last one cut. */
function answer(sizes: readonly number[], bound: number): Buffer {
  const log = new BatchBuffer();
  for (const size of sizes) {
    const record = { key: null, value: Buffer.alloc(size - 70), headers: [], timestampMs: null };
    encodeBatch([record], 0, log, { codecs, maxBytes: 1e6, nowMs: 0, baseOffset: 0 });
  }
  const all = Buffer.from(log.view());
  return all.subarray(0, Math.max(bound, 12 + all.readInt32BE(8)));
}

/** What is asked for in the end, and the share of the last answer that was thrown away. */
function settled(size: number): { readonly asked: number; readonly wasted: number } {
  let asked = limit;
  let records: Buffer = Buffer.alloc(0);
  for (let round = 0; round < 5; round++) {
    records = answer(new Array(Math.ceil(limit / size) + 2).fill(size), asked);
    asked = nextFetchBytes(records, asked, limit);
  }
  const batch = 12 + records.readInt32BE(8);
  return { asked, wasted: (records.length % batch) / records.length };
}

for (const size of [100, 640, 1000, 1900, 2600, 3400, 4900, 6000, 8400, 9900, 12_000, 30_000]) {
  test(`of batches of ${size} bytes at most a sixteenth of an answer is thrown away`, () => {
    const { asked, wasted } = settled(size);
    ok(wasted <= 1 / 16, `${wasted}`);
    ok(asked <= limit, `${asked}`);
    // As many as fit, and not one at a time.
    ok(asked >= Math.min(size * 0.9, limit) && (size > limit / 4 || asked > limit * 0.7), `${asked}`);
  });
}

test('what was whole, or cut by little, is asked for again as it was', () => {
  equal(nextFetchBytes(Buffer.alloc(0), 777, limit), 777);
  equal(nextFetchBytes(answer([300, 300], 1e6), 777, limit), 777);
  equal(nextFetchBytes(answer([4000, 4000], 4100), 4100, limit), 4100);
});

test('a cut that does not say how long its batch is changes nothing', () => {
  const one = answer([100], 0);
  equal(nextFetchBytes(Buffer.concat([one, one.subarray(0, 11)]), 120, limit), 120);
});

test('a length that is far too large asks for no more than the bound', () => {
  const broken = Buffer.from(answer([100, 100], 1e6));
  const second = 12 + broken.readInt32BE(8);
  broken.writeInt32BE(2 ** 31 - 1, second + 8);
  equal(nextFetchBytes(broken.subarray(0, second + 40), 120, limit), limit);
});

test('batches that become smaller are asked for in larger numbers again', () => {
  const after = nextFetchBytes(answer([6000, 6000], limit), limit, limit);
  ok(after < 6100, `${after}`);
  const later = nextFetchBytes(answer([3000, 3000, 3000], after - 500), after, limit);
  ok(later > 9000 && later <= limit, `${later}`);
});
