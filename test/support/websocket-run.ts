import { webSocketSource } from '../../src/connectors/websocket-source/connector.ts';
import { ConnectorRun, type RunOptions } from './connector-context.ts';

/** The WebSocket source against a server, with waits short enough for tests. */
export function runSource(
  url: string,
  changes: Readonly<Record<string, string>> = {},
  options: RunOptions = {},
): ConnectorRun {
  const config = {
    'websocket.url': url,
    'kafka.topic': 'topic',
    'websocket.reconnect.interval.ms': '20',
    'websocket.reconnect.busy.ms': '20',
    ...changes,
  };
  return new ConnectorRun(webSocketSource, config, options);
}
