import type { Connector } from '../connectors/contract.ts';

/**
 * Every connector of the house: one line each. Imported when one may be needed, not before. SQL applications read and write
 * topics themselves: the worker's wiring gives them its broker.
 */
export async function loadConnectors(): Promise<readonly Connector[]> {
  const [{ webSocketSource }, { sseSource }, { webSocketSink }, { noBroker, sqlConnector }] = await Promise.all([
    import('../connectors/websocket-source/connector.ts'),
    import('../connectors/sse-source/connector.ts'),
    import('../connectors/websocket-sink/connector.ts'),
    import('./sql-connector.ts'),
  ]);
  return [webSocketSource, sseSource(), webSocketSink, sqlConnector(noBroker)];
}
