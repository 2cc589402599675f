/**
 * The way of a task's batches into its spool: a batch is received once it is synced there. Where the source says that it can go
 * on from its positions, and with exactly-once of each that may, they are written in one transaction with the records, so that
 * a restart goes on exactly behind what is spooled. A source that gives nothing again (WebSocket) needs none: what was received
 * is in the log once, and the forwarder's position sees to the rest.
 */
import type { Producer, RetryEvent } from '../../broker/broker.ts';
import { AtLeastOnce } from '../at-least-once.ts';
import { BatchDispatch } from '../batch-dispatch.ts';
import { BatchPreparation } from '../batch-preparation.ts';
import { DeadLetters } from '../dead-letter-topic.ts';
import type { Delivered, Delivery } from '../delivery.ts';
import { ExactlyOnce } from '../exactly-once.ts';
import { OffsetCommits } from '../offset-commits.ts';
import type { Way, WayParts } from '../open-delivery.ts';
import type { SourceTaskOptions } from '../source-task.ts';
import type { SpoolSettings } from './spool-options.ts';
import { SpoolProducer } from './spool-producer.ts';
import type { SpooledTask } from './spooled-task.ts';

/** How a task reaches its spool. */
export interface SpoolWay {
  readonly settings: SpoolSettings;
  readonly open: () => Promise<SpooledTask>;
  /** This worker was the last to run the task: what its spool says of the end counts. */
  readonly ranLastHere?: boolean;
}

/** The spool takes any batch up to the producer's bound; what Kafka's topic takes is seen when it is forwarded. */
const defaultBatchBytes = 1_048_576;
const transactionTimeoutMs = 60_000;
/** For what was received to reach Kafka at a stop, where Kafka answers. */
const forwardAtStopMs = 700;
const syncTimeoutMs = 1_000;
/** For a task that is to fail by what it has received when that gets too old, also if nothing more comes. */
const ageCheckMs = 500;
/** For a task of a quiet feed to hear that another worker has started it since. */
const ownerCheckMs = 2_000;

export async function openSpooledWay(options: SourceTaskOptions, parts: WayParts, way: SpoolWay): Promise<Way> {
  const { transforms: chain, converters, converterNames, clock, errors, name, task, redact } = options;
  const { cancel: signal, failures, metrics } = parts;
  const spooled = await way.open();
  if (options.connector.rereads?.(options.config) !== false) await spooled.positionKnown(parts.stop, parts.onTrouble);
  const maxBatchBytes = options.producer.maxBatchBytes ?? defaultBatchBytes;
  // Kafka may be away: that a topic is there, and what it takes, is found out by the forwarder.
  const bounds = { partitions: 0, maxBytes: maxBatchBytes };
  const broker = {
    describeTopic: async (topic: string) => ({ name: topic, id: '', partitions: [], config: {} }),
  };
  const deadLetters =
    errors.deadLetters === undefined || errors.tolerance === 'none'
      ? undefined
      : await DeadLetters.open({
          ...{ broker, target: errors.deadLetters, connector: name, task, maxBatchBytes, metrics: metrics.errors },
          ...{ cutLetters: metrics.cutLetters, redact, signal: parts.stop },
          ensure: ({ topic }) => spooled.learn([topic]),
        });
  const preparation = new BatchPreparation({
    ...{ chain, converters, converterNames, failures, deadLetters, maxBatchBytes, clock, signal },
    learn: (topics) =>
      topics.every((topic) => spooled.slotOf(topic) !== undefined) ? undefined : spooled.learn(topics),
    boundsOf: () => bounds,
  });
  const delivery = await Receipt.open(options, parts, way.settings, spooled, deadLetters);
  return {
    preparation,
    delivery,
    resume: (partition) => spooled.offsets.resume(partition),
    isBehindCleanEnd: way.ranLastHere === true && spooled.isBehindCleanEnd,
    ended: (clean) => spooled.ended(clean),
  };
}

/** What is synced here is ours whoever runs the task: receiving goes on. Its position in Kafka's table is fenced (SpoolOffsets.relay). */
const mayCommit = (): boolean => true;

class Receipt implements Delivery {
  readonly #options: SourceTaskOptions;
  readonly #parts: WayParts;
  readonly #settings: SpoolSettings;
  readonly #spooled: SpooledTask;
  readonly #deadLetters: DeadLetters | undefined;
  readonly #open: (transactionalId?: string) => Promise<Producer>;
  #inner: Delivery;
  #isTransactional = false;
  readonly #showing: NodeJS.Timeout;
  #shown: string | undefined;
  /** Why nothing can be synced at the moment. */
  #diskTrouble: string | undefined;

  static async open(
    options: SourceTaskOptions,
    parts: WayParts,
    settings: SpoolSettings,
    spooled: SpooledTask,
    deadLetters: DeadLetters | undefined,
  ): Promise<Receipt> {
    let receipt: Receipt | undefined;
    const onRetry = (event: RetryEvent): void => receipt?.retried(event);
    const open = (transactionalId?: string) => openProducer(options, settings, spooled, onRetry, transactionalId);
    receipt = new Receipt(options, parts, settings, spooled, deadLetters, open, await open());
    return receipt;
  }

  private constructor(
    options: SourceTaskOptions,
    parts: WayParts,
    settings: SpoolSettings,
    spooled: SpooledTask,
    deadLetters: DeadLetters | undefined,
    open: (transactionalId?: string) => Promise<Producer>,
    producer: Producer,
  ) {
    this.#open = open;
    this.#options = options;
    this.#parts = parts;
    this.#settings = settings;
    this.#spooled = spooled;
    this.#deadLetters = deadLetters;
    this.#inner = this.#acknowledged(producer);
    spooled.watch(() => this.unstored());
    this.#showing = setInterval(() => this.#show(), Math.min(options.offsetFlushIntervalMs, 1_000)).unref();
  }

