import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { exposition } from '../telemetry/exposition.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { TaskClock } from './task-clock.ts';

test('shares of the time that a task ran and was paused', () => {
  let nowMs = 0;
  const registry = new MetricRegistry();
  const clock = new TaskClock({ nowMs: () => 0, monotonicMs: () => nowMs }, registry.root());
  equal(clock.share('RUNNING'), 0);
  clock.become('RUNNING');
  nowMs = 600;
  clock.become('PAUSED');
  nowMs = 900;
  clock.become('RUNNING');
  nowMs = 1000;
  equal(clock.share('RUNNING'), 0.7);
  const text = exposition(registry.families.values());
  match(text, /^kafka_connect_connector_task_running_ratio 0\.7$/m);
  match(text, /^kafka_connect_connector_task_pause_ratio 0\.3$/m);
});
