import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { errorPolicyOf } from './error-policy.ts';

const name = { 'errors.deadletterqueue.topic.name': 'dead' };
const factor = 'errors.deadletterqueue.topic.replication.factor';

test("without keys nothing is tried again, and the first failure is the task's", () => {
  deepEqual(errorPolicyOf({}), {
    tolerance: 'none',
    retryTimeoutMs: 0,
    retryDelayMaxMs: 60_000,
    logsEach: false,
    logsRecords: false,
    deadLetters: undefined,
  });
});

test('retries go on for a time, or for ever, with pauses of a bounded length', () => {
  equal(errorPolicyOf({ 'errors.retry.timeout': '5000' }).retryTimeoutMs, 5000);
  equal(errorPolicyOf({ 'errors.retry.timeout': '-1' }).retryTimeoutMs, Number.POSITIVE_INFINITY);
  equal(errorPolicyOf({ 'errors.retry.delay.max.ms': '250' }).retryDelayMaxMs, 250);
});

for (const [written, wanted] of [
  [undefined, undefined],
  ['-1', undefined],
  ['1', 1],
  ['3', 3],
] as const) {
  test(`replication factor ${written ?? 'not written'} of the dead-letter topic asks for ${wanted ?? "the broker's own"}`, () => {
    const policy = errorPolicyOf({ ...name, ...(written === undefined ? {} : { [factor]: written }) });
    deepEqual(policy.deadLetters, { topic: 'dead', replicationFactor: wanted, withHeaders: false });
  });
}

for (const [key, value] of [
  [factor, '40000'],
  [factor, 'many'],
  ['errors.retry.delay.max.ms', 'soon'],
  ['errors.retry.timeout', '1.5'],
  ['errors.tolerance', 'some'],
] as const) {
  test(`${key}=${value} is refused`, () => {
    throws(() => errorPolicyOf({ ...name, [key]: value }), {
      code: 'CONFIG_INVALID',
      message: new RegExp(`Invalid value ${value} for configuration ${key.replaceAll('.', '\\.')}`),
    });
  });
}
