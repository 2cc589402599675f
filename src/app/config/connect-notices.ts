/** Keys of Kafka Connect that are understood and do something else here, or nothing: each is said by its name. */
import type { RawConfig } from '../../config/raw.ts';

export interface Notice {
  readonly key: string;
  readonly message: string;
}

const always: Readonly<Record<string, string>> = {
  'offset.storage.file.filename':
    'offsets are kept in a topic of the broker, not in this file; what it holds is not read',
  'rest.host.name': 'Kafka Connect has read it no more since 3.0, nor do we: "listeners" says where to listen',
  'rest.port': 'Kafka Connect has read it no more since 3.0, nor do we: "listeners" says where to listen',
  'rest.extension.classes': 'Java classes cannot be loaded: there are no REST extensions',
  'metric.reporters': 'Java classes cannot be loaded: /metrics is for Prometheus',
};

const clientPrefixes = ['producer.', 'consumer.', 'admin.'];
const login = /^(security\.protocol|sasl\..*|ssl\..*|bootstrap\.servers)$/;

export function connectNotices(values: RawConfig): readonly Notice[] {
  const notices: Notice[] = [];
  for (const [key, value] of Object.entries(values)) {
    const message = Object.hasOwn(always, key) ? always[key] : undefined;
    if (message !== undefined && value.trim() !== '') notices.push({ key, message });
    const prefix = clientPrefixes.find((start) => key.startsWith(start));
    const bare = prefix === undefined ? '' : key.slice(prefix.length);
    if (login.test(bare) && values[bare]?.trim() !== value.trim()) {
      notices.push({ key, message: `one connection serves all clients here: "${bare}" counts, and it differs` });
    }
  }
  const policy = values['connector.client.config.override.policy']?.trim();
  if (policy !== undefined && policy !== '' && !/(^|\.)All(ConnectorClientConfigOverridePolicy)?$/.test(policy)) {
    notices.push({
      key: 'connector.client.config.override.policy',
      message: 'connectors may override producer settings whatever it says: only "All" is there',
    });
  }
  return notices;
}
