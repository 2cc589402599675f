import type { Rights } from './auth/acl.ts';
import { FaultError } from './faults.ts';
import type { GatewayMetrics } from './metrics.ts';

/** Throws the fault `forbidden` where the rules do not let this record be written. */
export function checkMayPublish(
  rights: Rights,
  { topic, key }: { readonly topic: string; readonly key: Uint8Array | null },
  metrics: GatewayMetrics,
): void {
  const keys = rights.publish(topic);
  if (keys === null) return;
  if (keys !== undefined && key !== null && keys.includes(Buffer.from(key).toString())) return;
  metrics.aclDenial('publish');
  throw new FaultError({ code: 'forbidden', message: 'the record may not be written' });
}
