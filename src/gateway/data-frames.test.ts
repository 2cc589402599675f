import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { noHeaders } from '../record/record.ts';
import { type DataFrame, framesOf } from './data-frames.ts';
import type { Item } from './delivery.ts';
import { Chunk } from './hub/chunk.ts';

const record = { key: null, value: Buffer.from('v'), headers: noHeaders, timestampMs: 5, offset: 0 };
const chunk = new Chunk('t', 0, [record as never], 0, 1, 0);
const records: Item = { kind: 'records', chunk, start: 0, end: 1 };
const gap: Item = { kind: 'gap', gap: { topic: 't', partition: 0, from: 1, to: 2, reason: 'corrupt' } };

/** Frames as words: how many records, and whether the position is told. */
function words(items: readonly Item[]): string[] {
  let seq = 0;
  const form = { id: 1, format: 'text', isBinary: false, nextSeq: () => ++seq } as const;
  return framesOf({ items, records: 1, bytes: 1, conflated: 0 }, 'POS', form).map((frame) => {
    const text = typeof frame === 'string' ? frame : (frame as DataFrame).parts.join('');
    const { type, records: held = [], pos = 'no pos', seq: number } = JSON.parse(text);
    return type === 'gap' ? 'gap' : `${number}: ${held.length} ${pos}`;
  });
}

for (const [what, items, frames] of [
  ['records', [records], ['1: 1 POS']],
  ['a gap', [gap], ['gap']],
  ['a gap before records', [gap, records], ['gap', '1: 1 POS']],
  ['a gap among records', [records, gap, records], ['1: 1 no pos', 'gap', '2: 1 POS']],
  ['a gap behind records', [records, gap], ['1: 1 no pos', 'gap', '2: 0 POS']],
] as const) {
  test(`the position stands on the last data frame of ${what}`, () => deepEqual(words(items), frames));
}
