/** What the measurements of a spool share: the process with one, and looks at it. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { feedConnector } from './support/targets.ts';
import { startTributary, type Tributary } from './support/tributary.ts';

export const forwarded = 'tributary_spool_records_forwarded_total';

export function startSpooled(broker: string, url: string, spool?: string): Promise<Tributary> {
  return startTributary({
    broker,
    ...(spool === undefined ? {} : { spool }),
    connectors: {
      bench: feedConnector(url, { 'spool.mode': 'exactly-once', 'spool.max.bytes': `${100 * 2 ** 30}` }),
    },
  });
}

export async function reach(tributary: Tributary, metric: string, count: number): Promise<void> {
  while ((await tributary.metric(metric)) < count) await pause(5);
}

export function bytesIn(folder: string): number {
  return readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
