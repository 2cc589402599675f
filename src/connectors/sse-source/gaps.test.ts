import { deepEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GapTracker } from './gaps.ts';

const id = (text: string | number): Uint8Array => Buffer.from(String(text));
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, n) => from + n);

/** What is found at each id that is not 0; `|` stands for a reconnect. */
function found(ids: readonly (string | number)[], resumed?: string): Record<string, number> {
  const tracker = new GapTracker();
  if (resumed !== undefined) tracker.reconnected(id(resumed));
  const seen: Record<string, number> = {};
  for (const each of ids) {
    if (each === '|') tracker.reconnected();
    else {
      const missing = tracker.see(id(each));
      if (missing !== 0) seen[each] = missing;
    }
  }
  return seen;
}

describe('gaps', () => {
  for (const [what, ids, resumed, wanted] of [
    ['ids that count by one', upTo(1, 50), undefined, {}],
    ['a jump after a long run', [...upTo(1, 10), 14, 15], undefined, { 14: 3 }],
    ['ids that jump anyhow', [10, 20, 30, 35, 36, 50, 60], undefined, {}],
    ['a jump after a short run', [1, 2, 3, 4, 9], undefined, {}],
    ['a jump after a reconnect', [1, 2, 3, '|', 6, 7], undefined, { 6: 2 }],
    ['a jump after a reconnect that what follows confirms', [1, '|', 6, 7, 8, 9], undefined, { 8: 4 }],
    ['a jump after a reconnect that nothing confirms', [1, '|', 6, 9, 14], undefined, {}],
    ['a restart of ours', [13, 14, 15], '10', { 15: 2 }],
    ['a restart of ours without a gap', [11, 12, 13, 14], '10', {}],
    ['events that come again', [1, 2, 3, '|', 2, 3, 4], undefined, { 2: -1 }],
    ['a server that counts anew', [...upTo(100, 110), 1, 2, 3], undefined, { 1: -1 }],
    ['ids that are no numbers', ['a', 'b', '1:0', '1:5', '', '-1', '1.5', 'x9'], undefined, {}],
    ['words between numbers', [...upTo(1, 12), 'x', 20, 21], undefined, {}],
    ['numbers beyond what is exact', ['9007199254740993', '9007199254740999'], undefined, {}],
    ['an id of ours that is no number', [5, 6, 7, 8], '[{"a":1}]', {}],
  ] as const) {
    test(what, () => deepEqual(found(ids, resumed), wanted));
  }
});
