/** The WebSocket sink: records of topics become messages to a remote server. Offsets follow once they are delivered. */
import { isUtf8 } from 'node:buffer';
import { describeError, TributaryError } from '../../base/errors.ts';
import { PartialWriteError } from '../../base/partial-write.ts';
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
  /** Connects once, and sends nothing. */
  async probe(raw, context) {
    const once = { ...raw, 'websocket.validate': 'true' };
    const sender = new Sender(targetOf(parse(config, once), once, context.outbound), context);
    try {
      await sender.start();
    } catch (error) {
      return { ok: false, reason: describeError(error) };
    } finally {
      await sender.close();
    }
    return { ok: true, detail: 'connected, nothing was sent' };
  },
  async open(raw, context) {
    const values = parse(config, raw);
    const isText = values['websocket.message.type'].toLowerCase() === 'text';
    const sender = new Sender(targetOf(values, raw, context.outbound), context);
    const maxBytes = values['websocket.message.max.bytes'];
    const tombstones = context.metrics.counter(
      'tributary_websocket_sink_skipped_total',
      'Records without a value: there is nothing to send',
      { reason: 'no-value' },
    );
    await sender.start();
    return {
      async write(records) {
        const messages: Uint8Array[] = [];
        /** Of the records behind the messages. */
        const places: number[] = [];
        for (const [place, record] of records.entries()) {
          const { value } = record;
          if (value === null) tombstones.value++;
          else if (value.length > maxBytes) await context.reject(record, tooLong(value.length, maxBytes));
          else if (isText && !isUtf8(value)) await context.reject(record, notText());
          else places[messages.push(value) - 1] = place;
        }
        try {
          await sender.send(messages);
        } catch (error) {
          // What lies between two messages has been dealt with above.
          throw error instanceof PartialWriteError ? new PartialWriteError(error, places[error.settled]!) : error;
        }
      },
      close: () => sender.close(),
    };
  },
};

function tooLong(bytes: number, maxBytes: number): TributaryError {
  const text = `Cannot send a message of ${bytes} bytes: websocket.message.max.bytes allows ${maxBytes}`;
  return new TributaryError('RECORD_TOO_LARGE', text);
}

function notText(): TributaryError {
  const text = 'Cannot send the value as a text message: it is not UTF-8 (websocket.message.type=binary sends any)';
  return new TributaryError('CONVERSION_FAILED', text);
}
