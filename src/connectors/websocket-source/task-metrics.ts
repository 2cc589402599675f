import type { Log } from '../../telemetry/log.ts';
import { dropReasons, type Meters, type Readings } from './meters.ts';

export interface TaskFigures {
  readonly meters: Pick<Meters, 'received' | 'produced' | 'dropped'>;
  readonly readings: Pick<Readings, 'queueRecords' | 'queueCapacity' | 'isConnected' | 'secondsSinceLastMessage'>;
  readonly sessionId: string;
  readonly attempts: number;
  /** The task has been stopped: that it is not connected is what was asked for. */
  readonly isStopped: boolean;
}

/** The line `task_metrics`: the figures of a task, and in one word how it is. */
export function taskMetrics(log: Log, { meters, readings, sessionId, attempts, isStopped }: TaskFigures): void {
  const dropped = dropReasons.reduce((sum, reason) => sum + meters.dropped[reason].value, 0);
  const queued = readings.queueRecords();
  const quietMs = Math.round(readings.secondsSinceLastMessage() * 1000);
  const utilization = (queued * 100) / readings.queueCapacity;
  const status = isStopped ? 'STOPPED' : statusOf(readings.isConnected(), dropped, utilization, queued, quietMs);
  const fields = {
    connected: readings.isConnected(),
    messages_received: meters.received.value,
    messages_dropped: dropped,
    records_produced: meters.produced.value,
    queue_size: queued,
    queue_capacity: readings.queueCapacity,
    queue_utilization_percent: Math.round(utilization * 10) / 10,
    lag_count: queued,
    millis_since_last_message: Math.max(quietMs, -1),
    reconnect_attempts: attempts,
    session_id: sessionId,
    status,
  };
  if (status === 'HEALTHY' || status === 'STOPPED') log.info('task_metrics', fields);
  else log.warn('task_metrics', fields);
}

function statusOf(connected: boolean, dropped: number, utilization: number, lag: number, quietMs: number): string {
  if (!connected) return 'DISCONNECTED';
  if (dropped > 0) return 'DROPPING_MESSAGES';
  if (utilization > 80) return 'HIGH_QUEUE_UTILIZATION';
  if (lag > 1000) return 'HIGH_LAG';
  if (quietMs > 60_000) return 'NO_RECENT_MESSAGES';
  return 'HEALTHY';
}
