import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { Staleness } from './staleness.ts';
import type { State } from './status-table.ts';

function make() {
  let nowMs = 0;
  const registry = new MetricRegistry();
  const polled = registry
    .root()
    .counter('kafka_connect_source_task_source_record_poll_total', 'P', { connector: 'a', task: '0' });
  const part = { workerId: 'w', version: null, trace: null };
  const now = { state: 'RUNNING' as State, type: 'source' as 'source' | 'sink' };
  const staleness = new Staleness({
    maxAgeMs: 1000,
    registry: registry.families,
    clock: { nowMs: () => 0, monotonicMs: () => nowMs },
    connectorNames: () => ['a'],
    status: () => ({
      name: 'a',
      type: now.type,
      connector: { ...part, state: 'RUNNING' },
      tasks: [{ ...part, task: 0, state: now.state, detail: undefined }],
    }),
  });
  return { staleness, polled, now, pass: (ms: number) => (nowMs += ms) };
}

test('a source is stale when it has given nothing for longer than the age, and well again with its next record', () => {
  const { staleness, polled, pass } = make();
  equal(staleness.trouble(), undefined);
  pass(1000);
  equal(staleness.trouble(), undefined);
  pass(1500);
  equal(staleness.trouble(), 'source "a" (task 0) has received nothing for 2 s');
  polled.value++;
  equal(staleness.trouble(), undefined);
});

test('what is paused, failed or a sink is never stale, and a resumed source has its whole age again', () => {
  const { staleness, now, pass } = make();
  staleness.observe();
  for (const state of ['PAUSED', 'FAILED', 'UNASSIGNED'] as const) {
    now.state = state;
    pass(5000);
    equal(staleness.trouble(), undefined);
  }
  now.state = 'RUNNING';
  equal(staleness.trouble(), undefined);
  pass(1001);
  match(staleness.trouble() ?? '', /^source "a"/);
  now.type = 'sink';
  equal(staleness.trouble(), undefined);
});
