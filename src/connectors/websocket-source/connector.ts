/** The WebSocket source: messages of a server become records. Takes the place of conduktor's Kafka Connect connector. */
import type { RawConfig } from '../../config/config-def.ts';
import type { ConnectorContext, SourceBatch, SourceConnector, SourceContext, SourceMap } from '../contract.ts';
import { probe } from './probe.ts';
import { settingsOf } from './settings.ts';
import { config, headerPrefix } from './spec.ts';
import { WebSocketTask } from './task.ts';

export const webSocketSource: SourceConnector = {
  kind: 'source',
  name: 'websocket',
  classNames: ['io.conduktor.connect.websocket.WebSocketSourceConnector'],
  version: '1.0.0',
  config,
  prefixes: [headerPrefix],
  /** One connection is one task, whatever `max` is. */
  tasks: (raw) => [raw],
  /** A server sends what is new; the offset numbers it. */
  rereads: () => false,
  open: (raw, context) => batches(raw, context, (partition) => context.resumeOffset(partition)),
  probe: (raw, context) => probe((changed, probing) => batches(changed, probing, () => undefined), raw, context),
};

async function* batches(
  raw: RawConfig,
  context: ConnectorContext | SourceContext,
  resumeOffset: (partition: SourceMap) => SourceMap | undefined,
): AsyncGenerator<SourceBatch, void, void> {
  const settings = settingsOf(raw);
  const task = new WebSocketTask(settings, context, resumeOffset({ websocket_url: settings.url }));
  try {
    if ('onConfig' in context) context.onConfig?.((changed) => task.change(settingsOf(changed)));
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
