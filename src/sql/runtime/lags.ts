import type { Metrics } from '../../telemetry/metrics.ts';
import type { Frames } from './sources.ts';

const help = 'Records of a partition of a topic that are still to be read, as of the last ones that were';

/** How far an application is behind its topics, as its readers say. */
export class Lags {
  private readonly metrics: Metrics;
  private readonly known = new Map<string, { lag: number }>();

  constructor(metrics: Metrics) {
    this.metrics = metrics;
  }

  note(stream: string, { partition, lag }: Frames): void {
    if (lag === undefined) return;
    const number = String(partition?.['kafka_partition'] ?? 0);
    const key = `${stream}\0${number}`;
    const known = this.known.get(key);
    if (known !== undefined) {
      known.lag = lag;
      return;
    }
    const made = { lag };
    this.known.set(key, made);
    this.metrics.gauge('tributary_sql_source_lag', help, () => made.lag, { stream, partition: number });
  }
}
