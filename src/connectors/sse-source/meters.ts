/** The series of one task. Each figure that cjmatta's connector logs has one; the rest are ours. */
import { countersByReason, declareQueueGauges, type QueueReadings } from '../../source/queue-gauges.ts';
import type { Counter, Metrics } from '../../telemetry/metrics.ts';

export const dropReasons = ['drop_oldest', 'drop_newest', 'filtered', 'oversize', 'abandoned'] as const;
export type DropReason = (typeof dropReasons)[number];

export interface Meters {
  readonly received: Counter;
  readonly bytes: Counter;
  readonly empty: Counter;
  readonly dropped: Readonly<Record<DropReason, Counter>>;
  readonly produced: Counter;
  readonly attempts: Counter;
  readonly opens: Counter;
  readonly failures: Counter;
  readonly pauses: Counter;
  readonly partial: Counter;
  readonly gaps: Counter;
  readonly missing: Counter;
  readonly gapRecords: Counter;
  readonly repeated: Counter;
  readonly resumed: Counter;
  readonly resumeRefused: Counter;
  readonly limited: Counter;
  readonly tokens: Counter;
  reconnects(reason: string): Counter;
  ofName(name: string): Counter;
}

/** What gauges show, read when somebody asks. */
export interface Readings extends QueueReadings {
  isConnected(): boolean;
  isPaused(): boolean;
  /** The server wants no more requests. */
  isFinished(): boolean;
  /** -1 before the first event. */
  secondsSinceLastEvent(): number;
  /** 0 while no stream is open. */
  uptimeSeconds(): number;
  /** -1 before the first. */
  secondsSinceLastReconnect(): number;
  readonly tlsInsecure: boolean;
}

const prefix = 'tributary_sse_';

export function declareMeters(metrics: Metrics, readings: Readings): Meters {
  const counter = (name: string, help: string, labels?: Record<string, string>): Counter =>
    metrics.counter(`${prefix}${name}_total`, help, labels);
  const gauge = (name: string, help: string, read: () => number): void => metrics.gauge(`${prefix}${name}`, help, read);

  const droppedHelp = 'Events that did not become records, by reason';
  const dropped = countersByReason(metrics, `${prefix}events_dropped_total`, droppedHelp, dropReasons);

  declareQueueGauges(metrics, prefix, 'events', readings);
  gauge('connected', '1 while a stream is open', () => Number(readings.isConnected()));
  gauge('paused', '1 while the full queue holds the stream back', () => Number(readings.isPaused()));
  gauge('finished', '1 after the server said that it wants no more requests (204)', () =>
    Number(readings.isFinished()),
  );
  gauge(
    'seconds_since_last_event',
    'Seconds since the last event, -1 before the first',
    readings.secondsSinceLastEvent,
  );
  gauge('uptime_seconds', 'Seconds since the stream was opened, 0 while there is none', readings.uptimeSeconds);
  gauge(
    'seconds_since_last_reconnect',
    'Seconds since the last new attempt to connect, -1 before the first',
    readings.secondsSinceLastReconnect,
  );
  gauge('tls_insecure', '1 where any certificate is accepted', () => Number(readings.tlsInsecure));

  return {
    received: counter('events_received', 'Events received, dropped ones included'),
    bytes: counter('bytes_received', 'Bytes of streams received, after decompression'),
    empty: counter('events_empty', 'Blocks without data, which are no events'),
    dropped,
    produced: counter('records_produced', 'Records handed to the worker'),
    attempts: counter('connection_attempts', 'Requests for the stream, redirects included'),
    opens: counter('connections_opened', 'Streams opened'),
    failures: counter('connections_failed', 'Requests that gave no stream, redirects not included'),
    pauses: counter('pauses', 'Times the full queue stopped the reading of the stream'),
    partial: counter('partial_events', 'Events of which only a part had come when the stream ended'),
    gaps: counter('gaps', 'Gaps in ids that otherwise count by one, and refusals to go on behind an event'),
    missing: counter('events_missing', 'Events that never came, by their ids'),
    gapRecords: counter('gap_records', 'Records about gaps'),
    repeated: counter('ids_repeated', 'Events whose number is not above the one before: sent again, or counted anew'),
    resumed: counter('resumes', 'Streams opened with a Last-Event-ID'),
    resumeRefused: counter('resumes_refused', 'Times the server could not go on behind the last event'),
    limited: counter('limit_waits', 'Requests that waited for their turn under a rate limit'),
    tokens: counter('tokens', 'Access tokens got by OAuth 2.0'),
    reconnects: (reason) => counter('reconnects', 'New attempts to connect, by the reason for them', { reason }),
    ofName: (name) => counter('events_by_name', 'Events received, by name', { event: name }),
  };
}
