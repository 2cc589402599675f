import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { type Header, noHeaders } from '../record/record.ts';
import { PendingPublish } from './pending-publish.ts';

const request = {
  topic: 't',
  partition: null,
  timestampMs: null,
  mid: null,
  key: null,
  value: null,
  headers: noHeaders,
};
const answer = { stored() {}, failed() {} };

test('what a publish costs while it waits counts its key, its value and all its headers', () => {
  const header = (key: string, bytes: number): Header => ({ key, value: Buffer.alloc(bytes) });
  const full = { ...request, key: Buffer.alloc(3), value: Buffer.alloc(20), headers: [header('own', 400)] };
  const bytesOf = (publish: typeof full | typeof request, more: readonly Header[]): number =>
    new PendingPublish(publish, more, 0, answer, undefined).bytes - 100;
  const more = [header('more', 5000)];
  deepEqual(
    [bytesOf(request, []), bytesOf(full, []), bytesOf(request, more), bytesOf(full, more)],
    [0, 426, 5004, 5430],
  );
});
