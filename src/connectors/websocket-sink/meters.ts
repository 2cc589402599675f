import type { Counter, Metrics } from '../../telemetry/metrics.ts';

export interface Meters {
  readonly tries: Counter;
  readonly losses: Counter;
  readonly sent: Counter;
  /** Sent, and not acknowledged when the connection was lost. */
  readonly unacknowledged: Counter;
}

export function declareMeters(metrics: Metrics, isConnected: () => boolean): Meters {
  metrics.gauge('tributary_websocket_sink_connected', 'Whether the connection of a WebSocket sink stands', () =>
    isConnected() ? 1 : 0,
  );
  return {
    tries: metrics.counter('tributary_websocket_sink_connects_total', 'Tries to connect of WebSocket sinks'),
    losses: metrics.counter(
      'tributary_websocket_sink_disconnects_total',
      'Connections of WebSocket sinks that ended without having been closed by us',
    ),
    sent: metrics.counter('tributary_websocket_sink_messages_total', 'Messages that were delivered'),
    unacknowledged: metrics.counter(
      'tributary_websocket_sink_unacknowledged_total',
      'Messages without acknowledgement when their connection was lost: they are sent once more, maybe a second time',
    ),
  };
}
