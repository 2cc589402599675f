import { abortable } from '../../base/abort.ts';
import { type Clock, type Random, systemClock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import type { Codecs } from '../../record/codecs.ts';
import type { TopicPartition } from '../../record/record.ts';
import type {
  Broker,
  CallOptions,
  CommittedOffset,
  FetchedRecords,
  GroupMember,
  GroupOptions,
  Isolation,
  NewTopic,
  OffsetSpec,
  Producer,
  ProducerOptions,
  ReadOptions,
  TopicDescription,
} from '../broker.ts';
import { Admin } from './admin.ts';
import type { GroupIdentity } from './api/groups.ts';
import { closedError, KafkaClient } from './client.ts';
import { type Address, Connections } from './connections.ts';
import { KafkaGroupMember } from './group.ts';
import { GroupAdmin } from './group-admin.ts';
import { deleteBefore, findOffset } from './offsets.ts';
import { KafkaProducer } from './producer.ts';
import { readPartition } from './reader.ts';
import { type SaslSettings, Security, type TlsSettings } from './security.ts';
import { loadToolkit } from './toolkit.ts';

export interface KafkaBrokerOptions {
  /** `host:port` of some nodes; the others are found through them. IPv6 addresses stand in brackets. */
  readonly bootstrap: readonly string[];
  readonly codecs: Codecs;
  /** Name in the broker's logs and quotas, default `tributary`. */
  readonly clientId?: string;
  readonly sasl?: SaslSettings;
  readonly tls?: TlsSettings;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Of one attempt to one node, authentication included. Default 5000. */
  readonly connectTimeoutMs?: number;
  /** How long a request may take, and how long a call is tried again. Default 30 000. */
  readonly requestTimeoutMs?: number;
}

const defaults = { clientId: 'tributary', connectTimeoutMs: 5000, requestTimeoutMs: 30_000 };

/**
 * Opens a Kafka cluster as a Broker: it is there, takes our credentials and knows the requests we need. BROKER_UNAVAILABLE,
 * AUTHENTICATION_FAILED, BROKER_REJECTED (too old), INVALID_CONFIG (a bootstrap server or SASL mechanism that is none).
 */
export async function openKafkaBroker(options: KafkaBrokerOptions): Promise<Broker> {
  const bootstrap = options.bootstrap.map(parseAddress);
  if (bootstrap.length === 0)
    throw new TributaryError('INVALID_CONFIG', 'Cannot open Kafka: no bootstrap server is given');
  const security = new Security(options.sasl, options.tls);
  const requestTimeoutMs = options.requestTimeoutMs ?? defaults.requestTimeoutMs;
  const connections = new Connections(await loadToolkit(), {
    clientId: options.clientId ?? defaults.clientId,
    security,
    connectTimeoutMs: options.connectTimeoutMs ?? defaults.connectTimeoutMs,
    requestTimeoutMs,
  });
  const client = new KafkaClient(connections.toolkit, connections, {
    bootstrap,
    codecs: options.codecs,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    requestTimeoutMs,
  });
  try {
    await client.connect();
  } catch (error) {
    client.close();
    throw error;
  }
  return new KafkaBroker(client, `kafka://${options.bootstrap.join(',')}`);
}

class KafkaBroker implements Broker {
  readonly kind = 'kafka';
  readonly address: string;
  readonly #client: KafkaClient;
  readonly #admin: Admin;
  readonly #groups: GroupAdmin;
  /** What has to be closed before the connections are. */
  readonly #producers = new Set<KafkaProducer>();
  readonly #members = new Set<KafkaGroupMember>();
  readonly #reading = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(client: KafkaClient, address: string) {
    this.#client = client;
    this.address = address;
    this.#admin = new Admin(client);
    this.#groups = new GroupAdmin(client);
  }

  clusterId(options?: CallOptions): Promise<string> {
    return this.#whileOpen('read the cluster id', async () => {
      const { clusterId } = await this.#client.run('read the cluster id', options, () =>
        this.#client.metadata.refresh([]),
      );
      return clusterId;
    });
  }

  createTopic(topic: NewTopic, options?: CallOptions): Promise<TopicDescription> {
    return this.#whileOpen('create a topic', () => this.#admin.create(topic, options));
  }

  listTopics(options?: CallOptions): Promise<readonly string[]> {
    return this.#whileOpen('list the topics', () => this.#admin.list(options));
  }

  describeTopic(topic: string, options?: CallOptions): Promise<TopicDescription> {
    return this.#whileOpen('describe a topic', () => this.#admin.describe(topic, options));
  }

  alterTopicConfig(
    topic: string,
    config: Readonly<Record<string, string | null>>,
    options?: CallOptions,
  ): Promise<void> {
    return this.#whileOpen('change a topic', () => this.#admin.alterConfig(topic, config, options));
  }

  addPartitions(topic: string, count: number, options?: CallOptions): Promise<void> {
    return this.#whileOpen('add partitions', () => this.#admin.addPartitions(topic, count, options));
  }

  deleteTopic(topic: string, options?: CallOptions): Promise<void> {
    return this.#whileOpen('delete a topic', () => this.#admin.delete(topic, options));
  }

  deleteRecords(topic: string, partition: number, offset: number, options?: CallOptions): Promise<number> {
    return this.#whileOpen('delete records', () => deleteBefore(this.#client, topic, partition, offset, options));
  }

  offset(
    topic: string,
    partition: number,
    at: OffsetSpec,
    options?: CallOptions & { readonly isolation?: Isolation },
  ): Promise<number> {
    return this.#whileOpen('find an offset', () => findOffset(this.#client, topic, partition, at, options));
  }

  producer(options: ProducerOptions = {}): Promise<Producer> {
    return this.#whileOpen('open a producer', async () => {
      const producer = await KafkaProducer.open(this.#client, options, {
        identityOf,
        onClose: (closed) => this.#producers.delete(closed),
      });
      this.#producers.add(producer);
      return producer;
    });
  }

  read(options: ReadOptions): AsyncIterable<FetchedRecords> {
    return readPartition(this.#client, options, this.#reading.signal);
  }

  group(options: GroupOptions): Promise<GroupMember> {
    return this.#whileOpen('join a group', async () => {
      const member = await KafkaGroupMember.join(this.#client, options, (closed) => this.#members.delete(closed));
      this.#members.add(member);
      return member;
    });
  }

  committedOffsets(groupId: string, options?: CallOptions): Promise<readonly CommittedOffset[]> {
    return this.#whileOpen('read committed offsets', () => this.#groups.committedOffsets(groupId, options));
  }

  setCommittedOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number | null })[],
    options?: CallOptions,
  ): Promise<void> {
    return this.#whileOpen('set committed offsets', () => this.#groups.setCommittedOffsets(groupId, offsets, options));
  }

  deleteGroup(groupId: string, options?: CallOptions): Promise<void> {
    return this.#whileOpen('delete a group', () => this.#groups.deleteGroup(groupId, options));
  }

  close(options?: CallOptions): Promise<void> {
    this.#closing ??= this.#close();
    return abortable(this.#closing, options?.signal, 'Closing the broker');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#reading.abort();
    const closable = [...this.#producers, ...this.#members];
    // What one of them could not finish has been told to whoever waits for it.
    await Promise.allSettled(closable.map((one) => one.close()));
    this.#client.close();
  }

  async #whileOpen<T>(what: string, call: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw closedError(what);
    return call();
  }
}

function identityOf(member: GroupMember): GroupIdentity {
  if (member instanceof KafkaGroupMember) return member.identity;
  throw new TributaryError('USAGE', 'Cannot commit for a member of a group of another broker');
}

function parseAddress(text: string): Address {
  const found = /^(?:\[(?<ipv6>[^\]]+)\]|(?<name>[^:]+)):(?<port>\d{1,5})$/.exec(text.trim())?.groups;
  const port = Number(found?.['port']);
  if (found === undefined || port < 1 || port > 65_535)
    throw new TributaryError('INVALID_CONFIG', `Cannot use bootstrap server "${text}": must be host:port`);
  return { host: found['ipv6'] ?? found['name'] ?? '', port };
}
