import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { isFenced, isStale, outcomeOf } from './produce-outcome.ts';

const answer = (errorCode: number, leaderId = -1) => ({
  topic: 't',
  partition: 0,
  errorCode,
  baseOffset: 5,
  errorMessage: null,
  leaderId,
  leaderEpoch: -1,
});

/** Code, what it means to an idempotent producer, and in a transaction where that differs. */
const table: readonly (readonly [code: number, name: string, kind: string, inTransaction?: string])[] = [
  [0, 'none', 'stored'],
  [46, 'DUPLICATE_SEQUENCE_NUMBER', 'stored'],
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'out-of-order'],
  [2, 'CORRUPT_MESSAGE', 'retry'],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION', 'retry'],
  [5, 'LEADER_NOT_AVAILABLE', 'retry'],
  [6, 'NOT_LEADER_OR_FOLLOWER', 'retry'],
  [7, 'REQUEST_TIMED_OUT', 'retry'],
  [13, 'NETWORK_EXCEPTION', 'retry'],
  [19, 'NOT_ENOUGH_REPLICAS', 'retry'],
  [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'retry'],
  [56, 'KAFKA_STORAGE_ERROR', 'retry'],
  [74, 'FENCED_LEADER_EPOCH', 'retry'],
  [10, 'MESSAGE_TOO_LARGE', 'too-large'],
  [18, 'RECORD_LIST_TOO_LARGE', 'too-large'],
  [29, 'TOPIC_AUTHORIZATION_FAILED', 'rejected'],
  [87, 'INVALID_RECORD', 'rejected'],
  [47, 'INVALID_PRODUCER_EPOCH', 'out-of-order', 'rejected'],
  [59, 'UNKNOWN_PRODUCER_ID', 'out-of-order', 'rejected'],
  [90, 'PRODUCER_FENCED', 'out-of-order', 'rejected'],
];

for (const [code, name, kind, inTransaction = kind] of table) {
  test(`${name} is ${kind}${inTransaction === kind ? '' : `, in a transaction ${inTransaction}`}`, () => {
    equal(outcomeOf(answer(code), false, 10).kind, kind);
    equal(outcomeOf(answer(code), true, 10).kind, inTransaction);
  });
}

test('a retry waits, unless the answer names the new leader', () => {
  const waits = outcomeOf(answer(6), false, 10);
  const moved = outcomeOf(answer(6, 3), false, 10);
  equal(waits.kind === 'retry' && waits.delayMs, 10);
  equal(moved.kind === 'retry' && moved.delayMs, 0);
});

test('only what is wrong about the leader makes metadata stale, only another producer fences', () => {
  for (const [code] of table) {
    equal(isStale(answer(code)), [3, 5, 6, 74].includes(code));
    equal(isFenced(answer(code)), [47, 90].includes(code));
  }
});
