import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { showProblem } from './problem.ts';
import { readYamlConfig } from './yaml-config.ts';

const whole = `broker: kafka://localhost:9092
worker: { listen: "127.0.0.1:9000", group.id: feeds }
kafka:
  sasl: { mechanism: scram-sha-512, username: me, password: "\${env:KAFKA_PASSWORD}" }
  tls: { ca: ca.pem }
producer: { compression: zstd, deliveryTimeoutMs: 5000 }
log: { level: debug }
connectors:
  trades:
    connector.class: websocket
    websocket.url: wss://example.com/ws?a=1.10
    kafka.topic: 007
    value.converter: { schemas.enable: no }
    tasks.max: 1
`;

test('a whole file becomes a configuration, scalars of connectors keep their text', () => {
  const { config, problems, lineOf } = readYamlConfig('conf/feed.yaml', whole, {});
  deepEqual(problems, []);
  equal(config?.broker, 'kafka://localhost:9092');
  deepEqual(config?.rest?.listeners, [{ host: '127.0.0.1', port: 9000, tls: undefined, serves: 'all' }]);
  equal(config?.worker.groupId, 'feeds');
  equal(config?.worker.share?.topic.topic, 'feeds-assignment');
  deepEqual(config?.kafka.sasl, { mechanism: 'scram-sha-512', username: 'me', password: `\${env:KAFKA_PASSWORD}` });
  equal(config?.kafka.tls?.ca, 'ca.pem');
  deepEqual(config?.producer, { compression: 'zstd', deliveryTimeoutMs: 5000, maxBatchBytes: 1_048_576 });
  equal(config?.folder, 'conf');
  deepEqual(config?.connectors, [
    {
      name: 'trades',
      config: {
        'connector.class': 'websocket',
        'websocket.url': 'wss://example.com/ws?a=1.10',
        'kafka.topic': '007',
        'value.converter.schemas.enable': 'no',
        'tasks.max': '1',
      },
    },
  ]);
  equal(lineOf('trades', 'kafka.topic'), 12);
});

test('without a group a worker shares with nobody, and is fenced all the same', () => {
  const { config } = readYamlConfig('a.yaml', 'broker: kafka://k:9092', {});
  equal(config?.worker.share, undefined);
  equal(config?.worker.isFenced, true);
  equal(config?.worker.tables.config.topic, 'tributary-configs');
});

test('a list is words with commas between, or JSON where commas would tear it apart', () => {
  const text = 'connectors:\n  a:\n    x: [1008, 4401]\n    y: ["{\\"op\\":\\"a\\"}", {op: subscribe, args: [b, 1]}]';
  deepEqual(readYamlConfig('a.yaml', text, {}).config?.connectors[0]?.config, {
    x: '1008,4401',
    y: '["{\\"op\\":\\"a\\"}",{"op":"subscribe","args":["b",1]}]',
  });
});

test('an empty file is all defaults', () => {
  const { config } = readYamlConfig('a.yaml', '', {});
  equal(config?.broker, 'embedded:./data');
  deepEqual(config?.rest?.listeners, [{ host: '127.0.0.1', port: 8083, tls: undefined, serves: 'all' }]);
});

