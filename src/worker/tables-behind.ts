import type { Counter, Metrics } from '../telemetry/metrics.ts';

/** Shared by those who wait for the tables: a worker that takes work over, and one that passes a change on. */
export function tablesBehind(metrics: Metrics): Counter {
  const help = 'Times that what other workers had written could not be read in time, and was not waited for any longer';
  return metrics.counter('tributary_worker_tables_behind_total', help);
}
