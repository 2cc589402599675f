/**
 * A compacted topic as a map: the only database there is. It is read to its end once, then followed, so that what another
 * worker writes appears here, too. Keys and values are text (JSON, as Kafka Connect writes it); null deletes.
 */
import { abortable } from '../base/abort.ts';
import { isError, TributaryError } from '../base/errors.ts';
import { SharedQuestion } from '../base/shared-question.ts';
import type { Broker, Producer, RetryEvent, TopicDescription } from '../broker/broker.ts';
import { partitionForKey } from '../record/partitioner.ts';
import type { ConsumedRecord } from '../record/record.ts';
import { noHeaders } from '../record/record.ts';
import type { Log } from '../telemetry/log.ts';
import { WriteRoom } from './write-room.ts';

export interface TableOptions {
  readonly broker: Broker;
  readonly topic: string;
  /** Of a topic that has to be made. */
  readonly partitions: number;
  readonly replicationFactor?: number;
  readonly log: Log;
  /** Characters of keys and values whose writes may be under way; a write beyond is refused. Default `defaultMaxWaiting`. */
  readonly maxWaiting?: number;
  /** Told of every entry that is read, our own included, in the order of its partition. */
  readonly onEntry?: (key: string, value: string | null) => void;
}

export interface Sent {
  /** Resolves when the table shows what was sent, or has passed it where its transaction was aborted. */
  shown(): Promise<void>;
}

export type TableEntry = readonly [key: string, value: string | null];

export interface Table extends AsyncDisposable {
  readonly topic: string;
  /** True once the topic can no longer be followed (it was deleted, say): `entries` is getting old. */
  readonly isLost: boolean;
  /** Why nothing can be written at the moment. */
  readonly trouble: string | undefined;
  readonly entries: ReadonlyMap<string, string>;
  /**
   * Writes entries, those of one partition in this order, and resolves when they are stored and `entries` shows them.
   * Throws what the broker says, BROKER_UNAVAILABLE once the topic can no longer be followed, or QUEUE_FULL where too much waits
   * for a broker that is away already. `by` is the caller's producer,
   * of no transactions: for what Kafka shall refuse where a later one of its id has written.
   */
  put(entries: readonly TableEntry[], by?: Producer): Promise<void>;
  /**
   * Writes entries with the caller's producer, in its transaction where it has one: they show once it is committed, and
   * `shown` of what it gives resolves then.
   */
  send(producer: Producer, entries: readonly TableEntry[]): Promise<Sent>;
  /**
   * Resolves when `entries` shows all that the topic held before the call, or all of one key (which costs one request and
   * not one for each partition), transactions that were still open included.
   */
  caughtUp(signal?: AbortSignal, key?: string): Promise<void>;
  /** The same of what readers could see before the call: transactions that are still open are not waited for. */
  caughtUpWithCommitted(signal?: AbortSignal): Promise<void>;
  /** What is not stored yet is given up: whoever waits for it is told. */
  abandon(): void;
  close(): Promise<void>;
}

/** Writes are tried for ever, and who waits for one may give up and come again while the broker is away: for hours, of hundreds of tasks. */
export const defaultMaxWaiting = 16 * 1024 * 1024;