const wrong: readonly (readonly [name: string, text: string, problem: string])[] = [
  [
    'a misspelled key',
    'broker: embedded:x\nwroker:\n  listen: 127.0.0.1:1',
    'a.yaml:3: wroker.listen: unknown key. Did you mean "worker.listen"?',
  ],
  [
    'a key of a later version',
    '\nregistry: { url: http://127.0.0.1:8081 }',
    'a.yaml:2: registry.url: this version has no "registry" yet',
  ],
  [
    'a misspelled key of the gateway',
    '\ngateway: { limits: { conections: 5 } }',
    'a.yaml:2: gateway.limits.conections: there is no such key. Did you mean "connections"?',
  ],
  [
    'a broker of another kind',
    'broker: redis://x',
    'a.yaml:1: broker: cannot use "redis://x": must be embedded:DIR or kafka://HOST:PORT',
  ],
  [
    'a port that is none',
    'worker:\n  listen: 127.0.0.1:99999',
    'a.yaml:2: worker.listen: cannot use "127.0.0.1:99999": must be HOST:PORT, http://HOST:PORT or https://HOST:PORT',
  ],
  [
    'a listener for everybody',
    'worker:\n  listen: 0.0.0.0:8083',
    'a.yaml:2: worker.listen: "0.0.0.0:8083" is not loopback, and REST has no authentication: add the line "rest.anonymous: true" if that is meant, give users ("rest.users.NAME.password" and "rest.users.NAME.role"), or listen on 127.0.0.1:8083',
  ],
  ['a key twice', 'broker: embedded:a\nbroker: embedded:b', 'a.yaml:2: Map keys must be unique'],
  [
    'a key twice, once nested',
    'worker.listen: 127.0.0.1:1\nworker:\n  listen: 127.0.0.1:2',
    'a.yaml:3: worker.listen: it stands in line 1 already',
  ],
  [
    'a list with a hole',
    'connectors:\n  a:\n    x: [1, ~]',
    'a.yaml:3: connectors.a.x: must be text, a number, true or false, or a list',
  ],
  ['a connector that is no map', 'connectors:\n  a: 1', 'a.yaml:2: connectors.a: must be a map of keys'],
  ['no map at all', '- 1', 'a.yaml:1: must be a map of keys'],
  [
    'half a login',
    'kafka:\n  sasl: { username: me }',
    'a.yaml:2: kafka.sasl.username: SASL needs mechanism, username and password (oauthbearer: mechanism and password)',
  ],
];

for (const [name, text, problem] of wrong) {
  test(`the configuration names file, line and key of ${name}`, () => {
    const { config, problems } = readYamlConfig('a.yaml', text, {});
    equal(config, undefined);
    deepEqual(problems.map(showProblem), [problem]);
  });
}

test('the environment wins over the file, the command line over both', () => {
  const text = 'worker: { listen: 127.0.0.1:1 }';
  const env = { TRIBUTARY_WORKER_LISTEN: '127.0.0.1:2', tributary_broker__AutoCreate: 'false' };
  const fromEnv = readYamlConfig('a.yaml', text, env).config;
  equal(fromEnv?.rest?.listeners[0]?.port, 2);
  equal(fromEnv?.autoCreate, false);
  equal(readYamlConfig('a.yaml', text, env, { 'worker.listen': '127.0.0.1:3' }).config?.rest?.listeners[0]?.port, 3);
});

const wrongEnvironment: readonly (readonly [env: NodeJS.ProcessEnv, problem: string])[] = [
  [
    { TRIBUTARY_WORKER_LISTEN: '127.0.0.1:1', TRIBUTARY_WORKERLISTEN: '127.0.0.1:2' },
    'environment: TRIBUTARY_WORKERLISTEN: it sets "worker.listen", and so does TRIBUTARY_WORKER_LISTEN: leave one of them out',
  ],
  [
    { TRIBUTARY_LOG_LEVEL: 'loud' },
    'environment: TRIBUTARY_LOG_LEVEL: cannot use "loud": String must be one of: debug, info, warn, error',
  ],
];

for (const [env, problem] of wrongEnvironment) {
  test(`environment: ${Object.keys(env).join(' and ')} is refused`, () => {
    deepEqual(readYamlConfig('a.yaml', '', env).problems.map(showProblem), [problem]);
  });
}

test('environment: what looks like a misspelled key warns, what others have set there is left alone', () => {
  const env = {
    TRIBUTARY_WORKER_LISTN: 'x',
    TRIBUTARY_SERVICE_HOST: '10.0.0.1',
    TRIBUTARY_PORT_8083_TCP_ADDR: '10.0.0.1',
  };
  const { config, warnings } = readYamlConfig('a.yaml', '', env);
  equal(config?.broker, 'embedded:./data');
  deepEqual(warnings.map(showProblem), [
    'environment: TRIBUTARY_WORKER_LISTN: no key of the configuration fits it. Did you mean "TRIBUTARY_WORKER_LISTEN"?',
  ]);
});
