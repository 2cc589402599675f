import type { Counter, Metrics } from '../telemetry/metrics.ts';

/** What the gauges of a source's queue show, read when somebody asks. */
export interface QueueReadings {
  queueRecords(): number;
  queueBytes(): number;
  readonly queueCapacity: number;
  readonly queueCapacityBytes: number;
}

/** `things`: what is queued, `messages`. */
export function declareQueueGauges(metrics: Metrics, prefix: string, things: string, readings: QueueReadings): void {
  const { queueCapacity, queueCapacityBytes } = readings;
  const gauge = (name: string, help: string, read: () => number): void => metrics.gauge(`${prefix}${name}`, help, read);
  const Things = things.charAt(0).toUpperCase() + things.slice(1);
  gauge('queue_size', `${Things} in the queue`, readings.queueRecords);
  gauge('queue_bytes', `Bytes of ${things} in the queue`, readings.queueBytes);
  gauge('queue_capacity', `${Things} the queue can hold`, () => queueCapacity);
  gauge('queue_capacity_bytes', `Bytes of ${things} the queue can hold`, () => queueCapacityBytes);
  gauge('queue_utilization_ratio', 'Share of the queue that is used, by number or bytes, whichever is larger', () =>
    Math.max(readings.queueRecords() / queueCapacity, readings.queueBytes() / queueCapacityBytes),
  );
}

/** One counter for each reason, as the label `reason`. */
export function countersByReason<Reason extends string>(
  metrics: Metrics,
  name: string,
  help: string,
  reasons: readonly Reason[],
): Readonly<Record<Reason, Counter>> {
  const counters = reasons.map((reason) => [reason, metrics.counter(name, help, { reason })]);
  return Object.fromEntries(counters) as Record<Reason, Counter>;
}
