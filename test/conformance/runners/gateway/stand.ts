/** What cases are played against: a broker of their own, and a gateway for each configuration. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBroker } from '../../../../src/app/broker-factory.ts';
import { systemClock } from '../../../../src/base/clock.ts';
import { isError } from '../../../../src/base/errors.ts';
import type { Broker, Producer } from '../../../../src/broker/broker.ts';
import { readGatewaySettings } from '../../../../src/gateway/read-settings.ts';
import { type Gateway, startGateway } from '../../../../src/gateway/server.ts';
import { partitionForKey } from '../../../../src/record/partitioner.ts';
import type { ConsumedRecord, ProduceRecord } from '../../../../src/record/record.ts';
import { silentLog } from '../../../../src/telemetry/log.ts';
import { MetricRegistry } from '../../../../src/telemetry/metrics.ts';
import { bytesOf } from '../../../support/gateway/binary-frames.ts';
import type { Case, GivenTopic, RecordText } from './case-file.ts';
import { type StoppableBroker, stoppableBroker } from './stoppable-broker.ts';

export interface StoredRecord extends ConsumedRecord {
  readonly partition: number;
}

export interface Stand extends AsyncDisposable {
  /** Topics and gateway of a case. */
  prepare(played: Case): Promise<Ready>;
}

interface Started {
  readonly gateway: Gateway;
  readonly stoppable: StoppableBroker;
}

export interface Ready extends Started {
  readonly topics: Topics;
  /** The gateway is not for other cases any more. */
  spoil(): void;
}

/** `address` undefined: an embedded broker in a folder that is deleted afterwards. */
export async function openStand(address: string | undefined): Promise<Stand> {
  await using opened = new AsyncDisposableStack();
  let folder: string | undefined;
  if (address === undefined) {
    folder = await mkdtemp(join(tmpdir(), 'tributary-gateway-cases-'));
    const made = folder;
    opened.defer(() => rm(made, { recursive: true, force: true }));
  }
  const broker = opened.use(
    await openBroker({
      address: address ?? `embedded:${folder}`,
      kafka: {} as never,
      providers: { env: {}, folder: '.' },
      log: silentLog,
      metrics: new MetricRegistry().root(),
    }),
  );
  const topics = new Topics(broker, opened.use(await broker.producer()));
  const gateways = new Map<string, Promise<Started>>();
  const own: Promise<Started>[] = [];
  opened.defer(async () => {
    for (const started of [...gateways.values(), ...own]) await (await started).gateway.drain();
  });
  const running = opened.move();

  return {
    async prepare({ given, steps }) {
      for (const [name, topic] of Object.entries(given.topics)) await topics.make(name, topic);
      const isAlone = steps.some((step) => 'signal' in step || 'broker' in step);
      const key = JSON.stringify(given.config ?? {});
      let entry = isAlone ? undefined : gateways.get(key);
      if (entry === undefined) {
        entry = startFor(broker, given.config ?? {});
        if (isAlone) own.push(entry);
        else gateways.set(key, entry);
      }
      return { ...(await entry), topics, spoil: () => gateways.delete(key) };
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function startFor(broker: Broker, config: Readonly<Record<string, unknown>>): Promise<Started> {
  const { producer, ...written } = config;
  const stoppable = stoppableBroker(broker);
  const gateway = await startGateway({
    // Quick drains: what a case does not look at need not take its time.
    settings: {
      ...readGatewaySettings({
        listen: '127.0.0.1:0',
        admin: '127.0.0.1:0',
        drain: { spreadMs: 0, timeoutMs: 500 },
        ...written,
      }),
    },
    broker: stoppable.broker,
    producer: (producer ?? {}) as object,
    registry: new MetricRegistry(),
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    hasAdmin: true,
  });
  return { gateway, stoppable };
}

/** Topics beside the gateway: made, filled, read and changed with another client. */
export class Topics {
  readonly broker: Broker;
  readonly #producer: Producer;

  constructor(broker: Broker, producer: Producer) {
    this.broker = broker;
    this.#producer = producer;
  }

  async make(name: string, { partitions, records = [], delete_before: deleted = {} }: GivenTopic): Promise<void> {
    await this.delete(name);
    // Records of a case may be years old: retention must not take them.
    await this.broker.createTopic({ name, partitions, config: { 'retention.ms': '-1' } });
    await this.produce(name, records);
    for (const [partition, offset] of Object.entries(deleted))
      await this.broker.deleteRecords(name, Number(partition), offset);
  }

  async delete(name: string): Promise<void> {
    try {
      await this.broker.deleteTopic(name);
    } catch (error) {
      if (!isError(error, 'UNKNOWN_TOPIC')) throw error;
    }
  }

  async produce(topic: string, records: readonly RecordText[]): Promise<void> {
    for (const record of records) await this.#producer.send(topic, record.partition ?? 0, [toProduce(record)]);
  }

  /** `i` in decimal at the start of each value; with `keys` the key is `k<i mod keys>`. */
  async produceMany(topic: string, count: number, valueLength: number, keys: number | undefined): Promise<void> {
    const partitions = await this.#producer.partitionCount(topic);
    for (let from = 0; from < count; from += 500) {
      const byPartition = new Map<number, ProduceRecord[]>();
      for (let i = from; i < Math.min(count, from + 500); i++) {
        const key = keys === undefined ? null : Buffer.from(`k${i % keys}`);
        const partition = key === null ? 0 : partitionForKey(key, partitions);
        const record = {
          key,
          value: Buffer.from(String(i).padEnd(valueLength, '.')),
          headers: [],
          timestampMs: Date.now(),
        };
        byPartition.set(partition, [...(byPartition.get(partition) ?? []), record]);
      }
      await Promise.all([...byPartition].map(([partition, batch]) => this.#producer.send(topic, partition, batch)));
    }
  }

  async all(topic: string): Promise<StoredRecord[]> {
    const { partitions } = await this.broker.describeTopic(topic);
    const stored: StoredRecord[] = [];
    for (const { partition } of partitions) {
      for await (const { records } of this.broker.read({ topic, partition, from: 'earliest', until: 'end' })) {
        stored.push(...records.map((record) => ({ ...record, partition })));
      }
    }
    return stored;
  }
}

function toProduce({ key, key_base64, value, value_base64, headers = [], timestamp }: RecordText): ProduceRecord {
  return {
    key: bytesOf(key, key_base64),
    value: bytesOf(value, value_base64),
    headers: headers.map((header) => ({ key: header.name, value: bytesOf(header.value, header.value_base64) })),
    timestampMs: timestamp ?? Date.now(),
  };
}
