import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { exposition } from '../../telemetry/exposition.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { merged, snapshot } from './merged-metrics.ts';

function processOf(counted: number, open: number, seconds: number) {
  const registry = new MetricRegistry();
  const metrics = registry.root();
  metrics.counter('in_total', 'In', { topic: 'a' }).value = counted;
  metrics.gauge('open', 'Open', () => open);
  metrics.histogram('wait_seconds', 'Wait', [1, 2]).observe(seconds);
  return snapshot(registry.families.values());
}

const shown = (...processes: Parameters<typeof merged>[0]) =>
  exposition(merged(processes))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

test('counters and histograms are summed, a gauge is told by process', () => {
  const lines = shown(
    { number: 1, families: processOf(3, 5, 0.5), isOld: false },
    { number: 2, families: processOf(4, 6, 1.5), isOld: false },
  );
  deepEqual(lines, [
    'in_total{topic="a"} 7',
    'open{process="1"} 5',
    'open{process="2"} 6',
    'wait_seconds_bucket{le="1"} 1',
    'wait_seconds_bucket{le="2"} 2',
    'wait_seconds_bucket{le="+Inf"} 2',
    'wait_seconds_sum 2',
    'wait_seconds_count 2',
  ]);
});

test('of a process that has ended the counters stay and the gauges go', () => {
  const ended = { number: 1, families: processOf(3, 5, 0.5), isOld: true };
  const lines = shown(ended, { number: 1, families: processOf(1, 2, 0.5), isOld: false });
  deepEqual(lines.slice(0, 2), ['in_total{topic="a"} 4', 'open{process="1"} 2']);
});

test('what is merged again, as at the end of a second process, has lost nothing', () => {
  const first = snapshot(merged([{ number: 0, families: processOf(3, 5, 0.5), isOld: true }]));
  const both = snapshot(
    merged([
      { number: 0, families: first, isOld: true },
      { number: 0, families: processOf(4, 5, 1.5), isOld: true },
    ]),
  );
  equal(exposition(merged([{ number: 0, families: both, isOld: true }])).match(/in_total\{topic="a"\} 7/)?.length, 1);
});

test('what is merged leaves the snapshots as they were', () => {
  const families = processOf(3, 5, 0.5);
  const two = [1, 2].map((number) => ({ number, families, isOld: false }));
  deepEqual(shown(...two), shown(...two));
});
