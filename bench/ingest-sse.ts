/**
 * One event stream into one topic, as `ingest` does with a WebSocket. A record's value is a structure as JSON (the default), or
 * the data alone.
 */
import { acknowledged, type IngestOptions, ingest, throughTributary } from './ingest.ts';
import type { IngestJob } from './peers/beside-ingest.ts';
import type { Subject } from './support/subjects.ts';
import { benchTopic } from './support/targets.ts';

const values: readonly Subject<IngestJob>[] = ['struct', 'data'].map((value) => ({
  name: `tributary, ${value}`,
  measure: (job) =>
    throughTributary(job, acknowledged, (url) => ({
      'connector.class': 'sse',
      'sse.uri': url,
      topic: benchTopic,
      'sse.value': value,
      'sse.heartbeat.timeout.ms': '0',
    })),
}));

export function run(options: IngestOptions): Promise<void> {
  const brokers = ['embedded', 'kafka'];
  return ingest({ name: 'ingest-sse', protocol: 'sse', count: 2_000_000, brokers, ours: values }, options);
}
