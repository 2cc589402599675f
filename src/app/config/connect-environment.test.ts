import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { readConnectConfig } from './connect-config.ts';
import { connectEnvironment, environmentLogLevel } from './connect-environment.ts';
import { showProblem } from './problem.ts';

test('variables become keys: one underscore a dot, two an underscore, three a dash', () => {
  deepEqual(
    connectEnvironment({ CONNECT_GROUP_ID: 'g', CONNECT_A__B___C_D: 'x', OTHER: 'y', CONNECT_LOG4J_LOGGERS: 'z' }),
    [
      { key: 'group.id', value: 'g', variable: 'CONNECT_GROUP_ID' },
      { key: 'a_b-c.d', value: 'x', variable: 'CONNECT_A__B___C_D' },
    ],
  );
});

const image = {
  CONNECT_BOOTSTRAP_SERVERS: 'kafka:9092',
  CONNECT_REST_ADVERTISED_HOST_NAME: 'connect',
  CONNECT_GROUP_ID: 'feeds',
  CONNECT_CONFIG_STORAGE_TOPIC: '_configs',
  CONNECT_OFFSET_STORAGE_TOPIC: '_offsets',
  CONNECT_STATUS_STORAGE_TOPIC: '_status',
  CONNECT_KEY_CONVERTER: 'org.apache.kafka.connect.storage.StringConverter',
  CONNECT_VALUE_CONVERTER: 'org.apache.kafka.connect.json.JsonConverter',
  CONNECT_VALUE_CONVERTER_SCHEMAS_ENABLE: 'false',
  CONNECT_PLUGIN_PATH: '/usr/share/java',
};

function read(env: NodeJS.ProcessEnv, text = '') {
  return readConnectConfig('w.properties', text, [], { env, hostname: 'me' });
}

test("a container of Confluent's image needs no file", () => {
  const { config, problems, warnings } = read(image);
  deepEqual([problems, warnings], [[], []]);
  equal(config?.broker, 'kafka://kafka:9092');
  deepEqual(config?.worker.tables.config, { topic: '_configs', partitions: 1 });
  equal(config?.rest?.advertised, 'connect:8083');
  deepEqual(config?.worker.defaults['value.converter.schemas.enable'], 'false');
});

test('a variable wins over the file, and is named where it is wrong', () => {
  const file = 'group.id=of-file\noffset.flush.interval.ms=10\n';
  equal(read(image, file).config?.worker.groupId, 'feeds');
  const { problems } = read({ ...image, CONNECT_OFFSET_FLUSH_INTERVAL_MS: 'often' }, file);
  deepEqual(problems.map(showProblem), [
    'environment: CONNECT_OFFSET_FLUSH_INTERVAL_MS: cannot use "often": must be a whole number, 0 or more',
  ]);
});

test('what looks like a misspelled variable warns, what others have set there is left alone', () => {
  const { warnings } = read({ ...image, CONNECT_BOOTSTRAP_SERVRS: 'x', CONNECT_PORT_8083_TCP: 'y' });
  deepEqual(warnings.map(showProblem), [
    'environment: CONNECT_BOOTSTRAP_SERVRS: no worker key fits it. Did you mean "bootstrap.servers"?',
  ]);
});

for (const [word, level] of [
  ['DEBUG', 'debug'],
  ['TRACE', 'debug'],
  ['OFF', 'error'],
  ['WARN', 'warn'],
  ['loud', undefined],
  [undefined, undefined],
] as const) {
  test(`the root level ${word} is our ${level}`, () => {
    equal(environmentLogLevel(word === undefined ? {} : { CONNECT_LOG4J_ROOT_LOGLEVEL: word }), level);
  });
}
