import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { readConnectConfig } from './connect-config.ts';
import { showProblem } from './problem.ts';

const least =
  'bootstrap.servers=h:9092\nkey.converter=org.apache.kafka.connect.storage.StringConverter\nvalue.converter=a.B\n';
const scram = `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
  username="me" \\
  password="p\\\\"q;\${env:PART}";\n`;

function read(more: string, env: NodeJS.ProcessEnv = {}): ReturnType<typeof readConnectConfig> {
  return readConnectConfig('worker.properties', least + more, [], { env, hostname: 'me.local' });
}

test('the least worker file', () => {
  const { config, warnings } = read('');
  deepEqual(warnings, []);
  equal(config?.broker, 'kafka://h:9092');
  deepEqual(config?.rest?.listeners, [{ host: '127.0.0.1', port: 8083, tls: undefined, serves: 'all' }]);
  deepEqual(config?.worker.defaults, {
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'a.B',
  });
  equal(config?.rest?.maskSecrets, false);
  deepEqual(config?.kafka, {});
});

test('SASL over TLS with PEM stores', () => {
  const { config, problems } = read(
    `security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n${scram}ssl.truststore.type=PEM\nssl.truststore.location=/etc/ca.pem\nssl.endpoint.identification.algorithm=\n`,
    { PART: 'r' },
  );
  deepEqual(problems, []);
  deepEqual(config?.kafka.sasl, { mechanism: 'scram-sha-512', username: 'me', password: 'p"q;r' });
  equal(config?.kafka.tls?.ca, '/etc/ca.pem');
  equal(config?.kafka.tls?.checkName, false);
});

test('a PKCS #12 key store by its name', () => {
  const { config } = read(
    'security.protocol=SSL\nssl.keystore.location=/k.p12\nssl.keystore.password=s\nssl.truststore.location=/ca.pem\n',
  );
  equal(config?.kafka.tls?.pfx, '/k.p12');
  equal(config?.kafka.tls?.passphrase, 's');
});

test('a PKCS #12 trust store', () => {
  const { config } = read(
    'security.protocol=SSL\nssl.truststore.location=/t.store\nssl.truststore.type=PKCS12\nssl.truststore.password=s\n',
  );
  deepEqual([config?.kafka.tls?.ca, config?.kafka.tls?.caPassword], ['/t.store', 's']);
});

const wrong: readonly (readonly [name: string, text: string, problem: RegExp])[] = [
  [
    'a JKS trust store',
    'security.protocol=SSL\nssl.truststore.location=/t.jks',
    /:5?.*ssl\.truststore\.location: a JKS store .*keytool -list -rfc -keystore \/t\.jks > ca\.pem/,
  ],
  [
    'a JKS key store',
    'security.protocol=SSL\nssl.keystore.location=/k.jks',
    /ssl\.keystore\.location: .*keytool -importkeystore -srckeystore \/k\.jks/,
  ],
  [
    'every address without the flag',
    'listeners=http://:8083',
    /^worker\.properties:4: listeners: .*add the line "rest\.anonymous=true"/,
  ],
  [
    'an HTTPS listener without a certificate',
    'listeners=https://127.0.0.1:8443',
    /ssl\.keystore\.location: it is missing/,
  ],
  ['an unknown protocol', 'security.protocol=TLS', /security\.protocol: cannot use "TLS"/],
  ['Kerberos', 'security.protocol=SASL_PLAINTEXT\nsasl.mechanism=GSSAPI', /sasl\.mechanism: cannot use "GSSAPI"/],
  [
    'a number that is none',
    'offset.flush.interval.ms=often',
    /^worker\.properties:4: offset\.flush\.interval\.ms: cannot use "often"/,
  ],
  ['a word that exactly-once does not have', 'exactly.once.source.support=yes', /must be disabled, preparing, enabled/],
  [
    'a reference without a value',
    `group.id=\${env:NOT_THERE}`,
    /^worker\.properties:4: group\.id: Cannot resolve "\$\{env:NOT_THERE\}"/,
  ],
];

for (const [name, text, problem] of wrong) {
  test(`worker file: ${name} is refused`, () => {
    const { config, problems } = read(text);
    equal(config, undefined);
    match(problems.map(showProblem).join('\n'), problem);
  });
}

test('worker file: a listener for everybody starts with the flag', () => {
  deepEqual(read('listeners=http://:8083\nrest.anonymous=true').config?.rest?.listeners, [
    { host: '0.0.0.0', port: 8083, tls: undefined, serves: 'all' },
  ]);
});

test('worker file: a broken JAAS entry is refused without its text', () => {
  const { problems } = read(
    'security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=a.B required username="u" password="canary"\n',
  );
  const shown = problems.map(showProblem).join('\n');
  match(
    shown,
    /^worker\.properties:6: sasl\.jaas\.config: options are name="value", and the entry ends in a semicolon$/,
  );
  ok(!shown.includes('canary'));
});

