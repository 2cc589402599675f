import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { liveLine, readCounts, showBytes } from './live-line.ts';

test('the line shows totals over all tasks and the rate since the last one', () => {
  const metrics = new MetricRegistry();
  const before = readCounts(metrics, 1000);
  for (const connector of ['a', 'b']) {
    const view = metrics.root().child({ connector });
    view.counter('kafka_connect_source_task_source_record_write_total', '').value = 10_000;
    view.gauge('kafka_connect_source_task_source_record_active_count', '', () => 2);
    view.gauge('tributary_websocket_lag_messages', '', () => 1);
    view.counter('tributary_source_bytes_total', '').value = 950_000;
    view.counter('tributary_websocket_reconnects_total', '').value = connector === 'a' ? 1 : 0;
  }
  equal(
    liveLine(readCounts(metrics, 3000), before).replaceAll(' ', ' '),
    '20 000 messages · 1.9 MB · 10 000/s · lag 6 · 1 reconnect',
  );
});

test('an event stream counts as a feed does: what waits, and its reconnects', () => {
  const metrics = new MetricRegistry();
  const view = metrics.root().child({ connector: 'stream' });
  view.gauge('tributary_sse_queue_size', '', () => 7);
  view.gauge('tributary_websocket_lag_messages', '', () => 1);
  view.counter('tributary_sse_reconnects_total', '', { reason: 'ended' }).value = 2;
  view.counter('tributary_sse_reconnects_total', '', { reason: 'refused' }).value = 1;
  view.counter('tributary_websocket_reconnects_total', '').value = 1;
  const { lag, reconnects } = readCounts(metrics, 0);
  equal(lag, 8);
  equal(reconnects, 4);
});

test('before anything has come all is zero', () => {
  const counts = readCounts(new MetricRegistry(), 0);
  equal(liveLine(counts, counts), '0 messages · 0 B · 0/s · lag 0 · 0 reconnects');
});

for (const [bytes, shown] of [
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [123_456, '123 kB'],
  [5e12, '5.0 TB'],
  [5e16, '50000 TB'],
] as const) {
  test(`${bytes} bytes are ${shown}`, () => equal(showBytes(bytes), shown));
}
