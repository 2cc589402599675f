import type { Connector } from '../connectors/contract.ts';

/** Every connector of the house: one line each. Imported when one may be needed, not before. */
export async function loadConnectors(): Promise<readonly Connector[]> {
  const [{ webSocketSource }, { sseSource }, { webSocketSink }] = await Promise.all([
    import('../connectors/websocket-source/connector.ts'),
    import('../connectors/sse-source/connector.ts'),
    import('../connectors/websocket-sink/connector.ts'),
  ]);
  return [webSocketSource, sseSource(), webSocketSink];
}
