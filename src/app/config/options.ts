/** Every key of our own configuration file but the connectors'. Nested maps of YAML are joined by dots. */
import { defaultMaxBatchBytes } from '../../broker/broker.ts';
import { type Config, define } from '../../config/config-def.ts';
import { boolean, int, list, long, oneOf, password, range, string } from '../../config/option.ts';
import { hostEntriesProblem } from '../../net/address.ts';
import type { StartWithoutKafka } from './app-config.ts';

export const defaultSpoolFolder = './spool';
export const startsWithoutKafka: readonly StartWithoutKafka[] = ['auto', 'true', 'false'];

export const appOptions = define({
  broker: string({
    default: 'embedded:./data',
    validate: (address) =>
      address !== null && /^(embedded:.+|kafka:\/\/.+)$/.test(address)
        ? undefined
        : 'must be embedded:DIR or kafka://HOST:PORT',
    importance: 'high',
    doc: 'Where records are kept: embedded:DIR is a broker inside the process, kafka://HOST:PORT[,HOST:PORT] a Kafka',
  }),
  'broker.autoCreate': boolean({
    default: true,
    doc: 'Topics that connectors write to are created where they are missing',
  }),

  'worker.listen': string({
    default: '127.0.0.1:8083',
    importance: 'high',
    doc: 'HOST:PORT of the REST interface, /metrics and /tap; https://HOST:PORT with the certificate of rest.tls.*, and a list for several',
  }),
  'worker.group.id': string({
    default: null,
    doc: 'Workers with the same group share the connectors of a Kafka. Without it the worker is alone, starts without waiting for a group, and its topics are named tributary-…',
  }),
  'worker.session.timeout.ms': int({
    default: 10_000,
    min: 1000,
    doc: 'A worker that Kafka has not heard for so long is taken for dead: others of its group do its work. By its own clock it stops then',
  }),
  'worker.offset.flush.interval.ms': int({ default: 1000, min: 10, doc: 'How often source offsets are committed' }),
  'worker.offset.flush.timeout.ms': int({
    default: 5000,
    min: 10,
    doc: 'How long one write of source offsets may take before it counts as failed and is made again',
  }),
  'worker.exactly.once.source.support': string({
    default: 'disabled',
    validate: oneOf(['disabled', 'preparing', 'enabled'], { ignoreCase: true }),
    doc: 'enabled: sources write their records and offsets in transactions, so that restarts double nothing',
  }),
  'worker.broker.wait.ms': long({
    default: null,
    validate: range(0, undefined, true),
    doc: 'How long a start waits for a Kafka that cannot be reached, with a line in the log at each try and 503 from the REST interface. Without it for ever where there is a spool, and not at all elsewhere',
  }),
  'worker.task.shutdown.graceful.timeout.ms': int({
    default: 4000,
    min: 0,
    doc: 'How long a task may take to write what it has received when it is stopped',
  }),
  'health.source.max.age.ms': long({
    default: null,
    validate: range(1000, undefined, true),
    doc: 'Age of the last record of a running source from which on /health fails; without it, silence is no fault',
  }),
  'spool.dir': string({
    default: defaultSpoolFolder,
    doc: 'Folder of the spool, where records of connectors with spool.mode are synced before they go to Kafka (docs/spool.md). One process at a time can have it',
  }),
  'spool.start.without.kafka': string({
    default: 'auto',
    validate: oneOf(startsWithoutKafka),
    doc: 'Whether a worker that starts while its Kafka cannot be reached receives into its spool, by what it knows. auto: where it was the only worker when it last heard from Kafka, or has no group.id, and worker.broker.wait.ms is not set. true: always, though another worker may receive the same. false: it waits',
  }),
  'rest.anonymous': boolean({
    default: false,
    doc: 'Allows a REST interface without authentication on an address that is not loopback',
  }),
  'rest.mask.secrets': boolean({ default: true, doc: 'Passwords are hidden in what REST answers' }),
  'rest.public.paths': string({ default: '/health', doc: 'Paths that need no login where there are users, by commas' }),
  'rest.allowed.hosts': string({
    default: null,
    doc: 'Host names, besides localhost, that a loopback listener answers to: those of a proxy in front of it',
  }),
  'rest.tls.cert': string({
    default: null,
    doc: 'Certificate of https:// listeners, with its chain (PEM, or its file)',
  }),
  'rest.tls.key': string({ default: null, doc: 'Key of that certificate (PEM, or its file)' }),
  'rest.tls.pfx': string({ default: null, doc: 'PKCS #12 file with certificate and key, in place of the two' }),
  'rest.tls.passphrase': password({ default: null, doc: 'Passphrase of the key or the PKCS #12 file' }),
  'rest.tls.ca': string({
    default: null,
    doc: 'Authorities whose client certificates are taken, and by which those of other workers of the group are checked (PEM, or its file)',
  }),
  'rest.tls.client.auth': string({
    default: 'none',
    validate: oneOf(['none', 'requested', 'required']),
    doc: 'Whether clients shall, or must, show a certificate',
  }),
  'rest.advertised.host.name': string({
    default: null,
    doc: 'Host that statuses name this worker by, and other workers of its group reach it at',
  }),
  'rest.advertised.port': string({
    default: null,
    doc: 'Port that statuses name this worker by, and other workers of its group reach it at',
  }),
  'rest.advertised.listener': string({ default: null, doc: 'http or https: the listener that statuses name' }),
  'admin.listeners': string({
    default: null,
    doc: 'Listeners of /admin alone, as in worker.listen; empty: there is no /admin; by default it is at every listener',
  }),
  'access.control.allow.origin': string({
    default: null,
    doc: 'Origins of web pages that may use the REST interface, by commas; * is every one',
  }),
  'access.control.allow.methods': string({ default: null, doc: 'What those pages may ask (default GET,POST,HEAD)' }),
  'response.http.headers.config': string({
    default: null,
    doc: 'Headers of every answer: "set X-Frame-Options: DENY", by commas',
  }),

  plugins: list({
    default: [],
    doc: 'ES modules with connectors, transforms, predicates and converters of your own, with paths from this file',
  }),

  sql: list({
    default: [],
    doc: 'Scripts of streaming SQL, with paths from this file: each runs as a connector of class sql that is named after its file. An entry may be a map: "file", and what else the connector takes ("tasks.max: 4")',
  }),

  'outbound.policy': string({
    default: 'auto',
    validate: oneOf(['auto', 'public']),
    doc: 'Where connectors that came over REST may connect to. public: to public addresses alone. auto: the same where a listener is not on loopback, everywhere otherwise. Connectors of this file may connect everywhere',
  }),
  'outbound.allow': list({
    default: [],
    validate: hostEntriesProblem,
    doc: 'What is allowed besides: addresses, networks (10.0.0.0/8), host names and *.DOMAIN, by commas',
  }),

  'kafka.sasl.mechanism': string({
    default: null,
    validate: (value) =>
      value === null ? undefined : oneOf(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'])(value, ''),
    doc: 'How to prove who we are to Kafka',
  }),
  'kafka.sasl.username': string({ default: null, doc: 'User name for SASL' }),
  'kafka.sasl.password': password({ default: null, doc: 'Password for SASL; of oauthbearer the token' }),
  'kafka.tls': boolean({
    default: false,
    doc: 'TLS with the authorities of the system; any kafka.tls.* key switches it on, too',
  }),
  'kafka.tls.ca': string({ default: null, doc: 'File with the certificates of the authorities to trust (PEM)' }),
  'kafka.tls.cert': string({ default: null, doc: 'File with our certificate (PEM)' }),
  'kafka.tls.key': string({ default: null, doc: 'File with the key of our certificate (PEM)' }),
  'kafka.tls.passphrase': password({ default: null, doc: 'Passphrase of that key' }),
  'kafka.tls.servername': string({
    default: null,
    doc: "Name in the broker's certificate, where it is not the host's",
  }),
  'kafka.tls.insecure': boolean({ default: false, doc: "Takes any certificate of the broker's. Only for tests" }),

  'producer.acks': string({
    default: 'all',
    validate: oneOf(['all', '-1']),
    doc: 'Always all: the only mode that loses, doubles and reorders nothing',
  }),
  'producer.deliveryTimeoutMs': int({
    default: null,
    min: 1000,
    doc: 'How long one send is tried before it fails the task. Without it: for ever',
  }),
  'producer.compression': string({
    default: 'none',
    validate: oneOf(['none', 'gzip', 'snappy', 'lz4', 'zstd']),
    doc: 'Compression of record batches',
  }),
  'producer.maxBatchBytes': int({ default: defaultMaxBatchBytes, min: 1024, doc: 'Bound of one record batch' }),

  'log.level': string({
    default: 'info',
    validate: oneOf(['debug', 'info', 'warn', 'error']),
    doc: 'Least level that is logged',
  }),
});

export type AppOptions = Config<typeof appOptions>;

/** Keys that the design has and this version has not: a better answer than "unknown". */
export const laterKeys: readonly string[] = ['registry'];

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}
