/** Topics as sources: a reader for each partition, from where the last checkpoint stands, also for those added meanwhile. */
import { setMaxListeners } from 'node:events';
import { sleep } from '../../base/abort.ts';
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import type { Broker, OffsetSpec } from '../../broker/broker.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Counter } from '../../telemetry/metrics.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import type { Positions } from './positions.ts';
import type { Frames } from './sources.ts';
import { waiting } from './waiting.ts';

/** What is read, under which name, and where it begins without a checkpoint. */
export interface TopicInput {
  readonly name: string;
  readonly topic: string;
  readonly start: OffsetSpec;
}

export interface TopicSourceParts {
  readonly broker: Broker;
  readonly stream: TopicInput;
  /** Of an application in parts: only this partition is read, and there must be so many. Undefined: however many there are. */
  readonly only?: { readonly partition: number; readonly of: number | undefined };
  readonly positions: Positions;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Records that were gone before they could be read. */
  readonly missed: Counter;
  /** How often partitions are looked for that were added. */
  readonly lookMs: number;
}

/** How often partitions are looked for, where nobody says otherwise. */
export const defaultLookMs = 30_000;

export interface TopicReaders {
  readonly readers: readonly AsyncIterable<Frames>[];
  /** Readers of partitions that are added from here on; it ends when the signal aborts. */
  readonly added: AsyncIterable<AsyncIterable<Frames>>;
}

/** One reader for each partition of the stream's topic. CONFLICT where the topic is not the one of the checkpoint. */
export async function topicReaders(parts: TopicSourceParts): Promise<TopicReaders> {
  const { broker, stream, positions, signal, only } = parts;
  const { topic } = stream;
  const { partitions, id } = await waiting(signal, () => broker.describeTopic(topic, { signal }));
  if (partitions.length === 0)
    throw new TributaryError('UNKNOWN_TOPIC', `Stream "${stream.name}": topic "${topic}" has no partitions`);
  setMaxListeners(partitions.length + 20, signal);
  if (only?.of !== undefined && partitions.length !== only.of) throw grown(stream, partitions.length, only.of);
  const own = only === undefined ? partitions : partitions.filter(({ partition }) => partition === only.partition);
  // A partition that was added since the checkpoint is read whole.
  const isKnown = positions.has(stream.name);
  const readers = own.map(({ partition }) => {
    const stored = positions.get(stream.name, partitionOf(topic, partition));
    if (stored !== undefined && stored['topic_id'] !== id) {
      throw new TributaryError(
        'CONFLICT',
        `Stream "${stream.name}": topic "${topic}" was made again since the last checkpoint, and positions in it mean nothing any more. Forget the checkpoint to start anew`,
      );
    }
    const offset = stored?.['kafka_offset'];
    const from = typeof offset === 'number' ? { offset } : isKnown ? 'earliest' : stream.start;
    return readerOf(parts, { topic, id, partition, from });
  });
  return { readers, added: addedReaders(parts, topic, id, partitions.length) };
}

/** All that is in a partition that was added has come since: it is read from its beginning, wherever the stream began. */
async function* addedReaders(
  parts: TopicSourceParts,
  topic: string,
  id: string,
  initial: number,
): AsyncGenerator<AsyncIterable<Frames>> {
  const { broker, stream, signal, log, lookMs, only } = parts;
  if (only !== undefined && only.of === undefined) return;
  for (let known = initial; ; ) {
    await sleep(lookMs, signal);
    if (signal.aborted) return;
    let count: number;
    try {
      const now = await broker.describeTopic(topic, { signal });
      // A topic that was made again is the readers' to find, who end by it.
      if (now.id !== id || now.partitions.length <= known) continue;
      count = now.partitions.length;
    } catch (error) {
      if (signal.aborted) return;
      log.warn('sql_partitions_unknown', { stream: stream.name, topic, reason: describeError(error) });
      continue;
    }
    if (only?.of !== undefined) throw grown(stream, count, only.of);
    setMaxListeners(count + 20, signal);
    log.info('sql_partitions_added', { stream: stream.name, topic, from: known, to: count });
    for (; known < count; known++) yield readerOf(parts, { topic, id, partition: known, from: 'earliest' });
  }
}

export function topicInputOf({ name, options }: StreamPlan): TopicInput {
  const written = options.values.get('kafka.from') ?? 'latest';
  const start = written === 'latest' || written === 'earliest' ? written : { timestampMs: Number(written) };
  return { name, topic: options.values.get('kafka.topic')!, start };
}

/** Nobody would read a partition that was added, and keys have moved between the others. */
function grown({ name, topic }: TopicInput, now: number, before: number): TributaryError {
  return new TributaryError(
    'CONFLICT',
    `Stream "${name}": topic "${topic}" has ${now} partitions, and the application was cut when it had ${before}. Forget the checkpoint to cut it anew`,
  );
}

function partitionOf(topic: string, partition: number) {
  return { kafka_topic: topic, kafka_partition: partition };
}

interface Start {
  readonly topic: string;
  readonly id: string;
  readonly partition: number;
  readonly from: OffsetSpec | { readonly offset: number };
}

async function* readerOf(parts: TopicSourceParts, { topic, id, partition, from }: Start): AsyncGenerator<Frames> {
  const { broker, stream, positions, signal } = parts;
  const name = partitionOf(topic, partition);
  let next = typeof from === 'object' && 'offset' in from ? from.offset : undefined;
  // Where it starts is remembered before the first record: "latest" shall not be another place after a restart.
  const onStart = (offset: number): void => {
    next = offset;
    positions.set(stream.name, name, { kafka_offset: offset, topic_id: id });
  };
  // How far behind a restored position is shall be seen before the first records have come.
  if (next !== undefined) yield { messages: [], partition: name, lag: await lagOf(parts, topic, partition, next) };
  for (;;) {
    try {
      const at = next === undefined ? from : { offset: next };
      const read = broker.read({ topic, partition, from: at, signal, onStart });
      for await (const { columns, nextOffset, endOffset, release } of read) {
        next = nextOffset;
        const lag = Math.max(0, endOffset - nextOffset);
        const offset = { kafka_offset: nextOffset, topic_id: id };
        yield { messages: [], columns, partition: name, offset, lag, release };
      }
      return;
    } catch (error) {
      if (!isError(error, 'OFFSET_OUT_OF_RANGE') || next === undefined) throw error;
      next = await firstKept(parts, topic, partition, next);
    }
  }
}

async function lagOf(
  { broker, signal }: TopicSourceParts,
  topic: string,
  partition: number,
  from: number,
): Promise<number> {
  const end = (): Promise<number> => broker.offset(topic, partition, 'latest', { isolation: 'read-committed', signal });
  try {
    return Math.max(0, (await waiting(signal, end)) - from);
  } catch (error) {
    if (signal.aborted) return 0; // the reader ends, too
    throw error;
  }
}

/** Retention was faster than the reader: what is gone is counted, and reading goes on behind it. */
async function firstKept(
  { broker, stream, signal, log, missed }: TopicSourceParts,
  topic: string,
  partition: number,
  wanted: number,
): Promise<number> {
  const first = await broker.offset(topic, partition, 'earliest', { signal });
  if (first <= wanted) {
    throw new TributaryError(
      'OFFSET_OUT_OF_RANGE',
      `Stream "${stream.name}": cannot go on at offset ${wanted} of topic "${topic}", partition ${partition}: it ends before that`,
    );
  }
  missed.value += first - wanted;
  log.warn('sql_records_missed', { stream: stream.name, topic, partition, from: wanted, to: first });
  return first;
}
