/** Listeners with passwords and certificates, and what is said when they do not fit. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, test } from 'node:test';
import { inspect } from 'node:util';
import { openBroker } from '../../src/app/broker-factory.ts';
import { codecs } from '../../src/app/codecs.ts';
import { readConnectConfig } from '../../src/app/config/connect-config.ts';
import { describeError, type ErrorCode, isError } from '../../src/base/errors.ts';
import { type KafkaBrokerOptions, openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { record, topicName, valuesOf } from '../contract/broker/fixture.ts';
import { makeCertificates } from '../support/certificates.ts';
import { freePorts } from '../support/free-ports.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';

const skip = (await kafkaMissing()) || toolsMissing(['openssl']);
const secret = 'canary-secret-77';
const folder = await tempFolder('security');
const [sasl, tls, saslTls, mutual, controller, plain] = (await freePorts(6)) as [
  number,
  number,
  number,
  number,
  number,
  number,
];
const certificates = skip === false ? await makeCertificates(folder.path) : undefined;
const kafka = skip === false ? await startSecured() : undefined;
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function startSecured() {
  execFileSync('openssl', [
    ...['pkcs12', '-export', '-in', `${folder.path}/server.pem`, '-inkey', `${folder.path}/server.key`],
    ...['-certfile', `${folder.path}/ca.pem`, '-out', `${folder.path}/server.p12`, '-passout', 'pass:changeit'],
  ]);
  const names = { SASL: sasl, TLS: tls, SASLTLS: saslTls, MUTUAL: mutual, PLAINTEXT: plain, CONTROLLER: controller };
  const listeners = Object.entries(names)
    .map(([name, port]) => `${name}://127.0.0.1:${port}`)
    .join();
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule';
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule';
  const logins = ['sasl', 'sasltls'].flatMap((name) => [
    [`listener.name.${name}.plain.sasl.jaas.config`, `${login} required user_alice="${secret}";`],
    [`listener.name.${name}.scram-sha-256.sasl.jaas.config`, `${scram} required;`],
    [`listener.name.${name}.scram-sha-512.sasl.jaas.config`, `${scram} required;`],
  ]);
  return startKafka(
    {
      listeners,
      'advertised.listeners': listeners,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map':
        'SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL,MUTUAL:SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      ...Object.fromEntries(logins),
      'ssl.keystore.type': 'PKCS12',
      'ssl.keystore.location': `${folder.path}/server.p12`,
      'ssl.keystore.password': 'changeit',
      'ssl.key.password': 'changeit',
      'listener.name.mutual.ssl.client.auth': 'required',
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': `${folder.path}/ca.pem`,
    },
    {
      readyPort: plain,
      scram: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].map((mechanism) => `${mechanism}=[name=bob,password=${secret}]`),
    },
  );
}

async function roundTrip(options: Omit<KafkaBrokerOptions, 'codecs'>): Promise<void> {
  await using broker = await openKafkaBroker({ ...options, codecs });
  const topic = topicName('secured');
  await broker.createTopic({ name: topic });
  await using producer = await broker.producer();
  await producer.send(topic, 0, [record('x')]);
  deepEqual(await valuesOf(broker, topic), ['x']);
}

/** What is said when it does not fit: the wanted words, and no password. */
async function isRefused(
  options: Omit<KafkaBrokerOptions, 'codecs'>,
  words: RegExp,
  code: ErrorCode = 'AUTHENTICATION_FAILED',
): Promise<void> {
  await rejects(roundTrip(options), (error) => {
    equal(isError(error) ? error.code : undefined, code, String(error));
    match(describeError(error), words);
    const all = `${inspect(error, { depth: 10, showHidden: true })} ${(error as Error).stack}`;
    for (const canary of [secret, wrong, 'PRIVATE KEY']) ok(!all.includes(canary), `${canary} is in the error`);
    return true;
  });
}

const wrong = 'wrong-canary-78';
const logins = [
  ['plain', 'alice'],
  ['scram-sha-256', 'bob'],
  ['scram-sha-512', 'bob'],
] as const;

for (const [over, port, tlsOf] of [
  ['plain text', sasl, () => undefined],
  ['TLS', saslTls, () => ({ ca: certificates!.ca })],
] as const) {
  for (const [mechanism, username] of logins) {
    const bootstrap = [`127.0.0.1:${port}`];

    test(`SASL ${mechanism} over ${over} lets the right password in`, { skip }, () =>
      roundTrip({ bootstrap, sasl: { mechanism, username, password: secret }, tls: tlsOf() }),
    );

    test(`SASL ${mechanism} over ${over} says that a wrong password is wrong, and not which it was`, { skip }, () =>
      isRefused({ bootstrap, sasl: { mechanism, username, password: wrong }, tls: tlsOf() }, new RegExp(username)),
    );
  }
}

