/** What `start --demo` brings: an exchange's trades in one topic, and an application that makes prices of them in another. */
import { isError, TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { NamedConnector } from './config/app-config.ts';

const trades = 'trades';
const vwap = 'vwap';

/** Topic of what the application makes. */
export const demoPrices = vwap;

/** Connectors and topics alike. */
export const demoNames: readonly string[] = [trades, vwap];

/**
 * The exchange's own, the same at each start: its URL is the source partition that a second start goes on with. Another one
 * is TRIBUTARY_DEMO_PORT.
 */
export function demoPort(env: NodeJS.ProcessEnv): number {
  const given = env['TRIBUTARY_DEMO_PORT'];
  if (given === undefined) return 18_084;
  if (/^\d{1,5}$/.test(given) && Number(given) <= 65_535) return Number(given);
  throw new TributaryError('USAGE', `Cannot use TRIBUTARY_DEMO_PORT "${given}": must be a port, 0 to 65535`);
}

/**
 * Log of the task that follows the exchange. It warns at each second start that what was sent meanwhile is not there; this
 * exchange sends only while somebody listens, and the live line counts reconnects.
 */
export const demoFeedLog = `io.conduktor.connect.websocket.WebSocketSourceTask.${trades}`;

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
