/** Keys of Kafka Connect that are understood and do something else here, or nothing: each is said by its name. */
import type { RawConfig } from '../../config/raw.ts';
import { idleKeys, idlePrefixes, usedKeys } from './connect-keys.ts';

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
const ownNotice = /^connector\.client\.config\.override\.policy$/;
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

/** Keys that Kafka Connect knows, that change nothing here, and of which no notice tells, in the order of the file. */
export function keysWithoutEffect(values: RawConfig): readonly string[] {
  return Object.keys(values).filter((key) => {
    if (values[key]!.trim() === '' || Object.hasOwn(always, key) || ownNotice.test(key)) return false;
    const bare = key.replace(/^listeners\.https\./, '');
    if (usedKeys.includes(bare)) return false;
    // Who connects, and where to, is said once for all clients: a repetition has its effect.
    if (/^(consumer|admin)\./.test(key)) return !login.test(key.replace(/^\w+\./, ''));
    return idleKeys.includes(key) || idlePrefixes.some((prefix) => bare.startsWith(prefix));
  });
}
