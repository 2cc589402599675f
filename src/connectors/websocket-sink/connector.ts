/** The WebSocket sink: records of topics become messages to a remote server. Offsets follow once they are delivered. */
import { isUtf8 } from 'node:buffer';
import { parse } from '../../config/config-def.ts';
import type { SinkConnector } from '../contract.ts';
import { targetOf } from './connect.ts';
import { Sender } from './sender.ts';
import { config, headerPrefix } from './spec.ts';

export const webSocketSink: SinkConnector = {
  kind: 'sink',
  name: 'websocket-sink',
  classNames: ['tributary.WebSocketSinkConnector'],
  version: '1.0.0',
  config,
  prefixes: [headerPrefix],
  /** One connection is one task: the order of what is sent is that of the records. */
  tasks: (raw) => [raw],
  async open(raw, context) {
    const values = parse(config, raw);
    const isText = values['websocket.message.type'].toLowerCase() === 'text';
    const sender = new Sender(targetOf(values, raw, context.outbound), context);
    const skipped = (reason: string) =>
      context.metrics.counter(
        'tributary_websocket_sink_skipped_total',
        'Records that a WebSocket sink could not send',
        { reason },
      );
    const tombstones = skipped('no-value');
    const notText = skipped('not-utf8');
    await sender.start();
    return {
      async write(records) {
        const messages: Uint8Array[] = [];
        for (const { value } of records) {
          if (value === null) tombstones.value++;
          else if (isText && !isUtf8(value)) notText.value++;
          else messages.push(value);
        }
        await sender.send(messages);
      },
      close: () => sender.close(),
    };
  },
};
