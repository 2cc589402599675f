/** Every key of our own configuration file but the connectors'. Nested maps of YAML are joined by dots. */
import { type Config, define } from '../../config/config-def.ts';
import { boolean, int, oneOf, password, string } from '../../config/option.ts';

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
    validate: listenAddress,
    importance: 'high',
    doc: 'HOST:PORT of the REST interface, /metrics and /tap',
  }),
  'worker.group.id': string({
    default: 'tributary',
    doc: 'Workers with the same group share the connectors of a Kafka',
  }),
  'worker.offset.flush.interval.ms': int({ default: 1000, min: 10, doc: 'How often source offsets are committed' }),
  'worker.task.shutdown.graceful.timeout.ms': int({
    default: 4000,
    min: 0,
    doc: 'How long a task may take to write what it has received when it is stopped',
  }),
  'rest.anonymous': boolean({
    default: false,
    doc: 'Allows a REST interface without authentication on an address that is not loopback',
  }),
  'rest.mask.secrets': boolean({ default: true, doc: 'Passwords are hidden in what REST answers' }),

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
    default: 30_000,
    min: 1000,
    doc: 'How long one send is tried before it fails',
  }),
  'producer.compression': string({
    default: 'none',
    validate: oneOf(['none', 'gzip', 'snappy', 'lz4', 'zstd']),
    doc: 'Compression of record batches',
  }),
  'producer.maxBatchBytes': int({ default: 1_000_000, min: 1024, doc: 'Bound of one record batch' }),

  'log.level': string({
    default: 'info',
    validate: oneOf(['debug', 'info', 'warn', 'error']),
    doc: 'Least level that is logged',
  }),
});

export type AppOptions = Config<typeof appOptions>;

/** Keys that the design has and this version has not: a better answer than "unknown". */
export const laterKeys: readonly string[] = ['gateway', 'sql', 'plugins', 'registry'];

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:8083`, `[::1]:8083`, `:8083` (every address). The form was checked. */
export function parseListen(text: string): ListenAddress {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at).replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(text.slice(at + 1)) };
}

function listenAddress(text: string | null): string | undefined {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:/\s]*):(\d{1,5})$/.exec(text ?? '');
  return match !== null && Number(match[2]) <= 65_535 ? undefined : 'must be HOST:PORT';
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
