/** What `start --demo` brings: an exchange's trades in one topic, and an application that makes prices of them in another. */
import { isError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { NamedConnector } from './config/app-config.ts';

const trades = 'trades';
const vwap = 'vwap';

/** Connectors and topics alike. */
export const demoNames: readonly string[] = [trades, vwap];

const retentionBytes = 1024 ** 3;

const script = `
CREATE STREAM Trades (symbol STRING, price DOUBLE, size DOUBLE)
  WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = '${trades}');

CREATE STREAM Vwap (symbol STRING, vwap DOUBLE, volume DOUBLE, trades LONG, ends LONG)
  WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = '${vwap}', kafka.key = 'symbol');

INSERT INTO Vwap
SELECT symbol, SUM(price * size) / SUM(size) AS vwap, SUM(size) AS volume, COUNT(*) AS trades, WINDOW_END() AS ends
FROM Trades WINDOW TUMBLING(5 sec)
GROUP BY symbol;`;

export function demoConnectors(url: string): NamedConnector[] {
  return [
    {
      name: trades,
      config: {
        'connector.class': 'websocket',
        'websocket.url': url,
        'websocket.subscription.message': '{"op":"subscribe","channel":"trades"}',
        // The exchange answers the subscription; that is no trade.
        'websocket.heartbeat.reply.pattern': '^\\{"type":"subscribed"',
        'kafka.topic': trades,
      },
    },
    { name: vwap, config: { 'connector.class': 'sql', 'sql.text': script } },
  ];
}

/** Made beforehand, with a bound: a demonstration that is left running must not fill the disk. */
export async function createDemoTopics(broker: Broker): Promise<void> {
  for (const name of demoNames) {
    try {
      await broker.createTopic({ name, partitions: 1, config: { 'retention.bytes': String(retentionBytes) } });
    } catch (error) {
      if (!isError(error, 'TOPIC_EXISTS')) throw error; // a start before this one made it
    }
  }
}
