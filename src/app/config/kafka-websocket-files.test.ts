import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readGatewaySettings } from '../../gateway/read-settings.ts';
import { type KafkaWebsocketFiles, readKafkaWebsocketFiles } from './kafka-websocket-files.ts';

interface Files {
  readonly server?: string;
  readonly consumer?: string;
  readonly producer?: string;
}

/** The value of a key of ours, `v2.offsetReset`, after the files were read. */
const cases: readonly (readonly [files: Files, key: string, value: unknown])[] = [
  [{}, 'listen', '0.0.0.0:8080'],
  [{ server: 'ws.port=7080' }, 'listen', '0.0.0.0:7080'],
  [{ server: 'ws.ssl=false\nws.ssl.port=9\nws.port=7080' }, 'listen', '0.0.0.0:7080'],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12' }, 'listen', '0.0.0.0:8443'],
  [{ server: 'ws.ssl=true\nws.ssl.port=9443\nws.ssl.keyStorePath=s.p12' }, 'listen', '0.0.0.0:9443'],
  [{}, 'tls', undefined],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12' }, 'tls.pfx', 's.p12'],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.pem' }, 'tls.cert', 's.pem'],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.pem' }, 'tls.key', 's.pem'],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12\nws.ssl.keyStorePassword=pw' }, 'tls.passphrase', 'pw'],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12\nws.ssl.trustStorePath=ca.pem' }, 'tls.ca', 'ca.pem'],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12' }, 'tls.minVersion', 'TLSv1.2'],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12\nws.ssl.protocols=TLSv1.3' }, 'tls.minVersion', 'TLSv1.3'],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12\nws.ssl.ciphers=TLS_AES_128' }, 'tls.ciphers', 'TLS_AES_128'],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12' }, 'tls.clientAuth', 'none'],
  [
    { server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12\nws.ssl.clientAuth=required\nws.ssl.trustStorePath=ca.pem' },
    'tls.clientAuth',
    'required',
  ],
  [{}, 'v2.inputTransform', 'identity'],
  [{ server: 'ws.inputTransformClass=us.b3k.kafka.ws.transforms.DiscardTransform' }, 'v2.inputTransform', discard()],
  [{ server: 'ws.outputTransformClass=us.b3k.kafka.ws.transforms.DiscardTransform' }, 'v2.outputTransform', discard()],
  [{}, 'v2.offsetReset', 'latest'],
  [{ consumer: 'auto.offset.reset=largest' }, 'v2.offsetReset', 'latest'],
  [{ consumer: 'auto.offset.reset=smallest' }, 'v2.offsetReset', 'earliest'],
  [{ consumer: 'auto.offset.reset=earliest' }, 'v2.offsetReset', 'earliest'],
  // As the original: everybody may come, under any name of the machine.
  [{}, 'auth.anonymous', true],
  [{}, 'hosts', ['*']],
];

for (const [files, key, value] of cases) {
  test(`${JSON.stringify(files)} makes ${key} ${JSON.stringify(value)}`, () => {
    const settings = readGatewaySettings(read(files).gateway);
    const found = key
      .split('.')
      .reduce((at: unknown, name) => (at as Record<string, unknown> | undefined)?.[name], settings);
    deepEqual(found, value);
  });
}

test('the broker is that of the producer, else that of the consumer', () => {
  const producer = 'bootstrap.servers=a:9092,b:9092';
  equal(read({ producer }).broker, 'kafka://a:9092,b:9092');
  equal(read({ consumer: 'bootstrap.servers=c:9092', producer }).broker, 'kafka://a:9092,b:9092');
  equal(read({ consumer: 'bootstrap.servers=c:9092' }).broker, 'kafka://c:9092');
  equal(read({}).broker, undefined);
});

const warned: readonly (readonly [files: Files, warning: RegExp])[] = [
  [{ consumer: 'zookeeper.connect=localhost:2181' }, /^zookeeper\.connect is not used/],
  [{ consumer: 'group.id=g' }, /^group\.id of consumer\.properties is not used/],
  [{ producer: 'acks=1' }, /^acks=1 is not used/],
  [{ server: 'ws.prot=7080' }, /^ws\.prot of server\.properties is not used/],
  [{ consumer: 'fetch.min.bytes=1' }, /^fetch\.min\.bytes of consumer\.properties is not used/],
  [{ producer: 'linger.ms=1' }, /^linger\.ms of producer\.properties is not used/],
  [
    { server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12\nws.ssl.ciphers=TLS_RSA_WITH_RC4_128_SHA' },
    /ciphers that are broken/,
  ],
];

for (const [files, warning] of warned) {
  test(`${JSON.stringify(files)} is warned of`, () => {
    const { warnings } = read(files);
    equal(warnings.length, 1);
    match(warnings[0]!, warning);
  });
}

test('files as they were shipped are taken without a word but of ZooKeeper and the group', () => {
  const { warnings } = read({
    server: 'ws.port=7080\nws.ssl=false\nws.ssl.port=8443\nws.inputTransformClass=us.b3k.kafka.ws.transforms.Transform',
    consumer: 'zookeeper.connect=localhost:2181\ngroup.id=test',
    producer: 'bootstrap.servers=localhost:9092\nacks=all',
  });
  equal(warnings.length, 2);
});

const refused: readonly (readonly [files: Files, message: RegExp])[] = [
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.jks' }, /keytool -importkeystore/],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12\nws.ssl.trustStorePath=t.jks' }, /must be a PEM file/],
  [{ server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12\nws.ssl.clientAuth=required' }, /wants ws\.ssl\.trustStorePath/],
  [
    { server: 'ws.ssl=true\nws.ssl.keyStorePath=s.p12\nws.ssl.clientAuth=want\nws.ssl.trustStorePath=ca.pem' },
    /clientAuth: "want" must be one of none, optional, required/,
  ],
  [{ consumer: 'auto.offset.reset=smalest' }, /offsetReset: "smalest" must be one of/],
];

for (const [files, message] of refused) {
  test(`${JSON.stringify(files)} is refused`, () => throws(() => readGatewaySettings(read(files).gateway), message));
}

test('a folder without server.properties is named', () => {
  throws(
    () => readKafkaWebsocketFiles('/nonexistent-folder'),
    (error: Error) => {
      ok(error.message.includes('/nonexistent-folder/server.properties'), error.message);
      return true;
    },
  );
});

function read({ server = '', consumer, producer }: Files): KafkaWebsocketFiles {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-websocket-files-'));
  try {
    const files = { server, consumer, producer };
    for (const [name, text] of Object.entries(files)) {
      if (text !== undefined) writeFileSync(join(folder, `${name}.properties`), `${text}\n`);
    }
    return readKafkaWebsocketFiles(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function discard(): string {
  return 'us.b3k.kafka.ws.transforms.DiscardTransform';
}
