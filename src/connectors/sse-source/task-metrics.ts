import type { Log } from '../../telemetry/log.ts';
import { dropReasons, type Meters, type Readings } from './meters.ts';

export interface TaskFigures {
  readonly meters: Meters;
  readonly readings: Readings;
  /** Of the connection: `open`, `waiting`… */
  readonly state: string;
  readonly url: string;
  readonly reconnects: number;
  /** Times there was no stream, or none any more. */
  readonly errors: number;
  readonly eventsByName: Readonly<Record<string, number>>;
  /** Why there was no stream, the last time there was none; undefined while all is well. */
  readonly trouble: { readonly label: string; readonly text: string } | undefined;
  readonly isStopped: boolean;
}

/** A stream is worth a look when nothing came for so long. */
const quietMs = 30_000;

/** The line `task_metrics`: the figures that the original logs, a warning where something is not well. */
export function taskMetrics(log: Log, figures: TaskFigures): void {
  const { meters, readings, state, url, reconnects, errors, eventsByName, trouble, isStopped } = figures;
  const sinceEventMs = Math.round(readings.secondsSinceLastEvent() * 1000);
  const sinceReconnectMs = Math.round(readings.secondsSinceLastReconnect() * 1000);
  const dropped = dropReasons.reduce((sum, reason) => sum + meters.dropped[reason].value, 0);
  const fields = {
    'connection.state': state,
    'connection.url': url,
    'connection.attempts': meters.attempts.value,
    'connection.successful': meters.opens.value,
    'connection.failed': meters.failures.value,
    'connection.errors': errors,
    'connection.reconnections': reconnects,
    'connection.hasError': trouble !== undefined,
    ...(trouble === undefined
      ? {}
      : { 'connection.errorType': trouble.label, 'connection.errorMessage': trouble.text }),
    'time.sinceLastEvent': Math.max(sinceEventMs, -1),
    'time.uptime': Math.round(readings.uptimeSeconds() * 1000),
    'time.sinceLastReconnect': Math.max(sinceReconnectMs, -1),
    'events.total': meters.received.value,
    'events.bytes': meters.bytes.value,
    'events.byType': eventsByName,
    'events.dropped': dropped,
    'queue.size': readings.queueRecords(),
    'queue.maxSize': readings.queueCapacity,
  };
  const isWell = readings.isConnected() && sinceEventMs >= 0 && sinceEventMs <= quietMs;
  if (isWell || isStopped || readings.isFinished()) log.info('task_metrics', fields);
  else log.warn('task_metrics', fields);
}
