import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { connectNotices } from './connect-notices.ts';

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
