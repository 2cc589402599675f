import type { RawConfig } from '../../config/config-def.ts';
import type { StreamPlan } from '../check/stream-plan.ts';

/** A key that ends in `NAME` stands for all keys with something in that place. */
export interface Translation {
  readonly sql: string;
  readonly connector: string;
  /** Where the script says nothing and SQL's default is not the connector's. */
  readonly default?: string;
  /** The connector takes no more: a larger number means as much. */
  readonly max?: number;
}

const timer = { max: 2 ** 31 - 1 };

const reconnects: readonly Translation[] = [
  { sql: 'websocket.url', connector: 'websocket.url' },
  { sql: 'websocket.reconnect', connector: 'websocket.reconnect.enabled' },
  {
    sql: 'websocket.reconnect.delay.ms',
    connector: 'websocket.reconnect.interval.ms',
    default: '1000',
    ...timer,
  },
  {
    sql: 'websocket.reconnect.max.delay.ms',
    connector: 'websocket.reconnect.backoff.max.ms',
    default: '30000',
    ...timer,
  },
  { sql: 'websocket.reconnect.jitter', connector: 'websocket.reconnect.jitter', default: '0' },
  { sql: 'websocket.headers.NAME', connector: 'websocket.header.NAME' },
  { sql: 'websocket.ping.interval.ms', connector: 'websocket.ping.interval.ms', ...timer },
  { sql: 'websocket.idle.timeout.ms', connector: 'websocket.idle.timeout.ms', ...timer },
  { sql: 'websocket.max.message.bytes', connector: 'websocket.message.max.bytes', max: 512 * 1024 * 1024 },
  { sql: 'websocket.queue.max', connector: 'websocket.message.queue.size', ...timer },
];

function tls(prefix: string): Translation[] {
  return ['ca', 'cert', 'key', 'servername', 'insecure'].map((name) => ({
    sql: `tls.${name}`,
    connector: `${prefix}.${name}`,
  }));
}

/** SQL's options and the connectors' options that do the same under another name, with SQL's own defaults. */
export const translations: Readonly<Record<string, readonly Translation[]>> = {
  'source websocket': [
    ...reconnects,
    { sql: 'websocket.reconnect.max.attempts', connector: 'websocket.reconnect.max.attempts', ...timer },
    { sql: 'websocket.subprotocol', connector: 'websocket.subprotocols' },
    { sql: 'websocket.subscription.message', connector: 'websocket.subscription.message' },
    ...tls('websocket.tls'),
  ],
  'sink websocket': [
    ...reconnects,
    {
      sql: 'websocket.reconnect.max.attempts',
      connector: 'websocket.reconnect.max.attempts',
      default: '3',
      ...timer,
    },
    { sql: 'websocket.message.type', connector: 'websocket.message.type' },
    { sql: 'websocket.subprotocol', connector: 'websocket.subprotocol' },
    { sql: 'websocket.validate', connector: 'websocket.validate' },
    ...tls('websocket.tls'),
  ],
  'source sse': [
    { sql: 'sse.url', connector: 'sse.uri' },
    { sql: 'sse.event', connector: 'sse.events' },
    { sql: 'sse.headers.NAME', connector: 'http.header.NAME' },
    ...tls('sse.tls'),
  ],
};

/** The configuration of the connector behind a stream. */
export function connectorConfig({ name, options }: StreamPlan): RawConfig {
  const { role, extension, values } = options;
  const config: Record<string, string> = { name, ...fixed(name, `${role} ${extension}`, values) };
  for (const { sql, connector, default: standard, max } of translations[`${role} ${extension}`] ?? []) {
    if (!sql.endsWith('NAME')) {
      const written = values.get(sql) ?? standard;
      if (written !== undefined) config[connector] = Number(written) > (max ?? Infinity) ? String(max) : written;
      continue;
    }
    const prefix = sql.slice(0, -'NAME'.length);
    for (const [key, written] of values) {
      if (key.startsWith(prefix)) config[connector.slice(0, -'NAME'.length) + key.slice(prefix.length)] = written;
    }
  }
  // To a connector 0 tries are tries without end.
  if (Number(values.get('websocket.reconnect.max.attempts') ?? -1) === 0)
    config['websocket.reconnect.enabled'] = 'false';
  return config;
}

const timeoutMs = '10000';

/** What SQL has no option for. Records never get to a topic, but the source connectors want to know one. */
function fixed(name: string, kind: string, values: ReadonlyMap<string, string>): RawConfig {
  switch (kind) {
    case 'source websocket':
      return {
        'kafka.topic': name,
        'websocket.connection.timeout.ms': timeoutMs,
        'websocket.handshake.timeout.ms': timeoutMs,
        'websocket.subprotocols.required': 'true',
        ...subscriptions(values),
      };
    case 'sink websocket':
      return { 'websocket.connection.timeout.ms': timeoutMs };
    case 'source sse':
      return { topic: name, 'sse.value': 'data' };
    default:
      return {};
  }
}

function subscriptions(values: ReadonlyMap<string, string>): RawConfig {
  const prefix = 'websocket.subscription.messages.';
  const messages = [...values].filter(([key]) => key.startsWith(prefix));
  messages.sort(([a], [b]) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)));
  if (messages.length === 0) return {};
  return { 'websocket.subscription.messages': JSON.stringify(messages.map(([, text]) => text)) };
}
