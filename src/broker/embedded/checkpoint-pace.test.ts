import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { minCheckpointBytes, nextCheckpointBytes } from './checkpoint-pace.ts';
import { logBytes } from './schema.ts';

const mebibyte = 1024 * 1024;

for (const { bytes, tookMs, next, what } of [
  { bytes: 8 * mebibyte, tookMs: 5, next: 16 * mebibyte, what: 'a short one is made after twice as much' },
  { bytes: 16 * mebibyte, tookMs: 30, next: 16 * mebibyte, what: 'one that took about as long as wanted stays' },
  { bytes: 32 * mebibyte, tookMs: 41, next: 16 * mebibyte, what: 'a long one is made after half' },
  { bytes: logBytes / 2, tookMs: 1, next: logBytes / 2, what: 'never after more than half of what the log may hold' },
  { bytes: minCheckpointBytes, tookMs: 900, next: minCheckpointBytes, what: 'nor after less than the least' },
]) {
  test(`checkpoints: ${what}`, () => equal(nextCheckpointBytes(bytes, tookMs), next));
}