/** Makes the topic where it is missing, reads it to its end and follows it. CONFLICT where it exists without compaction. */
export async function openTable(options: TableOptions): Promise<Table> {
  const { broker, topic, log } = options;
  // Side by side: a process that starts waits for both.
  let trouble: string | undefined;
  const onRetry = ({ reason }: RetryEvent): void => {
    trouble = reason;
  };
  const opening = broker.producer({ deliveryTimeoutMs: Number.POSITIVE_INFINITY, onRetry });
  opening.catch(() => {}); // told where it is waited for
  const partitions = await ensureCompactedTopic(options).catch(async (error: unknown) => {
    await opening.then(
      (unused) => unused.close(),
      () => {}, // what went wrong with the topic is said
    );
    throw error;
  });
  const producer = await opening;
  const entries = new Map<string, string>();
  const stop = new AbortController();

  const take = (records: readonly ConsumedRecord[]): void => {
    for (const { key: keyBytes, value: valueBytes } of records) {
      if (keyBytes === null) continue; // no table writes such a record, and no key could delete it
      const key = text(keyBytes);
      const value = valueBytes === null ? null : text(valueBytes);
      if (value === null) entries.delete(key);
      else entries.set(key, value);
      options.onEntry?.(key, value);
    }
  };
  const followers = await Promise.all(
    Array.from({ length: partitions }, (_, partition) =>
      Follower.start(broker, topic, partition, take, stop.signal, log),
    ),
  );

  const { maxWaiting = defaultMaxWaiting } = options;
  const room = new WriteRoom(`to table "${topic}"`, maxWaiting);
  // Many ask at a time, a request for each partition: tasks that start together, requests of people.
  const reading = new SharedQuestion(() => untilRead(broker, topic, followers, 'read-uncommitted'));
  const readingCommitted = new SharedQuestion(() => untilRead(broker, topic, followers, 'read-committed'));
  const close = async (): Promise<void> => {
    stop.abort();
    await Promise.all(followers.map((follower) => follower.ended));
    await producer.close();
  };
  return {
    topic,
    get isLost() {
      return followers.some(({ hasFailed }) => hasFailed);
    },
    get trouble() {
      return trouble;
    },
    entries,
    put: async (changes, by = producer) => {
      await room.hold(changes, () => write(by, topic, followers, changes));
      trouble = undefined;
    },
    send: async (caller, changes) => {
      const sent = await Promise.all(changes.map((change) => sendEntry(caller, topic, followers.length, change)));
      return { shown: () => passedAll(followers, sent) };
    },
    caughtUp: (signal, key) => {
      const asked = key === undefined ? undefined : followers[partitionForKey(Buffer.from(key), followers.length)]!;
      const read = asked === undefined ? reading.ask() : untilRead(broker, topic, [asked], 'read-uncommitted');
      return abortable(read, signal, 'Reading a table');
    },
    caughtUpWithCommitted: (signal) => abortable(readingCommitted.ask(), signal, 'Reading a table'),
    abandon: () => producer.abandon(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Reads one partition to its end, then on, and lets writers wait until it has come past their record. */
class Follower {
  readonly partition: number;
  readonly ended: Promise<void>;
  #position: number;
  #failure: unknown;
  #waiting: { readonly offset: number; readonly done: () => void; readonly failed: (error: unknown) => void }[] = [];

  static async start(
    broker: Broker,
    topic: string,
    partition: number,
    take: (records: readonly ConsumedRecord[]) => void,
    signal: AbortSignal,
    log: Log,
  ): Promise<Follower> {
    let position = 0;
    const onStart = (offset: number): void => {
      position = offset;
    };
    for await (const fetched of broker.read({ topic, partition, from: 'earliest', until: 'end', onStart, signal })) {
      take(fetched.records);
      position = fetched.nextOffset;
    }
    return new Follower(broker, topic, partition, position, take, signal, log);
  }

  private constructor(
    broker: Broker,
    topic: string,
    partition: number,
    position: number,
    take: (records: readonly ConsumedRecord[]) => void,
    signal: AbortSignal,
    log: Log,
  ) {
    this.partition = partition;
    this.#position = position;
    const follow = async (): Promise<void> => {
      for await (const fetched of broker.read({ topic, partition, from: { offset: position }, signal })) {
        take(fetched.records);
        this.#advance(fetched.nextOffset);
      }
      this.#fail(new TributaryError('BROKER_CLOSED', `The table "${topic}" was closed`));
    };
    this.ended = follow().catch((error: unknown) => {
      if (!signal.aborted) log.error('table_lost', { topic, partition, error });
      this.#fail(error);
    });
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Resolves when the record at `offset` has been read. */
  passed(offset: number): Promise<void> {
    if (this.#position > offset) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((done, failed) => this.#waiting.push({ offset, done, failed }));
  }

  #advance(position: number): void {
    this.#position = position;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ offset }) => offset >= position);
    for (const { offset, done } of waiting) if (offset < position) done();
  }

  #fail(cause: unknown): void {
    this.#failure = new TributaryError('BROKER_UNAVAILABLE', 'Cannot write to a table that is no longer followed', {
      cause,
    });
    for (const { failed } of this.#waiting.splice(0)) failed(this.#failure);
  }
}

async function write(
  producer: Producer,
  topic: string,
  followers: readonly Follower[],
  changes: readonly TableEntry[],
): Promise<void> {
  await Promise.all(
    changes.map(async (change) => {
      const { partition, lastOffset } = await sendEntry(producer, topic, followers.length, change);
      await followers[partition]!.passed(lastOffset);
    }),
  );
}

interface Place {
  readonly partition: number;
  readonly lastOffset: number;
}

async function passedAll(followers: readonly Follower[], places: readonly Place[]): Promise<void> {
  await Promise.all(places.map(({ partition, lastOffset }) => followers[partition]!.passed(lastOffset)));
}

async function sendEntry(
  producer: Producer,
  topic: string,
  partitions: number,
  [key, value]: TableEntry,
): Promise<Place> {
  const keyBytes = Buffer.from(key);
  const partition = partitionForKey(keyBytes, partitions);
  const valueBytes = value === null ? null : Buffer.from(value);
  const record = { key: keyBytes, value: valueBytes, headers: noHeaders, timestampMs: null };
  const { lastOffset } = await producer.send(topic, partition, [record]);
  return { partition, lastOffset };
}

async function untilRead(
  broker: Broker,
  topic: string,
  followers: readonly Follower[],
  isolation: 'read-committed' | 'read-uncommitted',
): Promise<void> {
  await Promise.all(
    followers.map(async (follower) => {
      // Uncommitted: the very end, open transactions included. A reader of what is committed waits before them, and so do we.
      const end = await broker.offset(topic, follower.partition, 'latest', { isolation });
      await follower.passed(end - 1);
    }),
  );
}

async function ensureCompactedTopic({ broker, topic, partitions, replicationFactor }: TableOptions): Promise<number> {
  const known = await broker.listTopics();
  let description: TopicDescription | undefined;
  if (!known.includes(topic)) {
    const config = { 'cleanup.policy': 'compact' };
    description = await broker
      .createTopic({ name: topic, partitions, replicationFactor, config })
      .catch((error: unknown) => {
        if (isError(error, 'TOPIC_EXISTS')) return undefined; // another worker was faster
        throw error;
      });
  }
  description ??= await broker.describeTopic(topic);
  const policy = description.config['cleanup.policy'] ?? 'delete';
  if (policy !== 'compact') {
    throw new TributaryError(
      'CONFLICT',
      `Cannot keep a table in topic "${topic}": its cleanup.policy is "${policy}", it must be "compact"`,
    );
  }
  return description.partitions.length;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
