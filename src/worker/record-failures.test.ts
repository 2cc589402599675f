import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { errorMetrics } from './error-metrics.ts';
import { errorPolicyOf } from './error-policy.ts';
import { RecordFailures } from './record-failures.ts';

test('errors.retry.delay.max.ms bounds the pause between two tries', async () => {
  const entries: LogEntry[] = [];
  const failures = new RecordFailures({
    policy: errorPolicyOf({ 'errors.retry.timeout': '-1', 'errors.retry.delay.max.ms': '6' }),
    metrics: errorMetrics(new MetricRegistry().root()),
    log: recordingLog(entries),
    clock: systemClock,
    random: () => 0.5,
  });
  const away = new TributaryError('CONNECTION_FAILED', 'away', { retriable: true });
  const signal = new AbortController().signal;
  deepEqual(await failures.mayRetry(away, 1, systemClock.monotonicMs(), signal), true);
  deepEqual(
    entries.map(({ event, fields }) => [event, fields['after_ms']]),
    [['record_retried', 3]],
  );
});
