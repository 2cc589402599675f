/** The WebSocket source: messages of a server become records. Takes the place of conduktor's Kafka Connect connector. */
import { TributaryError } from '../../base/errors.ts';
import type { RawConfig } from '../../config/config-def.ts';
import type { ConnectorContext, SourceBatch, SourceConnector, SourceContext, SourceMap } from '../contract.ts';
import { backfillHeaderPrefix } from './backfill-options.ts';
import { positionsProblem } from './number-positions.ts';
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
  prefixes: [headerPrefix, backfillHeaderPrefix],
  /** One connection is one task, whatever `max` is. */
  tasks: (raw) => [raw],
  /** Where numbers are followed, the offset says from where on they are missing. Else it only counts. */
  rereads: followsNumbers,
  /** As far as the server that is asked for what is missing has it. Without one nothing is said, as conduktor's connector does. */
  exactlyOnceSupport: (raw) => ((raw['websocket.backfill.url'] ?? '').trim() === '' ? undefined : followsNumbers(raw)),
  dropsWhenFull: (raw) => (raw['websocket.overflow'] ?? 'block').trim() !== 'block',
  checkOffsets,
  open: (raw, context) => batches(raw, context, (partition) => context.resumeOffset(partition)),
  probe: (raw, context) => probe((changed, probing) => batches(changed, probing, () => undefined), raw, context),
};

/** Over restarts. Asked for each batch: the options are looked at as they are written. */
function followsNumbers(raw: RawConfig): boolean {
  const [pointer = '', scope = 'feed'] = [raw['websocket.sequence.pointer'], raw['websocket.sequence.scope']];
  return pointer.trim() !== '' && scope.trim() === 'feed';
}

/** CONFIG_INVALID for numbers that the next start could not go on from. */
function checkOffsets(_raw: RawConfig, changes: readonly { readonly offset: SourceMap | null }[]): boolean {
  for (const { offset } of changes) {
    const problem = offset === null ? undefined : positionsProblem(offset);
    if (problem !== undefined) throw new TributaryError('CONFIG_INVALID', `Cannot go on from this offset: ${problem}`);
  }
  return false;
}

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
