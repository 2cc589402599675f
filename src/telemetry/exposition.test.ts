import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { exposition } from './exposition.ts';
import { MetricRegistry } from './metrics.ts';
import { processFamilies } from './process-metrics.ts';

test('nothing declared is an empty text', () => equal(exposition(new MetricRegistry().families.values()), ''));

test('families stand in the order of their names, each with help and type', () => {
  const registry = new MetricRegistry();
  const metrics = registry.root();
  metrics.gauge('b_seconds', 'A gauge', () => 1.5);
  metrics.counter('a_total', 'A counter').value += 3;
  deepEqual(exposition(registry.families.values()).split('\n'), [
    '# HELP a_total A counter',
    '# TYPE a_total counter',
    'a_total 3',
    '# HELP b_seconds A gauge',
    '# TYPE b_seconds gauge',
    'b_seconds 1.5',
    '',
  ]);
});

test('labels of views are on each line, and values in them are escaped', () => {
  const registry = new MetricRegistry();
  registry.root().child({ connector: 'a"b\\c\nd' }).counter('x_total', 'Help\nwith \\', { task: '0' }).value = 1;
  deepEqual(exposition(registry.families.values()).split('\n'), [
    '# HELP x_total Help\\nwith \\\\',
    '# TYPE x_total counter',
    'x_total{connector="a\\"b\\\\c\\nd",task="0"} 1',
    '',
  ]);
});

test('buckets of a histogram are cumulated and end in +Inf', () => {
  const registry = new MetricRegistry();
  const histogram = registry.root().histogram('h_seconds', 'H', [0.1, 1], { task: '0' });
  histogram.observe(0.05, 2);
  histogram.observe(0.5);
  histogram.observe(5);
  deepEqual(exposition(registry.families.values()).split('\n').slice(2), [
    'h_seconds_bucket{task="0",le="0.1"} 2',
    'h_seconds_bucket{task="0",le="1"} 3',
    'h_seconds_bucket{task="0",le="+Inf"} 4',
    'h_seconds_sum{task="0"} 5.6',
    'h_seconds_count{task="0"} 4',
    '',
  ]);
});

test('numbers that are none are written as Prometheus reads them', () => {
  const registry = new MetricRegistry();
  const metrics = registry.root();
  for (const [name, value] of [
    ['n', Number.NaN],
    ['o', Number.POSITIVE_INFINITY],
    ['p', Number.NEGATIVE_INFINITY],
  ] as const)
    metrics.gauge(name, 'G', () => value);
  const values = exposition(registry.families.values()).match(/^[nop] .*$/gm);
  deepEqual(values, ['n NaN', 'o +Inf', 'p -Inf']);
});

test('series that were removed are gone, and so is a family without series', () => {
  const registry = new MetricRegistry();
  const view = registry.root().child({ connector: 'a' });
  view.counter('a_total', 'A');
  view.remove();
  equal(exposition(registry.families.values()), '');
});

test('the process tells its memory and its processor time', () => {
  const text = exposition(processFamilies());
  match(text, /^process_resident_memory_bytes \d{6,}$/m);
  match(text, /^process_cpu_seconds_total \d+(\.\d+)?$/m);
});

test("names of Kafka Connect's that Prometheus would have otherwise go without their type", () => {
  const registry = new MetricRegistry();
  const metrics = registry.root();
  metrics.gauge('active_count', 'G', () => 1);
  metrics.counter('total_retries', 'C');
  metrics.counter('retries_total', 'C');
  deepEqual(exposition(registry.families.values()).match(/^# TYPE .*$/gm), [
    '# TYPE active_count untyped',
    '# TYPE retries_total counter',
    '# TYPE total_retries untyped',
  ]);
});
