/** The SSE source: server-sent events become records. Takes the place of cjmatta's Kafka Connect connector. */
import type { RawConfig } from '../../config/config-def.ts';
import type { ConnectorContext, SourceBatch, SourceConnector, SourceContext, SourceMap } from '../contract.ts';
import { partition } from './event-id.ts';
import { probe } from './probe.ts';
import { settingsOf } from './settings.ts';
import { config, headerPrefix, paramPrefix } from './spec.ts';
import { StreamSlots } from './stream-slots.ts';
import { SseTask } from './task.ts';

/** One for a worker: its connectors share the bound on open streams. */
export function sseSource(): SourceConnector {
  const slots = new StreamSlots();

  async function* batches(
    raw: RawConfig,
    context: ConnectorContext & Pick<SourceContext, 'writeValue'>,
    resumeOffset: (partition: SourceMap) => SourceMap | undefined,
  ): AsyncGenerator<SourceBatch, void, void> {
    const task = new SseTask(settingsOf(raw), context, resumeOffset(partition), slots);
    try {
      task.start();
      for (;;) {
        const batch = await task.nextBatch();
        if (batch === undefined) return;
        yield batch;
      }
    } finally {
      await task.close();
    }
  }

  return {
    kind: 'source',
    name: 'sse',
    classNames: ['com.github.cjmatta.kafka.connect.sse.ServerSentEventsSourceConnector'],
    version: '1.4',
    config,
    prefixes: [headerPrefix, paramPrefix],
    /** One stream is one task, whatever `max` is. */
    tasks: (raw) => [raw],
    /** As far as the server's ids go: what it gives behind an id is what comes after it. */
    exactlyOnceSupport: (raw) => (raw['sse.resume'] ?? 'last-event-id').trim() === 'last-event-id',
    dropsWhenFull: (raw) => (raw['sse.overflow'] ?? 'block').trim() !== 'block',
    open: (raw, context) => batches(raw, context, (part) => context.resumeOffset(part)),
    probe: (raw, context) => probe((changed, probing) => batches(changed, probing, () => undefined), raw, context),
  };
}
