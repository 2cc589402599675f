import type { GatewayMetrics } from '../metrics.ts';

export function countPublished(
  metrics: GatewayMetrics,
  { topic, value }: { readonly topic: string; readonly value: Uint8Array | null },
): void {
  const traffic = metrics.traffic('in', 'http', topic);
  traffic.records.value++;
  traffic.bytes.value += value?.length ?? 0;
}
