/** A source's texts through a transform and AvroConverter into a topic, with a real registry over HTTP. */
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import avsc from 'avsc';
import type { RawConfig } from '../../src/config/raw.ts';
import { builtInTransforms } from '../../src/transform/catalogue.ts';
import { makeChain } from '../../src/transform/chain.ts';
import { converterNames, selectConverters } from '../../src/worker/converter-selection.ts';
import { errorPolicyOf } from '../../src/worker/error-policy.ts';
import { startSourceTask } from '../../src/worker/source-task.ts';
import { anywhere } from '../support/converter-context.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { TestRegistry } from '../support/schema-registry.ts';
import { scriptedSource } from '../support/scripted-source.ts';
import { sourceTaskOptions } from '../support/source-task.ts';

const hoisted: RawConfig = {
  topic: 't',
  transforms: 'h',
  'transforms.h.type': 'HoistField$Value',
  'transforms.h.field': 'message',
  'value.converter': 'io.confluent.connect.avro.AvroConverter',
};

async function start(config: RawConfig) {
  const broker = memoryBroker();
  await broker.createTopic({ name: 't' });
  const connector = scriptedSource();
  const { options } = await sourceTaskOptions(broker, connector, 'offsets', {
    config,
    transforms: makeChain(config, builtInTransforms),
    converters: selectConverters(config, {}, anywhere),
    converterNames: converterNames(config, {}),
    errors: errorPolicyOf(config),
  });
  const task = startSourceTask(options);
  while (connector.runs[0] === undefined) await new Promise((resolve) => setImmediate(resolve));
  return { broker, task, run: connector.runs[0] };
}

test('records arrive as Avro that another implementation reads by the registered schema', async () => {
  await using registry = await new TestRegistry().listen();
  const { broker, task, run } = await start({ ...hoisted, 'value.converter.schema.registry.url': registry.url });
  run.give('a', 'grüße');
  run.give('c');
  await broker.holds('t', 3);
  task.stop();
  equal(await task.ended, true);
  deepEqual(registry.subjects(), ['t-value']);
  const type = avsc.Type.forSchema(JSON.parse(registry.schema(1)) as avsc.Schema);
  const read = broker
    .records('t')
    .map(({ value }) => ({ ...(type.fromBuffer(Buffer.from(value!).subarray(5)) as object) }));
  deepEqual(read, [{ message: 'a' }, { message: 'grüße' }, { message: 'c' }]);
  equal(registry.requests.length, 1);
});

test('while the registry is away the task tries again as long as it may, and loses nothing', async () => {
  await using registry = await new TestRegistry().listen();
  registry.broken = 503;
  const config = { ...hoisted, 'value.converter.schema.registry.url': registry.url, 'errors.retry.timeout': '-1' };
  const { broker, task, run } = await start(config);
  run.give('a', 'b');
  while (registry.requests.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  registry.broken = undefined;
  await broker.holds('t', 2);
  task.stop();
  equal(await task.ended, true);
});

test('without patience it fails the task with what the registry said', async () => {
  await using registry = await new TestRegistry().listen();
  registry.broken = 503;
  const { task, run } = await start({ ...hoisted, 'value.converter.schema.registry.url': registry.url });
  run.give('a');
  await rejects(task.ended, /The schema registry answered 503/);
});
