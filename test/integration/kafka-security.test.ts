/** Listeners with passwords and certificates, and what is said when they do not fit. */
import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { isError } from '../../src/base/errors.ts';
import { type KafkaBrokerOptions, openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { record, topicName, valuesOf } from '../contract/broker/fixture.ts';
import { freePorts } from '../support/free-ports.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { tempFolder } from '../support/temp-folder.ts';

const skip = await kafkaMissing();
const secret = 'canary-secret-77';
const folder = await tempFolder('security');
const [sasl, tls, controller, plain] = (await freePorts(4)) as [number, number, number, number];
const kafka = skip === false ? await startSecured() : undefined;
after(async () => {
  await kafka?.[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function startSecured() {
  const key = `${folder.path}/server.p12`;
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: folder.path, stdio: 'pipe' });
  const days = ['-days', '2', '-nodes', '-newkey', 'rsa:2048'];
  openssl(
    'req',
    '-x509',
    ...days,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=test-ca',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
  );
  openssl(
    'req',
    '-nodes',
    '-newkey',
    'rsa:2048',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=IP:127.0.0.1,DNS:localhost',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-days',
    '2',
    '-out',
    'server.pem',
    '-copy_extensions',
    'copy',
  );
  openssl(
    'pkcs12',
    '-export',
    '-in',
    'server.pem',
    '-inkey',
    'server.key',
    '-certfile',
    'ca.pem',
    '-out',
    key,
    '-passout',
    'pass:changeit',
  );
  const listeners = `SASL://127.0.0.1:${sasl},TLS://127.0.0.1:${tls},PLAINTEXT://127.0.0.1:${plain},CONTROLLER://127.0.0.1:${controller}`;
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule';
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule';
  return startKafka(
    {
      listeners,
      'advertised.listeners': listeners,
      'controller.quorum.bootstrap.servers': `127.0.0.1:${controller}`,
      'inter.broker.listener.name': 'PLAINTEXT',
      'listener.security.protocol.map': 'SASL:SASL_PLAINTEXT,TLS:SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.sasl.plain.sasl.jaas.config': `${login} required user_alice="${secret}";`,
      'listener.name.sasl.scram-sha-256.sasl.jaas.config': `${scram} required;`,
      'listener.name.sasl.scram-sha-512.sasl.jaas.config': `${scram} required;`,
      'ssl.keystore.type': 'PKCS12',
      'ssl.keystore.location': key,
      'ssl.keystore.password': 'changeit',
      'ssl.key.password': 'changeit',
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

const logins = [
  ['plain', 'alice'],
  ['scram-sha-256', 'bob'],
  ['scram-sha-512', 'bob'],
] as const;

for (const [mechanism, username] of logins) {
  test(`SASL ${mechanism} lets the right password in`, { skip }, () =>
    roundTrip({ bootstrap: [`127.0.0.1:${sasl}`], sasl: { mechanism, username, password: secret } }),
  );

  test(`SASL ${mechanism} says that a wrong password is wrong, and not which it was`, { skip }, async () => {
    const wrong = 'wrong-canary-78';
    await rejects(
      roundTrip({ bootstrap: [`127.0.0.1:${sasl}`], sasl: { mechanism, username, password: wrong } }),
      (error) => {
        equal(isError(error, 'AUTHENTICATION_FAILED'), true, String(error));
        match(String(error), new RegExp(username));
        equal(String((error as Error).stack).includes(wrong), false);
        return true;
      },
    );
  });
}

test('TLS with the right authority lets in', { skip }, () =>
  roundTrip({ bootstrap: [`127.0.0.1:${tls}`], tls: { ca: readFileSync(`${folder.path}/ca.pem`, 'utf8') } }),
);

test('TLS with an unknown authority is a named error', { skip }, async () => {
  await rejects(roundTrip({ bootstrap: [`127.0.0.1:${tls}`], tls: {} }), (error) => {
    match(String(error), /certificate|authority/i);
    return true;
  });
});
