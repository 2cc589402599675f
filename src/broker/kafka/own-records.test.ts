import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { FetchedPartition } from './api/fetch.ts';
import { ownRecords } from './own-records.ts';

const none = { topicId: 't', errorCode: 0, highWatermark: 9, lastStableOffset: 9, logStartOffset: 0, aborted: [] };

/** Partitions of one answer, with so many bytes of records each. */
function answerOf(...lengths: readonly number[]): FetchedPartition[] {
  const answer = Buffer.alloc(200_000, 'records');
  let at = 0;
  return lengths.map((length, partition) => {
    at += length;
    return { ...none, partition, leaderId: -1, leaderEpoch: -1, records: answer.subarray(at - length, at) };
  });
}

for (const lengths of [
  [5, 150_000],
  [1, 0, 2],
  [100_000, 1, 50_000],
]) {
  test(`records of ${lengths.join(', ')} bytes do not keep the answer they came in`, () => {
    const came = answerOf(...lengths);
    const { partitions, isCopied } = ownRecords(came);
    equal(isCopied, true);
    deepEqual(partitions, came);
    for (const { records } of partitions) notEqual(records.buffer, came[0]!.records.buffer);
  });
}

for (const lengths of [[], [0, 0], [150_000], [0, 7, 0]]) {
  test(`records of ${lengths.join(', ') || 'no'} bytes are not copied: no other partition is in the answer`, () => {
    const came = answerOf(...lengths);
    const { partitions, isCopied } = ownRecords(came);
    equal(isCopied, false);
    equal(partitions, came);
  });
}
