import type { Counter, Metrics } from '../../telemetry/metrics.ts';

/** Series of the spool of one task. They last as long as its log does, also while nobody runs the task. */
export interface SpoolMetrics {
  readonly forwarded: Counter;
  readonly forwardedBytes: Counter;
  readonly forwardedWhole: Counter;
  readonly droppedFull: Counter;
  readonly droppedFullBytes: Counter;
  readonly droppedAge: Counter;
  readonly droppedAgeBytes: Counter;
  readonly corrupted: Counter;
  readonly waits: Counter;
  readonly paceWaitedSeconds: Counter;
  readonly failures: Counter;
  readonly refused: Counter;
}

export interface SpoolGauges {
  readonly records: () => number;
  readonly bytes: () => number;
  readonly oldestAgeSeconds: () => number;
  readonly atRisk: () => number;
}

const droppedHelp = 'Records that left the spool without having been forwarded, as its bounds say';
const droppedBytesHelp = 'Bytes of keys and values of those records';

export function spoolMetrics(metrics: Metrics, gauges: SpoolGauges): SpoolMetrics {
  metrics.gauge(
    'tributary_spool_records',
    'Records that wait in the spool, with the marks of transactions',
    gauges.records,
  );
  metrics.gauge('tributary_spool_bytes', 'Bytes in the spool, as stored', gauges.bytes);
  metrics.gauge('tributary_spool_oldest_age_seconds', 'Age of the oldest record in the spool', gauges.oldestAgeSeconds);
  metrics.gauge('tributary_spool_records_at_risk', 'Records that were received and are not synced yet', gauges.atRisk);
  const dropped = (reason: string) => metrics.counter('tributary_spool_records_dropped_total', droppedHelp, { reason });
  const droppedBytes = (reason: string) =>
    metrics.counter('tributary_spool_bytes_dropped_total', droppedBytesHelp, { reason });
  return {
    forwarded: metrics.counter(
      'tributary_spool_records_forwarded_total',
      'Records of the spool that Kafka has acknowledged',
    ),
    forwardedBytes: metrics.counter('tributary_spool_bytes_forwarded_total', 'Bytes of their keys and values'),
    forwardedWhole: metrics.counter(
      'tributary_spool_whole_batches_forwarded_total',
      'Large batches of the spool that went to Kafka as they were stored',
    ),
    droppedFull: dropped('full'),
    droppedFullBytes: droppedBytes('full'),
    droppedAge: dropped('age'),
    droppedAgeBytes: droppedBytes('age'),
    corrupted: metrics.counter(
      'tributary_spool_records_corrupted_total',
      'Records of the spool that were passed over because their block is damaged',
    ),
    waits: metrics.counter('tributary_spool_full_waits_total', 'Batches that had to wait because the spool was full'),
    paceWaitedSeconds: metrics.counter(
      'tributary_spool_pace_waited_seconds_total',
      'Time that batches waited for a forwarder that was a little behind',
    ),
    failures: metrics.counter('tributary_spool_forward_failures_total', 'Tries to forward that ended with an error'),
    refused: metrics.counter(
      'tributary_spool_offsets_refused_total',
      'Positions of the source that Kafka refused, as another worker had started the task since',
    ),
  };
}
