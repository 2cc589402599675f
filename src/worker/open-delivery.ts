/** Opens the way of a source task's batches to the broker: what prepares them, and what delivers them and their offsets. */
import { defaultMaxBatchBytes, type Producer, type ProducerOptions, type RetryEvent } from '../broker/broker.ts';
import type { SourceMap } from '../connectors/contract.ts';
import { AtLeastOnce } from './at-least-once.ts';
import { BatchDispatch } from './batch-dispatch.ts';
import { BatchPreparation } from './batch-preparation.ts';
import { DeadLetters } from './dead-letter-topic.ts';
import type { Delivered, Delivery } from './delivery.ts';
import type { DeadLetterTopic } from './error-policy.ts';
import { ExactlyOnce } from './exactly-once.ts';
import { OffsetCommits } from './offset-commits.ts';
import type { RecordFailures } from './record-failures.ts';
import type { SourceMetrics } from './source-metrics.ts';
import type { SourceTaskOptions } from './source-task.ts';
import { SourceTopics } from './source-topics.ts';
import { openSpooledWay } from './spool/receipt.ts';
import { openTaskProducer } from './task-fence.ts';

/** What a run has once its producer is there. */
export interface Way {
  readonly preparation: BatchPreparation;
  readonly delivery: Delivery;
  /** Where the source goes on; absent: at the stored offset. */
  readonly resume?: (partition: SourceMap) => SourceMap | undefined;
  /** True where the run before this one is known to have ended with everything written, though its status could not say so. */
  readonly isBehindCleanEnd?: boolean;
  /** Told how the run has ended: true with everything written. */
  readonly ended?: (clean: boolean) => Promise<void>;
}

export interface WayParts {
  readonly metrics: SourceMetrics;
  readonly failures: RecordFailures;
  /** Ends what is waited for before the first batch. */
  readonly stop: AbortSignal;
  /** Ends what is waited for at all: what was received before a stop still goes out. */
  readonly cancel: AbortSignal;
  readonly onDelivered: (item: Delivered) => void;
  readonly onRetry: (event: RetryEvent) => void;
  /** What stands in the way of records that are received already; undefined once nothing does. */
  readonly onTrouble: (trouble: string | undefined) => void;
}

const defaultTransactionTimeoutMs = 60_000;

export async function openWay(options: SourceTaskOptions, parts: WayParts): Promise<Way> {
  if (options.spool !== undefined) return openSpooledWay(options, parts, options.spool);
  const { transforms: chain, converters, converterNames, clock, broker, ensureTopic } = options;
  const { cancel: signal, failures } = parts;
  const maxBatchBytes = options.producer.maxBatchBytes ?? defaultMaxBatchBytes;
  const { errors } = options;
  const deadLetters =
    errors.deadLetters === undefined || errors.tolerance === 'none'
      ? undefined
      : await openDeadLetters(options, parts, errors.deadLetters, maxBatchBytes);
  const delivery = await openDelivery(options, parts, deadLetters);
  const producer = (): Producer => delivery.producer;
  const topics = new SourceTopics({ broker, producer, maxBatchBytes, ensure: ensureTopic, signal });
  const preparation = new BatchPreparation({
    chain,
    converters,
    converterNames,
    failures,
    deadLetters,
    learn: (names) => topics.learn(names),
    boundsOf: (topic) => topics.boundsOf(topic),
    maxBatchBytes,
    clock,
    signal,
  });
  return { preparation, delivery };
}

function openDeadLetters(
  { broker, name, task, ensureDeadLetters, redact }: SourceTaskOptions,
  { metrics, stop }: WayParts,
  target: DeadLetterTopic,
  maxBatchBytes: number,
): Promise<DeadLetters> {
  return DeadLetters.open({
    broker,
    target,
    connector: name,
    task,
    maxBatchBytes,
    metrics: metrics.errors,
    cutLetters: metrics.cutLetters,
    ensure: ensureDeadLetters,
    redact,
    signal: stop,
  });
}

async function openDelivery(
  options: SourceTaskOptions,
  { metrics, failures, stop, cancel, onDelivered, onRetry, onTrouble }: WayParts,
  deadLetters: DeadLetters | undefined,
): Promise<Delivery> {
  const { broker, exactlyOnce, offsets, name: connector, log, clock, random, offsetFlushTimeoutMs } = options;
  const { mayCommit = () => true } = options;
  const dispatch = new BatchDispatch(failures, deadLetters, exactlyOnce !== undefined);
  const producerOptions: ProducerOptions = {
    deliveryTimeoutMs: Number.POSITIVE_INFINITY,
    ...options.producer,
    onRetry,
  };
  if (exactlyOnce === undefined) {
    const fenceParts = { broker, fencingId: options.fencingId, metrics: options.metrics, log };
    const { producer, isFenced } = await openTaskProducer(fenceParts, { ...producerOptions, signal: stop });
    if (isFenced) onTrouble(undefined); // of a coordinator that was waited for
    const { offsetCommits, offsetCommitFailures } = metrics;
    const counters = { commits: offsetCommits, failures: offsetCommitFailures };
    const timeoutMs = offsetFlushTimeoutMs;
    // A position that nothing is read from again (of a WebSocket, which counts) can wait in one request with those of all tasks.
    const writesOffsets = isFenced && options.connector.rereads?.(options.config) !== false;
    const by = writesOffsets ? producer : undefined;
    const commits = new OffsetCommits({ connector, offsets, ...counters, log, timeoutMs, mayCommit, by });
    const flushIntervalMs = options.offsetFlushIntervalMs;
    return new AtLeastOnce({ producer, dispatch, commits, writesOffsets, flushIntervalMs, onDelivered });
  }
  const { transactionalId, boundary } = exactlyOnce;
  const transactionTimeoutMs = producerOptions.transactionTimeoutMs ?? defaultTransactionTimeoutMs;
  let signal = stop;
  const open = (): Promise<Producer> =>
    broker.producer({ ...producerOptions, transactionalId, transactionTimeoutMs, signal });
  const delivery = await ExactlyOnce.start({
    connector,
    transactionalId,
    open,
    dispatch,
    offsets,
    boundary,
    transactionTimeoutMs,
    mayCommit,
    metrics: metrics.transactions,
    log,
    clock,
    random,
    startSignal: stop,
    signal: cancel,
    onDelivered,
  });
  signal = cancel; // what was received before a stop still goes out
  return delivery;
}
