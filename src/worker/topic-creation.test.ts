import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { TributaryError } from '../base/errors.ts';
import type { NewTopic } from '../broker/broker.ts';
import type { RawConfig } from '../config/raw.ts';
import { silentLog } from '../telemetry/log.ts';
import { ensureDeadLetterTopic, ensureTopic, topicGroups } from './topic-creation.ts';

const worker = { autoCreate: true, partitions: 1 };
const defaults = { 'topic.creation.default.partitions': '3', 'topic.creation.default.replication.factor': '-1' };

/** What is asked of the broker for a topic that is missing. */
async function made(
  topic: string,
  config: RawConfig,
  kind: 'embedded' | 'kafka' = 'kafka',
): Promise<NewTopic | undefined> {
  const broker = { ...memoryBroker(), kind };
  let asked: NewTopic | undefined;
  const { createTopic } = broker;
  broker.createTopic = (wanted) => {
    asked = wanted;
    return createTopic(wanted);
  };
  await ensureTopic(broker, topic, worker, topicGroups(config), silentLog);
  return asked;
}

const grouped = {
  ...defaults,
  'topic.creation.groups': 'logs, rest',
  'topic.creation.logs.include': 'log-.*,audit',
  'topic.creation.logs.exclude': '.*-tmp',
  'topic.creation.logs.partitions': '7',
  'topic.creation.logs.cleanup.policy': 'compact',
  'topic.creation.rest.include': 'log-.*',
  'topic.creation.rest.replication.factor': '2',
  'topic.creation.default.retention.ms': '1000',
};

for (const [what, topic, config, wanted] of [
  ['without groups it is as the worker makes topics', 't', {}, { partitions: 1, replicationFactor: undefined }],
  ['the default group', 't', grouped, { partitions: 3, config: { 'retention.ms': '1000' } }],
  ['a group and its own configuration', 'log-a', grouped, { partitions: 7, config: { 'cleanup.policy': 'compact' } }],
  ['a pattern has to fit the whole name', 'audit-2', grouped, { partitions: 3, config: { 'retention.ms': '1000' } }],
  ['what a group excludes goes to the next', 'log-tmp', grouped, { partitions: 3, replicationFactor: 2, config: {} }],
  [
    '-1 is the broker of Kafka to decide',
    't',
    { ...defaults, 'topic.creation.default.partitions': '-1' },
    { partitions: -1, config: {} },
  ],
  [
    'a group without include has nothing',
    'x',
    { ...defaults, 'topic.creation.groups': 'x', 'topic.creation.x.partitions': '9' },
    { partitions: 3, config: {} },
  ],
] as const) {
  test(`a missing topic: ${what}`, async () => {
    deepEqual(await made(topic, config as RawConfig), { name: topic, ...wanted });
  });
}

test('the default of the embedded broker is not asked for by a number', async () => {
  deepEqual(await made('t', { ...defaults, 'topic.creation.default.partitions': '-1' }, 'embedded'), {
    name: 't',
    config: {},
  });
});

for (const [what, config, message] of [
  [
    'a missing number',
    { 'topic.creation.default.partitions': '1' },
    'Missing required configuration "topic.creation.default.replication.factor" which has no default value.',
  ],
  [
    'a number that is none',
    { ...defaults, 'topic.creation.default.replication.factor': 'x' },
    'Invalid value x for configuration topic.creation.default.replication.factor: Not a number of type SHORT',
  ],
  [
    'a number out of range',
    { ...defaults, 'topic.creation.default.partitions': '0' },
    "Invalid value 0 for configuration topic.creation.default.partitions: Number of partitions must be positive, or -1 to use the broker's default",
  ],
] as const) {
  test(`refused: ${what}`, () => {
    throws(() => topicGroups(config as RawConfig), { code: 'CONFIG_INVALID', message });
  });
}

test('refused: a pattern that cannot be read', () => {
  const config = { ...defaults, 'topic.creation.groups': 'g', 'topic.creation.g.include': '(' };
  throws(() => topicGroups(config), { code: 'CONFIG_INVALID' });
});

test('a topic that cannot be made is told of in the words of Kafka Connect', async () => {
  const broker = memoryBroker();
  broker.createTopic = async () => Promise.reject(new TributaryError('INVALID_TOPIC', 'replication factor 3'));
  await rejects(ensureTopic(broker, 't', worker, undefined, silentLog), {
    code: 'INVALID_TOPIC',
    message: "Unable to create topic(s) 't': replication factor 3",
  });
});

test('where nothing may be made the nearest topic is named', async () => {
  const broker = memoryBroker();
  await broker.createTopic({ name: 'trades' });
  await rejects(ensureTopic(broker, 'trade', { autoCreate: false, partitions: 1 }, undefined, silentLog), {
    code: 'UNKNOWN_TOPIC',
    message: /Did you mean "trades"\?/,
  });
});

test('a dead-letter topic is made once, with one partition', async () => {
  const broker = memoryBroker();
  const target = { topic: 'dead', replicationFactor: undefined, withHeaders: false };
  await ensureDeadLetterTopic(broker, target, silentLog);
  await ensureDeadLetterTopic(broker, target, silentLog);
  equal((await broker.describeTopic('dead')).partitions.length, 1);
});
