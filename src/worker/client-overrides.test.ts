import { deepEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { connectorProducer, idleClientKeys, producerOverrides } from './client-overrides.ts';

test('settings that mean something act', () => {
  const settings = {
    'compression.type': 'zstd',
    'max.request.size': '2097152',
    'delivery.timeout.ms': '5000',
    'transaction.timeout.ms': '10000',
    acks: 'all',
  };
  deepEqual(producerOverrides(settings), {
    options: {
      compression: 'zstd',
      maxBatchBytes: 2_097_152,
      deliveryTimeoutMs: 5000,
      transactionTimeoutMs: 10_000,
    },
    warnings: [],
  });
});

for (const [key, value, reason] of [
  ['linger.ms', '5', 'it has no meaning here'],
  ['batch.size', '16384', 'it has no meaning here'],
  ['acks', '1', 'acks is always all: nothing is lost silently'],
  ['enable.idempotence', 'false', 'the producer is always idempotent: nothing is doubled by it'],
  ['sasl.jaas.config', 'x', "the connection to Kafka is the worker's"],
  ['compression.typ', 'x', 'nothing reads it. Did you mean "compression.type"?'],
] as const) {
  test(`${key}=${value} is told of: ${reason}`, () => {
    deepEqual(producerOverrides({ [key]: value }), { options: {}, warnings: [{ key, reason }] });
  });
}

for (const [key, value, problem] of [
  ['linger.ms', 'x', 'Not a number of type LONG'],
  ['acks', 'banana', 'String must be one of: all, -1, 0, 1'],
  ['max.request.size', '-1', 'Value must be at least 0'],
  ['enable.idempotence', 'maybe', 'Expected value to be either true or false'],
  ['bootstrap.servers', 'other:9092', "connectors write to the worker's own Kafka"],
] as const) {
  test(`${key}=${value} is refused: ${problem}`, () => {
    throws(() => connectorProducer({ [`producer.override.${key}`]: value }), {
      code: 'CONFIG_INVALID',
      message: `Invalid value ${value} for configuration ${key}: ${problem}`,
    });
  });
}

test('settings of other clients are known by name', () => {
  deepEqual(idleClientKeys({ 'admin.override.x': '1', 'consumer.override.y': '2', topic: 't' }), [
    'admin.override.x',
    'consumer.override.y',
  ]);
});
