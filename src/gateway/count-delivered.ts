import type { Taken } from './delivery.ts';
import type { GatewayMetrics } from './metrics.ts';

/** Counts what was handed to a socket: a few additions a chunk, nothing a record. */
export function countDelivered(taken: Taken, protocol: string, metrics: GatewayMetrics, nowMs: number): void {
  for (const item of taken.items) {
    if (item.kind === 'gap') {
      const { reason, from, to } = item.gap;
      metrics.gap(reason, to === null ? 0 : Math.max(0, to - from));
      continue;
    }
    const { chunk, start, end } = item;
    const count = end - start;
    const traffic = metrics.traffic('out', protocol, chunk.topic);
    traffic.records.value += count;
    traffic.bytes.value += (chunk.bytes * count) / chunk.records.length;
    metrics.deliverSeconds.observe(Math.max(0, nowMs - chunk.fetchedAtMs) / 1000, count);
  }
  metrics.conflated.value += taken.conflated;
}
