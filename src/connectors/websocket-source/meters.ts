/** The series of one task. Each JMX attribute of conduktor's connector has one; the rest are ours. */
import { countersByReason, declareQueueGauges, type QueueReadings } from '../../source/queue-gauges.ts';
import type { Counter, Metrics } from '../../telemetry/metrics.ts';
import { type FaultLabel, faultLabels } from './frame-fault.ts';
import { type BackfillFailure, backfillFailures } from './repair.ts';

export const dropReasons = ['drop_oldest', 'drop_newest', 'binary', 'not_utf8', 'undecodable', 'abandoned'] as const;
export type DropReason = (typeof dropReasons)[number];

export interface Meters {
  readonly received: Counter;
  readonly bytes: Counter;
  readonly binary: Counter;
  readonly heartbeatReplies: Counter;
  readonly dropped: Readonly<Record<DropReason, Counter>>;
  readonly deduplicated: Counter;
  readonly sequence: SequenceMeters;
  readonly backfill: BackfillMeters;
  readonly produced: Counter;
  readonly opens: Counter;
  readonly renewals: { readonly made: Counter; readonly failed: Counter };
  readonly pauses: Counter;
  readonly partial: Counter;
  readonly malformed: Readonly<Record<FaultLabel, Counter>>;
  readonly subscriptions: { readonly confirmed: Counter; readonly refused: Counter };
  reconnects(reason: string): Counter;
}

/** Of messages that carry numbers. */
export interface SequenceMeters {
  readonly gaps: Counter;
  readonly missing: Counter;
  readonly gapRecords: Counter;
  readonly late: Counter;
  readonly repeated: Counter;
  readonly restarts: Counter;
  readonly unnumbered: Counter;
  readonly forgotten: Counter;
}

/** Of messages that are missing and asked for. */
export interface BackfillMeters {
  readonly holes: Counter;
  readonly requests: Counter;
  readonly messages: Counter;
  readonly outside: Counter;
  readonly failures: Readonly<Record<BackfillFailure, Counter>>;
}

/** What gauges show, read when somebody asks. */
export interface Readings extends QueueReadings {
  isConnected(): boolean;
  /** -1 before the first message. */
  secondsSinceLastMessage(): number;
  /** 0 while not connected. */
  uptimeSeconds(): number;
  openConnections(): number;
  isPaused(): boolean;
  /** Missing messages that are asked for at present. */
  backfillAsked(): number;
  /** A message waits for what is missing before it. */
  isHeldForBackfill(): boolean;
  sequenceChannels(): number;
  /** Of these, channels that the offset has no room for. */
  unsavedChannels(): number;
  readonly tlsInsecure: boolean;
}

const prefix = 'tributary_websocket_';

export function declareMeters(metrics: Metrics, readings: Readings): Meters {
  const counter = (name: string, help: string, labels?: Record<string, string>): Counter =>
    metrics.counter(`${prefix}${name}_total`, help, labels);
  const gauge = (name: string, help: string, read: () => number): void => metrics.gauge(`${prefix}${name}`, help, read);

  const received = counter('messages_received', 'Messages received, heartbeat replies and dropped ones included');
  const produced = counter('records_produced', 'Records handed to the worker');
  const droppedHelp = 'Messages that did not become records, by reason';
  const dropped = countersByReason(metrics, `${prefix}messages_dropped_total`, droppedHelp, dropReasons);
  const malformedHelp = 'Violations of the protocol by the server, by kind; each ends a connection';
  const malformed = countersByReason(metrics, `${prefix}frames_malformed_total`, malformedHelp, faultLabels);
  const failuresHelp = 'Requests for missing messages that failed, and holes that were not asked about, by reason';
  const failures = countersByReason(metrics, `${prefix}backfill_failures_total`, failuresHelp, backfillFailures);
  const drops = (): number => dropReasons.reduce((sum, reason) => sum + dropped[reason].value, 0);

  declareQueueGauges(metrics, prefix, 'messages', readings);
  gauge('lag_messages', 'Messages received that are neither handed to the worker nor dropped', readings.queueRecords);
  gauge('drop_ratio', 'Messages dropped out of those received', () =>
    received.value === 0 ? 0 : drops() / received.value,
  );
  gauge('connected', '1 while the connection is open', () => Number(readings.isConnected()));
  gauge('connections_open', 'Connections that are open', readings.openConnections);
  gauge('paused', '1 while the full queue holds the socket back', () => Number(readings.isPaused()));
  gauge(
    'seconds_since_last_message',
    'Seconds since the last message, -1 before the first',
    readings.secondsSinceLastMessage,
  );
  gauge('uptime_seconds', 'Seconds since the connection was opened, 0 while there is none', readings.uptimeSeconds);
  gauge('backfill_asked', 'Missing messages that are asked for at present', readings.backfillAsked);
  gauge('backfill_holding', '1 while the socket is held back until missing messages have come', () =>
    Number(readings.isHeldForBackfill()),
  );
  gauge('sequence_channels', 'Channels whose sequence numbers are followed', readings.sequenceChannels);
  gauge(
    'sequence_channels_unsaved',
    'Channels whose sequence numbers found no room in the offset that was stored last',
    readings.unsavedChannels,
  );
  gauge('tls_insecure', '1 where any certificate is accepted', () => Number(readings.tlsInsecure));

  return {
    received,
    bytes: counter('bytes_received', 'Bytes of messages received, after decompression'),
    binary: counter('binary_messages', 'Binary messages received'),
    heartbeatReplies: counter('heartbeat_replies', 'Messages that were heartbeat replies and no records'),
    dropped,
    deduplicated: counter('messages_deduplicated', 'Messages that had come before, and are no records for that'),
    sequence: {
      gaps: counter('sequence_gaps', 'Holes in the sequence numbers'),
      missing: counter('sequence_missing', 'Sequence numbers that never came'),
      gapRecords: counter('sequence_gap_records', 'Records about gaps'),
      late: counter('sequence_late', 'Messages behind one with a higher sequence number, not seen before'),
      repeated: counter('sequence_repeated', 'Messages whose sequence number had come before'),
      restarts: counter('sequence_restarts', 'Times a channel began to count anew'),
      unnumbered: counter('messages_unnumbered', 'Messages without the sequence number or id that was asked for'),
      forgotten: counter('sequence_channels_forgotten', 'Channels given up as there were too many'),
    },
    backfill: {
      holes: counter('backfill_holes', 'Holes in the sequence numbers that were to be filled'),
      requests: counter('backfill_requests', 'Requests for missing messages'),
      messages: counter('backfill_messages', 'Messages that were missing, and are records now'),
      outside: counter('backfill_messages_outside', 'Messages in answers that were not asked for, and are no records'),
      failures,
    },
    produced,
    opens: counter('connections_opened', 'Connections opened'),
    renewals: {
      made: counter('connections_renewed', 'Connections that took the place of one that still worked'),
      failed: counter('renewals_failed', 'Connections that could not take the place of one that still works'),
    },
    pauses: counter('pauses', 'Times the full queue stopped the reading of the socket'),
    partial: counter('partial_messages', 'Messages of which only a part had come when the connection ended'),
    malformed,
    subscriptions: {
      confirmed: counter('subscriptions_confirmed', 'Answers that said that a subscription was taken'),
      refused: counter('subscriptions_refused', 'Answers that said that a subscription was refused'),
    },
    reconnects: (reason) => counter('reconnects', 'New attempts to connect, by the reason for them', { reason }),
  };
}
