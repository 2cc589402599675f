/**
 * Settings of Kafka's Java producer that a worker (`producer.*`) or a connector (`producer.override.*`) may hold. Those that
 * mean something here act; the others are known by name, so that each is told of once and none is taken for a misspelling.
 */
import { TributaryError } from '../base/errors.ts';
import { suggest } from '../base/nearest.ts';
import type { CompressionName, ProducerOptions } from '../broker/broker.ts';
import { type AnyOption, define, validate } from '../config/config-def.ts';
import { boolean, double, int, long, oneOf, range, string } from '../config/option.ts';
import { type RawConfig, withoutPrefix } from '../config/raw.ts';

const at = (min: number) => ({ default: null, doc: '', validate: range(min, undefined, true) });
const text = { default: null, doc: '' };
const oneOrNone = (words: readonly string[]) => (value: string | null) =>
  value === null ? undefined : oneOf(words)(value, '');

/** These act. `acks` does where it asks for what is always done. */
const acting = {
  acks: string({ ...text, validate: oneOrNone(['all', '-1', '0', '1']) }),
  'compression.type': string({ ...text, validate: oneOrNone(['none', 'gzip', 'snappy', 'lz4', 'zstd']) }),
  'max.request.size': int(at(0)),
  'delivery.timeout.ms': int(at(0)),
  'transaction.timeout.ms': int({ default: null, doc: '' }),
  'enable.idempotence': boolean(text),
} as const satisfies Record<string, AnyOption>;

/** These are checked and change nothing: batches grow by back-pressure, connections and retries are the broker client's. */
const idle: Readonly<Record<string, AnyOption>> = {
  'linger.ms': long(at(0)),
  'batch.size': int(at(0)),
  'buffer.memory': long(at(0)),
  'client.id': string(text),
  'client.dns.lookup': string({
    ...text,
    validate: oneOrNone(['use_all_dns_ips', 'resolve_canonical_bootstrap_servers_only']),
  }),
  'client.rack': string(text),
  'compression.gzip.level': int(text),
  'compression.lz4.level': int(text),
  'compression.zstd.level': int(text),
  'connections.max.idle.ms': long(text),
  'enable.metrics.push': boolean(text),
  'interceptor.classes': string(text),
  'key.serializer': string(text),
  'max.block.ms': long(at(0)),
  'max.in.flight.requests.per.connection': int(at(1)),
  'metadata.max.age.ms': long(at(0)),
  'metadata.max.idle.ms': long(at(5000)),
  'metadata.recovery.rebootstrap.trigger.ms': long(at(0)),
  'metadata.recovery.strategy': string(text),
  'metric.reporters': string(text),
  'metrics.num.samples': int(at(1)),
  'metrics.recording.level': string(text),
  'metrics.sample.window.ms': long(at(0)),
  'partitioner.adaptive.partitioning.enable': boolean(text),
  'partitioner.availability.timeout.ms': long(at(0)),
  'partitioner.class': string(text),
  'partitioner.ignore.keys': boolean(text),
  'receive.buffer.bytes': int(at(-1)),
  'reconnect.backoff.max.ms': long(at(0)),
  'reconnect.backoff.ms': long(at(0)),
  'request.timeout.ms': int(at(0)),
  retries: int(at(0)),
  'retry.backoff.max.ms': long(at(0)),
  'retry.backoff.ms': long(at(0)),
  'sasl.login.refresh.window.factor': double(text),
  'security.providers': string(text),
  'send.buffer.bytes': int(at(-1)),
  'socket.connection.setup.timeout.max.ms': long(text),
  'socket.connection.setup.timeout.ms': long(text),
  'transaction.two.phase.commit.enable': boolean(text),
  'transactional.id': string(text),
  'value.serializer': string(text),
};

const known: Readonly<Record<string, AnyOption>> = { ...acting, ...idle };
/** Of the connection to Kafka, which all connectors of a worker share. */
const security = /^(security|sasl|ssl)\./;

export interface ProducerOverrides {
  readonly options: ProducerOptions;
  /** Keys that change nothing, each with the reason, for one warning. */
  readonly warnings: readonly { readonly key: string; readonly reason: string }[];
}

/**
 * What a producer's settings mean here. CONFIG_INVALID in Kafka's words where one cannot be parsed or is out of its range,
 * and for `bootstrap.servers`: records would go to another cluster than they are meant for.
 */
export function producerOverrides(settings: RawConfig): ProducerOverrides {
  const given = Object.keys(settings);
  const definition = define(Object.fromEntries(Object.entries(known).filter(([key]) => given.includes(key))));
  const values = validate(definition, settings);
  const problem = values.flatMap(({ errors }) => errors)[0];
  if (problem !== undefined) throw new TributaryError('CONFIG_INVALID', problem);
  if (given.includes('bootstrap.servers')) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `Invalid value ${settings['bootstrap.servers']} for configuration bootstrap.servers: connectors write to the worker's own Kafka`,
    );
  }
  const value = (key: keyof typeof acting): unknown => values.find(({ name }) => name === key)?.value ?? undefined;
  return {
    options: {
      ...present('compression', value('compression.type') as CompressionName | undefined),
      ...present('maxBatchBytes', value('max.request.size') as number | undefined),
      ...present('deliveryTimeoutMs', value('delivery.timeout.ms') as number | undefined),
      ...present('transactionTimeoutMs', value('transaction.timeout.ms') as number | undefined),
    },
    warnings: given.flatMap((key) => {
      const reason = reasonWithout(key, value('acks'), value('enable.idempotence'));
      return reason === undefined ? [] : [{ key, reason }];
    }),
  };
}

/** Of a connector: those under `producer.override.` on top of the worker's. */
export function connectorProducer(config: RawConfig): ProducerOverrides {
  return producerOverrides(withoutPrefix(config, 'producer.override.'));
}

/** Other clients that a connector may set something for: here they are the worker's own. */
export function idleClientKeys(config: RawConfig): readonly string[] {
  return Object.keys(config).filter((key) => /^(admin|consumer)\.override\./.test(key));
}

function reasonWithout(key: string, acks: unknown, idempotence: unknown): string | undefined {
  if (key === 'acks')
    return acks === 'all' || acks === '-1' ? undefined : 'acks is always all: nothing is lost silently';
  if (key === 'enable.idempotence')
    return idempotence === false ? 'the producer is always idempotent: nothing is doubled by it' : undefined;
  if (key in acting) return undefined;
  if (security.test(key)) return "the connection to Kafka is the worker's";
  if (key in idle) return 'it has no meaning here';
  return `nothing reads it.${suggest(key, Object.keys(known))}`;
}

function present<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, T>>);
}
