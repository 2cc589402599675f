import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { LimitedWarning } from './limited-log.ts';
import { type LogEntry, recordingLog } from './log.ts';

test('one line an interval, and the next one counts what was held back', () => {
  const entries: LogEntry[] = [];
  let nowMs = 0;
  const warning = new LimitedWarning(
    recordingLog(entries),
    'dropped',
    { nowMs: () => 0, monotonicMs: () => nowMs },
    1000,
  );
  for (const atMs of [0, 1, 999, 1000, 1001, 5000]) {
    nowMs = atMs;
    warning.warn({ at: atMs });
  }
  deepEqual(
    entries.map(({ fields }) => fields),
    [{ at: 0 }, { at: 1000, held_back: 2 }, { at: 5000, held_back: 1 }],
  );
});
