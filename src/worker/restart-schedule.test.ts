import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { TributaryError } from '../base/errors.ts';
import { RestartSchedule, restartPolicyOf, restartText } from './restart-schedule.ts';

const gone = new Error('gone');
const policy = { enabled: true, delayMs: 60_000, maxDelayMs: 600_000 };

test('the pause doubles with each failure in a row up to its bound', () => {
  const schedule = new RestartSchedule();
  const pauses = Array.from({ length: 6 }, () => schedule.next(policy, 10, gone)?.afterMs);
  deepEqual(pauses, [60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
});

test('a healthy time, or a start by hand, begins the row anew', () => {
  const schedule = new RestartSchedule();
  schedule.next(policy, 0, gone);
  schedule.next(policy, 0, gone);
  deepEqual(schedule.next(policy, 600_001, gone), { afterMs: 60_000, failures: 1 });
  schedule.next(policy, 0, gone);
  schedule.reset();
  deepEqual(schedule.next(policy, 0, gone), { afterMs: 60_000, failures: 1 });
});

test('where it is switched off nothing is planned', () => {
  equal(new RestartSchedule().next({ ...policy, enabled: false }, 0, gone), undefined);
});

test('what was refused for good stays failed', () => {
  const schedule = new RestartSchedule();
  equal(schedule.next(policy, 0, new TributaryError('CONNECTION_REFUSED_FOR_GOOD', 'the server said 401')), undefined);
  deepEqual(schedule.next(policy, 0, gone), { afterMs: 60_000, failures: 1 });
});

test('the policy is the configuration, and what cannot be read of it is the default', () => {
  const config = { 'errors.restart.delay.ms': '5', 'errors.restart.delay.max.ms': 'x', 'errors.restart.enabled': 'x' };
  deepEqual(restartPolicyOf(config, true), { enabled: true, delayMs: 5, maxDelayMs: 600_000 });
  equal(restartPolicyOf({ 'errors.restart.enabled': 'false' }, true).enabled, false);
  equal(restartPolicyOf({}, false).enabled, false);
});

test('the text says when, and how often it has failed', () => {
  equal(
    restartText({ afterMs: 60_000, failures: 1 }, 0),
    'starts again by itself at 1970-01-01T00:01:00.000Z (1 failure in a row)',
  );
});
