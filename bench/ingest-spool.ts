/**
 * `ingest --spool`: the same feed through the spool into a real Kafka, in either mode. The clock ends when Kafka has
 * acknowledged the last message, not when it is synced here.
 */
import { type IngestOptions, ingest, throughTributary } from './ingest.ts';
import type { IngestJob } from './peers/beside-ingest.ts';
import type { Subject } from './support/subjects.ts';
import { feedConnector } from './support/targets.ts';

const forwarded = 'tributary_spool_records_forwarded_total';

const modes: readonly Subject<IngestJob>[] = ['at-least-once', 'exactly-once'].map((mode) => ({
  name: `spool, ${mode}`,
  measure: (job) => throughTributary(job, forwarded, (url) => feedConnector(url, { 'spool.mode': mode })),
}));

export function ingestSpool(options: IngestOptions): Promise<void> {
  const brokers = ['kafka'];
  return ingest(
    { name: 'ingest', protocol: 'websocket', count: 4_000_000, brokers, ours: modes, spool: true },
    options,
  );
}
