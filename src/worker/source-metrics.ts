import type { Counter, Histogram, Metrics } from '../telemetry/metrics.ts';
import { cutLettersHelp, cutLettersName, type ErrorMetrics, errorMetrics } from './error-metrics.ts';
import type { ExactlyOnceMetrics } from './exactly-once.ts';

/** Series of one source task; names of Kafka Connect where it has them. */
export interface SourceMetrics {
  readonly polled: Counter;
  readonly written: Counter;
  readonly bytes: Counter;
  readonly batches: Counter;
  /** Records that a transform has dropped on purpose. */
  readonly filtered: Counter;
  readonly errors: ErrorMetrics;
  /** Dead letters that have the beginning of their value only. */
  readonly cutLetters: Counter;
  readonly retries: Counter;
  readonly transactions: ExactlyOnceMetrics;
  readonly offsetCommits: Counter;
  readonly offsetCommitFailures: Counter;
  readonly uncleanStarts: Counter;
  readonly leftAtStop: Counter;
  readonly receiveToAck: Histogram;
}

const ackBounds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
  2.5, 10,
];

export function sourceMetrics(metrics: Metrics): SourceMetrics {
  const polled = metrics.counter('kafka_connect_source_task_source_record_poll_total', 'Records taken from the source');
  const written = metrics.counter(
    'kafka_connect_source_task_source_record_write_total',
    'Records that the broker has acknowledged',
  );
  const filtered = metrics.counter(
    'tributary_source_records_filtered_total',
    'Records that a transform has dropped on purpose',
  );
  const errors = errorMetrics(metrics);
  const transactions = {
    committed: metrics.counter('tributary_source_transactions_total', 'Transactions that were committed'),
    aborted: metrics.counter('tributary_source_transactions_aborted_total', 'Transactions that were aborted'),
    abortedRecords: metrics.counter(
      'tributary_source_records_aborted_total',
      'Records in transactions that the connector had aborted',
    ),
  };
  metrics.gauge(
    'kafka_connect_source_task_source_record_active_count',
    'Records taken from the source and not yet acknowledged',
    () => polled.value - written.value - errors.skipped.value - filtered.value - transactions.abortedRecords.value,
  );
  return {
    polled,
    written,
    filtered,
    transactions,
    errors,
    cutLetters: metrics.counter(cutLettersName, cutLettersHelp),
    bytes: metrics.counter('tributary_source_bytes_total', 'Bytes of keys and values that the broker has acknowledged'),
    batches: metrics.counter('tributary_source_batches_total', 'Batches taken from the source'),
    retries: metrics.counter('tributary_source_retries_total', 'Requests to the broker that were tried again'),
    offsetCommits: metrics.counter('tributary_source_offset_commits_total', 'Source offsets stored'),
    offsetCommitFailures: metrics.counter(
      'tributary_source_offset_commit_failures_total',
      'Source offsets that could not be stored and are tried again',
    ),
    uncleanStarts: metrics.counter(
      'tributary_source_unclean_starts_total',
      'Starts after a run that ended without a clean stop: what it had received and not written is lost',
    ),
    leftAtStop: metrics.counter(
      'tributary_source_records_left_at_stop_total',
      'Records without acknowledgement when the time for a graceful stop was over',
    ),
    receiveToAck: metrics.histogram(
      'tributary_source_receive_to_ack_seconds',
      'Time from the arrival of the oldest record of a batch to its acknowledgement, counted for each record',
      ackBounds,
    ),
  };
}
