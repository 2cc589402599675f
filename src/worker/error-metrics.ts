import type { Counter, Metrics } from '../telemetry/metrics.ts';

/** Kafka Connect's `task-error-metrics` of one task, source or sink. */
export interface ErrorMetrics {
  /** Steps on a record that failed, each try counted. */
  readonly failures: Counter;
  /** Records that failed in the end, tolerated or not. */
  readonly errors: Counter;
  readonly skipped: Counter;
  readonly retries: Counter;
  readonly logged: Counter;
  readonly deadLetters: Counter;
  readonly deadLetterFailures: Counter;
  /** Wall clock of the last failure, milliseconds since 1970; 0 before the first. */
  lastErrorMs: number;
}

export const cutLettersName = 'tributary_dead_letters_cut_total';
export const cutLettersHelp = 'Dead letters with the beginning of their value only, as no batch could hold it whole';

export function errorMetrics(metrics: Metrics): ErrorMetrics {
  const counter = (name: string, help: string): Counter => metrics.counter(`kafka_connect_task_error_${name}`, help);
  const made: ErrorMetrics = {
    failures: counter('total_record_failures', 'Failed steps on records, each try counted'),
    errors: counter('total_record_errors', 'Records that failed in the end'),
    skipped: counter('total_records_skipped', 'Records skipped because of errors'),
    retries: counter('total_retries', 'Steps on records that were tried again'),
    logged: counter('total_errors_logged', 'Failures of records that were written to the log'),
    deadLetters: counter('deadletterqueue_produce_requests', 'Records given to the dead-letter topic'),
    deadLetterFailures: counter(
      'deadletterqueue_produce_failures',
      'Records that could not be written to the dead-letter topic',
    ),
    lastErrorMs: 0,
  };
  metrics.gauge(
    'kafka_connect_task_error_last_error_timestamp',
    'When a record failed last, milliseconds since 1970',
    () => made.lastErrorMs,
  );
  return made;
}
