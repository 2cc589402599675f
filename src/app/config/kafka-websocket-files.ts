/**
 * Configuration files of kafka-websocket, the server whose clients the gateway serves as well: `server.properties`,
 * `consumer.properties` and `producer.properties` in one folder, mapped to ours (PROTOCOL.md, section 2.9).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TributaryError } from '../../base/errors.ts';
import { parseProperties } from '../../config/properties.ts';
import { readFile } from './load-config.ts';

export interface KafkaWebsocketFiles {
  /** Section `gateway`. */
  readonly gateway: Record<string, unknown>;
  /** `kafka://HOST:PORT`; undefined where none is named. */
  readonly broker: string | undefined;
  readonly warnings: readonly string[];
}

/** NOT_FOUND where there is no `server.properties`, CONFIG_INVALID where a file cannot be read. */
export function readKafkaWebsocketFiles(folder: string): KafkaWebsocketFiles {
  const server = propertiesOf(join(folder, 'server.properties'));
  const consumer = optional(join(folder, 'consumer.properties'));
  const producer = optional(join(folder, 'producer.properties'));
  const warnings = [
    ...unused('server.properties', server, serverKeys),
    ...unused('consumer.properties', consumer, consumerKeys),
    ...unused('producer.properties', producer, producerKeys),
  ];
  const usesTls = server.get('ws.ssl') === 'true';
  const port = usesTls ? (server.get('ws.ssl.port') ?? '8443') : (server.get('ws.port') ?? '8080');
  const gateway: Record<string, unknown> = {
    // As the original: everybody may come. What it did not ask, nobody is asked here.
    listen: `0.0.0.0:${port}`,
    auth: { mode: 'none', anonymous: true },
    hosts: ['*'],
    v2: {
      inputTransform: server.get('ws.inputTransformClass') ?? 'identity',
      outputTransform: server.get('ws.outputTransformClass') ?? 'identity',
      offsetReset: offsetReset(consumer.get('auto.offset.reset')),
    },
    ...(usesTls ? { tls: tlsOf(server, warnings) } : {}),
  };
  if (consumer.has('zookeeper.connect')) warnings.push('zookeeper.connect is not used: the broker is asked itself');
  if (consumer.has('group.id')) warnings.push('group.id of consumer.properties is not used: clients name their group');
  if ((producer.get('acks') ?? 'all') !== 'all')
    warnings.push(`acks=${producer.get('acks')} is not used: records are acknowledged by all replicas`);
  const bootstrap = producer.get('bootstrap.servers') ?? consumer.get('bootstrap.servers');
  return { gateway, broker: bootstrap === undefined ? undefined : `kafka://${bootstrap}`, warnings };
}

function tlsOf(server: ReadonlyMap<string, string>, warnings: string[]): Record<string, unknown> {
  const store = server.get('ws.ssl.keyStorePath') ?? '';
  if (/\.jks$/i.test(store)) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `ws.ssl.keyStorePath "${store}" is a Java key store. Convert it: keytool -importkeystore -srckeystore ${store} ` +
        '-destkeystore server.p12 -deststoretype PKCS12',
    );
  }
  const ciphers = server.get('ws.ssl.ciphers') ?? '';
  const isOld = /RC4|_CBC_/.test(ciphers);
  if (isOld) warnings.push("ws.ssl.ciphers names ciphers that are broken: the platform's own are used");
  const protocols = server.get('ws.ssl.protocols') ?? 'TLSv1.2';
  const trust = server.get('ws.ssl.trustStorePath');
  const clientAuth = server.get('ws.ssl.clientAuth') ?? 'none';
  if (trust === undefined && clientAuth !== 'none') {
    throw new TributaryError(
      'CONFIG_INVALID',
      `ws.ssl.clientAuth "${clientAuth}" wants ws.ssl.trustStorePath: the authorities whose certificates are accepted`,
    );
  }
  if (trust !== undefined && !/\.pem$/i.test(trust)) {
    throw new TributaryError('CONFIG_INVALID', `ws.ssl.trustStorePath "${trust}" must be a PEM file of certificates`);
  }
  return {
    ...(/\.pem$/i.test(store) ? { cert: store, key: store } : { pfx: store }),
    passphrase: server.get('ws.ssl.keyStorePassword') ?? '',
    ...(trust === undefined ? {} : { ca: trust }),
    clientAuth,
    minVersion: protocols.includes('TLSv1.2') ? 'TLSv1.2' : 'TLSv1.3',
    ...(ciphers === '' || isOld ? {} : { ciphers }),
  };
}

const serverKeys = [
  'ws.port',
  'ws.ssl',
  'ws.ssl.port',
  'ws.ssl.keyStorePath',
  'ws.ssl.keyStorePassword',
  'ws.ssl.trustStorePath',
  'ws.ssl.trustStorePassword',
  'ws.ssl.protocols',
  'ws.ssl.ciphers',
  'ws.ssl.clientAuth',
  'ws.inputTransformClass',
  'ws.outputTransformClass',
];
const consumerKeys = ['group.id', 'auto.offset.reset', 'zookeeper.connect', 'bootstrap.servers'];
const producerKeys = ['bootstrap.servers', 'acks'];

/** Keys that mean nothing here. */
function unused(file: string, properties: ReadonlyMap<string, string>, known: readonly string[]): string[] {
  return [...properties.keys()].filter((key) => !known.includes(key)).map((key) => `${key} of ${file} is not used`);
}

function offsetReset(text: string | undefined): string {
  return { largest: 'latest', smallest: 'earliest' }[text ?? ''] ?? text ?? 'latest';
}

function optional(file: string): ReadonlyMap<string, string> {
  return existsSync(file) ? propertiesOf(file) : new Map();
}

function propertiesOf(file: string): ReadonlyMap<string, string> {
  const parsed = parseProperties(readFile(file));
  if (!parsed.ok) throw new TributaryError('CONFIG_INVALID', `${file}:${parsed.line}: ${parsed.problem}`);
  return new Map(parsed.properties.map(({ key, value }) => [key, value]));
}