test('SASL over TLS with an unknown authority sends no password', { skip }, () =>
  isRefused(
    {
      bootstrap: [`127.0.0.1:${saslTls}`],
      sasl: { mechanism: 'plain', username: 'alice', password: secret },
      tls: {},
    },
    /unknown authority: give that one as ca/,
  ),
);

test('plain text on a port of SASL over TLS is said', { skip }, () =>
  isRefused(
    { bootstrap: [`127.0.0.1:${saslTls}`], sasl: { mechanism: 'plain', username: 'alice', password: secret } },
    /tls/i,
    'BROKER_UNAVAILABLE',
  ),
);

test('TLS with the right authority lets in', { skip }, () =>
  roundTrip({ bootstrap: [`127.0.0.1:${tls}`], tls: { ca: certificates!.ca } }),
);

test('TLS with an unknown authority is a named error', { skip }, () =>
  isRefused({ bootstrap: [`127.0.0.1:${tls}`], tls: {} }, /unknown authority: give that one as ca/),
);

const mutualBootstrap = [`127.0.0.1:${mutual}`];

test('a client certificate of the right authority lets in, also with an encrypted key', { skip }, async () => {
  const { ca, client, clientEncryptedKey } = certificates!;
  await roundTrip({ bootstrap: mutualBootstrap, tls: { ca, ...client } });
  const { cert } = client;
  await roundTrip({ bootstrap: mutualBootstrap, tls: { ca, cert, key: clientEncryptedKey, passphrase: 'let me in' } });
});

test('a client certificate of another authority is refused, and that is said', { skip }, async () => {
  await using elsewhere = await tempFolder('security-other');
  const { client } = await makeCertificates(elsewhere.path);
  await isRefused({ bootstrap: mutualBootstrap, tls: { ca: certificates!.ca, ...client } }, /client certificate/);
});

test('no client certificate where one is wanted is said', { skip }, () =>
  isRefused({ bootstrap: mutualBootstrap, tls: { ca: certificates!.ca } }, /client certificate/),
);

test('a worker file of Kafka Connect with PKCS #12 stores, as keytool writes them, lets in', { skip }, async () => {
  const at = (name: string): string => `${folder.path}/${name}`;
  const own = ['pkcs12', '-export', '-in', at('client.pem'), '-inkey', at('client.key'), '-out', at('client.p12')];
  execFileSync('openssl', [...own, '-passout', 'pass:own-canary']);
  const trust = ['-importcert', '-noprompt', '-alias', 'ca', '-file', at('ca.pem'), '-keystore', at('trust.p12')];
  execFileSync('keytool', [...trust, '-storetype', 'PKCS12', '-storepass', 'trust-canary'], { stdio: 'pipe' });
  const open = async (trustPassword: string): Promise<void> => {
    const file = `
bootstrap.servers=${mutualBootstrap[0]}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
security.protocol=SSL
ssl.keystore.location=${at('client.p12')}
ssl.keystore.password=own-canary
ssl.truststore.location=${at('trust.p12')}
ssl.truststore.password=${trustPassword}
`;
    const { config, problems } = readConnectConfig('worker.properties', file, [], { env: {}, hostname: 'here' });
    deepEqual(problems, []);
    const { broker: address, kafka: security } = config!;
    const providers = { env: {}, folder: folder.path };
    await using broker = await openBroker({
      address,
      kafka: security,
      providers,
      log: silentLog,
      metrics: new MetricRegistry().root(),
    });
    equal((await broker.createTopic({ name: topicName('stores') })).partitions.length, 1);
  };
  await open('trust-canary');
  await rejects(open('wrong-canary'), (error) => {
    ok(isError(error, 'CONFIG_INVALID'), String(error));
    match(error.message, /PKCS #12 store of "kafka\.tls\.ca": its password is wrong/);
    ok(!String(error.stack).includes('canary'));
    return true;
  });
});

test('a wrong passphrase of the client’s key is said before anything is tried', { skip }, () => {
  const { ca, client, clientEncryptedKey } = certificates!;
  return isRefused(
    { bootstrap: mutualBootstrap, tls: { ca, cert: client.cert, key: clientEncryptedKey, passphrase: wrong } },
    /passphrase of the key is wrong/,
    'INVALID_CONFIG',
  );
});
