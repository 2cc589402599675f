/** The line of counters that `start` shows, from the metrics of the process. */
import type { MetricRegistry } from '../telemetry/metrics.ts';

export interface Counts {
  readonly atMs: number;
  readonly written: number;
  readonly bytes: number;
  /** Received, and not yet acknowledged. */
  readonly lag: number;
  readonly reconnects: number;
}

/** Of each kind of source. */
const waiting = ['tributary_websocket_lag_messages', 'tributary_sse_queue_size'];
const reconnects = ['tributary_websocket_reconnects_total', 'tributary_sse_reconnects_total'];

export function readCounts(metrics: MetricRegistry, atMs: number): Counts {
  const sum = (...names: readonly string[]): number => {
    let total = 0;
    for (const name of names) {
      const family = metrics.families.get(name);
      if (family?.kind === 'counter') for (const { counter } of family.series.values()) total += counter.value;
      if (family?.kind === 'gauge') for (const { read } of family.series.values()) total += read();
    }
    return total;
  };
  return {
    atMs,
    written: sum('kafka_connect_source_task_source_record_write_total'),
    bytes: sum('tributary_source_bytes_total'),
    lag: sum(...waiting) + sum('kafka_connect_source_task_source_record_active_count'),
    reconnects: sum(...reconnects),
  };
}

/** `12 345 messages · 1.9 MB · 25/s · lag 0 · 0 reconnects`; the rate is that since `before`. */
export function liveLine(now: Counts, before: Counts): string {
  const seconds = Math.max((now.atMs - before.atMs) / 1000, 0.001);
  return [
    `${grouped(now.written)} messages`,
    showBytes(now.bytes),
    `${grouped(Math.round(Math.max(0, now.written - before.written) / seconds))}/s`,
    `lag ${grouped(now.lag)}`,
    `${grouped(now.reconnects)} ${now.reconnects === 1 ? 'reconnect' : 'reconnects'}`,
  ].join(' · ');
}

export function showBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]!}`;
}

/** Digits in groups of three, with a narrow blank that no terminal breaks at. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
}