test('worker file: unknown keys warn, and settings of the producer that change nothing; other known ones do not', () => {
  const { warnings } = read(
    'plugin.path=/x\nsasl.mechanism=PLAIN\nproducer.sasl.mechanism=PLAIN\nproducer.linger.ms=5\noffset.flush.intervall.ms=5\n',
  );
  deepEqual(warnings.map(showProblem), [
    'worker.properties:8: offset.flush.intervall.ms: unknown key, it has no effect. Did you mean "offset.flush.interval.ms"?',
    'worker.properties:7: producer.linger.ms: it has no meaning here',
  ]);
});

test('worker file: what is required is named', () => {
  const { problems } = readConnectConfig('w.properties', '', [], { env: {}, hostname: 'h' });
  deepEqual(
    problems.map(({ key }) => key),
    ['bootstrap.servers', 'key.converter', 'value.converter'],
  );
});

test('worker file: a standalone worker has tables of its own, a distributed one those it names', () => {
  equal(read('').config?.worker.tables.config.topic, 'standalone-me.local-worker-configs');
  const { config } = read(
    'group.id=g\nconfig.storage.topic=c\noffset.storage.partitions=3\noffset.storage.replication.factor=1\n',
  );
  deepEqual(config?.worker.tables, {
    config: { topic: 'c', partitions: 1 },
    offset: { topic: 'g-offsets', partitions: 3, replicationFactor: 1 },
    status: { topic: 'g-status', partitions: 5 },
  });
});

test('worker file: what is known and has no effect is told of in one line', () => {
  const { warnings } = read('heartbeat.interval.ms=5\nconsumer.max.poll.records=5\nssl.cipher.suites=a\n');
  deepEqual(warnings.map(showProblem), [
    'worker.properties: known to Kafka Connect and without effect here: heartbeat.interval.ms, consumer.max.poll.records, ssl.cipher.suites',
  ]);
});

const fileProvider =
  'config.providers=f\nconfig.providers.f.class=org.apache.kafka.common.config.provider.FileConfigProvider\n';

test('worker file: providers have the names that it gives them, also in the environment and for itself', () => {
  const { config, problems } = read(
    `config.providers=e,f\nconfig.providers.e.class=EnvVarConfigProvider\ngroup.id=\${e:GROUP}-\${env:GROUP}\n`,
    {
      GROUP: 'g',
      CONNECT_CONFIG_PROVIDERS_F_CLASS: 'org.apache.kafka.common.config.provider.FileConfigProvider',
      CONNECT_CONFIG_PROVIDERS_F_PARAM_ALLOWED_PATHS: '/a, /b',
    },
  );
  deepEqual(problems, []);
  equal(config?.worker.groupId, `g-\${env:GROUP}`);
  deepEqual(config?.providers?.get('f'), {
    kind: 'file',
    limit: 'config.providers.f.param.allowed.paths',
    paths: ['/a', '/b'],
  });
  equal(read('').config?.providers, undefined);
});

const wrongProviders: readonly (readonly [text: string, problem: RegExp])[] = [
  [
    'config.providers=v\nconfig.providers.v.class=com.x.Vault',
    /config\.providers\.v\.class: cannot use "com\.x\.Vault": Java/,
  ],
  ['config.providers=v\nconfig.providers.v.class=FileConfigProvidr', /Did you mean "FileConfigProvider"/],
  ['config.providers=v', /config\.providers\.v\.class: it is missing/],
  [
    `${fileProvider}config.providers.f.param.allowed.paths=etc`,
    /allowed\.paths: cannot use "etc": it must be an absolute path/,
  ],
  [
    'config.providers=e\nconfig.providers.e.class=EnvVarConfigProvider\nconfig.providers.e.param.allowlist.pattern=(',
    /allowlist\.pattern: cannot use "\("/,
  ],
  [
    `${fileProvider}config.providers.f.param.allowed.paths=/nowhere\ngroup.id=\${f:/etc/hostname:a}`,
    /group\.id: Cannot resolve .*"config\.providers\.f\.param\.allowed\.paths" does not allow "\/etc\/hostname"/,
  ],
  [
    `config.providers=e\nconfig.providers.e.class=EnvVarConfigProvider\nconfig.providers.e.param.allowlist.pattern=A.*\ngroup.id=\${e:PATH}`,
    /"config\.providers\.e\.param\.allowlist\.pattern" does not allow "PATH"/,
  ],
];

for (const [text, problem] of wrongProviders) {
  test(`worker file: refused: ${text.replaceAll('\n', ' ')}`, () => {
    const { config, problems } = read(text, { PATH: 'canary' });
    equal(config, undefined);
    match(problems.map(showProblem).join('\n'), problem);
  });
}

test('worker file: what a provider does not have is told of', () => {
  const { warnings } = read(
    `${fileProvider}config.providers.f.param.x=1\nconfig.providers.g.class=FileConfigProvider\n`,
  );
  deepEqual(
    warnings.map(({ key }) => key),
    ['config.providers.f.param.x', 'config.providers.g.class'],
  );
});
