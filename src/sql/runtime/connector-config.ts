import type { RawConfig } from '../../config/config-def.ts';
import type { StreamPlan } from '../check/stream-plan.ts';

/**
 * SQL's options and the connectors' options that do the same under another name, with SQL's own defaults. `NAME` stands
 * for the rest of the key.
 */
const translations: Readonly<Record<string, readonly (readonly [sql: string, connector: string, value?: string])[]>> = {
  'source websocket': [
    ['websocket.url', 'websocket.url'],
    ['websocket.reconnect', 'websocket.reconnect.enabled', 'true'],
    ['websocket.reconnect.delay.ms', 'websocket.reconnect.interval.ms', '1000'],
    ['websocket.reconnect.max.delay.ms', 'websocket.reconnect.backoff.max.ms', '30000'],
    ['websocket.reconnect.max.attempts', 'websocket.reconnect.max.attempts', '-1'],
    ['websocket.subprotocol', 'websocket.subprotocols'],
    ['websocket.subscription.message', 'websocket.subscription.message'],
    ['websocket.ping.interval.ms', 'websocket.ping.interval.ms'],
    ['websocket.idle.timeout.ms', 'websocket.idle.timeout.ms'],
    ['websocket.max.message.bytes', 'websocket.message.max.bytes'],
    ['websocket.queue.max', 'websocket.message.queue.size'],
    ['tls.ca', 'websocket.tls.ca'],
    ['tls.cert', 'websocket.tls.cert'],
    ['tls.key', 'websocket.tls.key'],
    ['tls.servername', 'websocket.tls.servername'],
    ['tls.insecure', 'websocket.tls.insecure'],
  ],
  'sink websocket': [
    ['websocket.url', 'websocket.url'],
    ['websocket.reconnect', 'websocket.reconnect.enabled', 'true'],
    ['websocket.reconnect.delay.ms', 'websocket.reconnect.interval.ms', '1000'],
    ['websocket.reconnect.max.delay.ms', 'websocket.reconnect.backoff.max.ms', '30000'],
    ['websocket.reconnect.max.attempts', 'websocket.reconnect.max.attempts', '3'],
    ['websocket.message.type', 'websocket.message.type', 'text'],
    ['websocket.subprotocol', 'websocket.subprotocol'],
    ['websocket.headers.NAME', 'websocket.header.NAME'],
    ['tls.ca', 'websocket.tls.ca'],
    ['tls.cert', 'websocket.tls.cert'],
    ['tls.key', 'websocket.tls.key'],
    ['tls.servername', 'websocket.tls.servername'],
    ['tls.insecure', 'websocket.tls.insecure'],
  ],
  'source sse': [
    ['sse.url', 'sse.uri'],
    ['sse.event', 'sse.events'],
    ['sse.headers.NAME', 'http.header.NAME'],
    ['tls.ca', 'sse.tls.ca'],
    ['tls.cert', 'sse.tls.cert'],
    ['tls.key', 'sse.tls.key'],
    ['tls.servername', 'sse.tls.servername'],
    ['tls.insecure', 'sse.tls.insecure'],
  ],
};

/** The configuration of the connector behind a stream. */
export function connectorConfig({ name, options }: StreamPlan): RawConfig {
  const { role, extension, values } = options;
  const config: Record<string, string> = { name };
  for (const [sql, connector, value] of translations[`${role} ${extension}`] ?? []) {
    if (!sql.endsWith('NAME')) {
      const written = values.get(sql) ?? value;
      if (written !== undefined) config[connector] = written;
      continue;
    }
    const prefix = sql.slice(0, -'NAME'.length);
    for (const [key, written] of values) {
      if (key.startsWith(prefix)) config[connector.slice(0, -'NAME'.length) + key.slice(prefix.length)] = written;
    }
  }
  // Records never get to a topic, but the connectors want to know one.
  if (role === 'source' && extension === 'sse') Object.assign(config, { topic: name, 'sse.value': 'data' });
  if (role === 'source' && extension === 'websocket') config['kafka.topic'] = name;
  if (role === 'source' && extension === 'websocket') Object.assign(config, subscriptions(values), headers(values));
  return config;
}

function subscriptions(values: ReadonlyMap<string, string>): RawConfig {
  const prefix = 'websocket.subscription.messages.';
  const messages = [...values].filter(([key]) => key.startsWith(prefix));
  messages.sort(([a], [b]) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)));
  if (messages.length === 0) return {};
  return { 'websocket.subscription.messages': JSON.stringify(messages.map(([, text]) => text)) };
}

/** The source connector takes its headers as one list. */
function headers(values: ReadonlyMap<string, string>): RawConfig {
  const prefix = 'websocket.headers.';
  const pairs = [...values].filter(([key]) => key.startsWith(prefix));
  if (pairs.length === 0) return {};
  return { 'websocket.headers': pairs.map(([key, value]) => `${key.slice(prefix.length)}:${value}`).join(',') };
}
