import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { connectNotices, keysWithoutEffect } from './connect-notices.ts';

const cases: readonly (readonly [values: Record<string, string>, keys: readonly string[]])[] = [
  [{ 'offset.storage.file.filename': '/tmp/o' }, ['offset.storage.file.filename']],
  [{ 'rest.port': '8083', 'rest.host.name': 'h' }, ['rest.port', 'rest.host.name']],
  [{ 'rest.extension.classes': '' }, []],
  [{ 'connector.client.config.override.policy': 'All' }, []],
  [{ 'connector.client.config.override.policy': 'None' }, ['connector.client.config.override.policy']],
  [{ 'sasl.mechanism': 'PLAIN', 'producer.sasl.mechanism': 'PLAIN' }, []],
  [{ 'sasl.mechanism': 'PLAIN', 'producer.sasl.mechanism': 'GSSAPI' }, ['producer.sasl.mechanism']],
  [{ 'consumer.security.protocol': 'SSL' }, ['consumer.security.protocol']],
  [{ 'producer.linger.ms': '5' }, []],
];

for (const [values, keys] of cases) {
  test(`${JSON.stringify(values)} is told of: ${keys.join(', ') || 'nothing'}`, () => {
    deepEqual(
      connectNotices(values).map(({ key }) => key),
      keys,
    );
  });
}

const idle: readonly (readonly [values: Record<string, string>, keys: readonly string[]])[] = [
  [{ 'heartbeat.interval.ms': '1', 'client.id': 'me' }, ['heartbeat.interval.ms', 'client.id']],
  [{ 'ssl.cipher.suites': 'a', 'ssl.keystore.location': '/k' }, ['ssl.cipher.suites']],
  [
    { 'listeners.https.ssl.protocol': 'TLS', 'listeners.https.ssl.client.auth': 'none' },
    ['listeners.https.ssl.protocol'],
  ],
  [{ 'consumer.max.poll.records': '5', 'consumer.sasl.mechanism': 'PLAIN' }, ['consumer.max.poll.records']],
  [{ 'admin.retries': '1', 'admin.listeners': '', 'admin.security.protocol': 'SSL' }, ['admin.retries']],
  [{ 'config.storage.cleanup.policy': 'x', 'config.storage.topic': 't' }, ['config.storage.cleanup.policy']],
  [{ 'sasl.login.class': 'x', 'sasl.mechanism': 'PLAIN' }, ['sasl.login.class']],
  // Told of elsewhere, or used.
  [{ 'rest.port': '1', 'connector.client.config.override.policy': 'All', 'producer.linger.ms': '5' }, []],
  [{ 'key.converter': 'x', 'key.converter.schemas.enable': 'true', 'group.id': 'g', 'plugin.path': '/p' }, []],
  [{ 'admin.listeners': 'http://h:1', 'rest.users.a.role': 'admin', 'client.id': ' ' }, []],
];

for (const [values, keys] of idle) {
  test(`${JSON.stringify(values)} has without effect: ${keys.join(', ') || 'nothing'}`, () => {
    deepEqual(keysWithoutEffect(values), keys);
  });
}
