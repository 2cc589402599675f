import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { configInfos } from '../config/config-infos.ts';
import { clientOverrides } from './client-options.ts';

test('an override is shown with the definition that Kafka has, under its whole name', () => {
  const [info] = configInfos(
    'c',
    clientOverrides('producer', { 'producer.override.linger.ms': ' 7 ', x: '1' }),
  ).configs;
  deepEqual(info?.value, {
    name: 'producer.override.linger.ms',
    value: '7',
    recommended_values: [],
    errors: [],
    visible: true,
  });
  const { name, type, default_value: fallback, display_name: shown, group } = info!.definition!;
  deepEqual([name, type, fallback, shown, group], ['producer.override.linger.ms', 'LONG', '5', 'linger.ms', null]);
});

test('what Kafka does not know has no definition, and a password no value', () => {
  const { configs } = configInfos('c', [
    ...clientOverrides('admin', { 'admin.override.nope': 'x' }),
    ...clientOverrides('consumer', { 'consumer.override.ssl.key.password': 'canary' }),
  ]);
  deepEqual(
    configs.map(({ definition, value }) => [definition?.type, value.value]),
    [
      [undefined, 'x'],
      ['PASSWORD', '[hidden]'],
    ],
  );
});

test('only what cannot be parsed is refused, by the name that Kafka gives it', () => {
  equal(clientOverrides('producer', { 'producer.override.acks': 'banana' }).length, 1);
  throws(() => clientOverrides('producer', { 'producer.override.linger.ms': 'x' }), {
    code: 'INVALID_CONFIG',
    message: 'Invalid value x for configuration linger.ms: Not a number of type LONG',
  });
});
