import type { Connector } from '../connectors/contract.ts';

/** Every connector of the house: one line each. Imported when one may be needed, not before. */
export async function loadConnectors(): Promise<readonly Connector[]> {
  const { webSocketSource } = await import('../connectors/websocket-source/connector.ts');
  return [webSocketSource];
}