  get producer(): Producer {
    return this.#inner.producer;
  }

  async submit(item: Delivered): Promise<void> {
    const { prepared, batch } = item;
    const { connector, config } = this.#options;
    const mayPace = connector.dropsWhenFull?.(config) !== true;
    await this.#spooled.room(this.#settings, prepared.bytes, mayPace, this.#parts.cancel, () => this.#show());
    if (batch.offset !== undefined && !this.#isTransactional && this.#wantsTransactions) await this.#toTransactions();
    await this.#inner.submit(item);
  }

  /** A transaction costs a second sync, and the next batch waits for both. */
  get #wantsTransactions(): boolean {
    const { connector, config } = this.#options;
    if (connector.rereads?.(config) === false) return false;
    return this.#settings.mode === 'exactly-once' || connector.exactlyOnceSupport?.(config) === true;
  }

  dueInMs(): number | undefined {
    const checkMs = this.#failsByAge ? ageCheckMs : ownerCheckMs;
    return Math.min(this.#inner.dueInMs() ?? checkMs, checkMs);
  }

  async onDue(): Promise<void> {
    this.#spooled.checkOwner();
    if (this.#failsByAge) this.#spooled.checkAge(this.#settings);
    await this.#inner.onDue();
  }

  get #failsByAge(): boolean {
    const { whenFull, maxAgeMs } = this.#settings;
    return whenFull === 'fail' && maxAgeMs !== Number.POSITIVE_INFINITY;
  }

  drain(): Promise<void> {
    return this.#inner.drain();
  }

  unstored(): number {
    return this.#inner.unstored();
  }

  abandon(): void {
    this.#inner.abandon();
  }

  async closeProducer(): Promise<void> {
    clearInterval(this.#showing);
    await this.#inner.closeProducer();
  }

  /** Where Kafka answers, whoever goes on with this task finds all of it there, and the position behind it. */
  async storeOffsets(): Promise<void> {
    await this.#inner.storeOffsets();
    this.#spooled.watch(() => 0);
    if (this.#spooled.trouble !== undefined) return;
    await this.#spooled.forwarded(AbortSignal.timeout(forwardAtStopMs));
    await this.#spooled.storeOffsets();
  }

  #delivered(item: Delivered): void {
    const { partition, offset } = item.batch;
    this.#diskTrouble = undefined;
    this.#spooled.received(partition, offset);
    this.#parts.onDelivered(item);
  }

  /** The disk is full, or fails: what waits is tried again, and where the oldest shall make room for it, it does. */
  retried(event: RetryEvent): void {
    this.#diskTrouble = event.reason;
    this.#parts.onRetry(event);
    if (event.code === 'BROKER_FULL' && this.#settings.whenFull === 'drop-oldest') void this.#spooled.makeSpace();
  }

  /** What stands in the way of forwarding is the task's to say. */
  #show(): void {
    const { trouble = this.#diskTrouble } = this.#spooled;
    if (trouble === this.#shown) return;
    this.#shown = trouble;
    this.#parts.onTrouble(trouble === undefined ? undefined : `${trouble}; what is received waits in the spool`);
  }

  #acknowledged(producer: Producer): Delivery {
    const { name: connector, log, offsetFlushTimeoutMs: timeoutMs, offsetFlushIntervalMs } = this.#options;
    const { offsetCommits: commits, offsetCommitFailures } = this.#parts.metrics;
    const { offsets } = this.#spooled;
    const counters = { commits, failures: offsetCommitFailures };
    return new AtLeastOnce({
      producer,
      dispatch: new BatchDispatch(this.#parts.failures, this.#deadLetters, false),
      commits: new OffsetCommits({ connector, offsets, ...counters, log, timeoutMs, mayCommit }),
      flushIntervalMs: offsetFlushIntervalMs,
      onDelivered: (item) => this.#delivered(item),
    });
  }

  async #toTransactions(): Promise<void> {
    const { name: connector, log, clock, random } = this.#options;
    const { stop, cancel, metrics, failures } = this.#parts;
    await this.#inner.drain();
    await this.#inner.closeProducer();
    const transactionalId = this.#spooled.log.name;
    this.#inner = await ExactlyOnce.start({
      ...{ connector, transactionalId, transactionTimeoutMs, log, clock, random },
      open: () => this.#open(transactionalId),
      dispatch: new BatchDispatch(failures, this.#deadLetters, true),
      offsets: this.#spooled.offsets,
      boundary: { kind: 'poll' },
      mayCommit,
      metrics: metrics.transactions,
      startSignal: stop.aborted ? cancel : stop,
      signal: cancel,
      onDelivered: (item) => this.#delivered(item),
    });
    this.#isTransactional = true;
  }
}

async function openProducer(
  { producer }: SourceTaskOptions,
  { whenFull }: SpoolSettings,
  spooled: SpooledTask,
  onRetry: (event: RetryEvent) => void,
  transactionalId?: string,
): Promise<Producer> {
  const { maxBatchBytes } = producer;
  const inner = await spooled.log.broker.producer({
    ...(maxBatchBytes === undefined ? {} : { maxBatchBytes }),
    ...(transactionalId === undefined ? {} : { transactionalId }),
    // A full disk is waited for, unless a full spool shall fail the task.
    deliveryTimeoutMs: whenFull === 'fail' ? syncTimeoutMs : Number.POSITIVE_INFINITY,
    onRetry,
  });
  return new SpoolProducer(inner, spooled.log.name, (topic) => spooled.slotOf(topic));
}
