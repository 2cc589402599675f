/**
 * Takes what lies in the log of one task to Kafka, in order, for as long as something lies there: also while the connector is
 * paused, stopped or has failed, and while another worker runs the task.
 */
import { abortable, sleep, withTimeout } from '../../base/abort.ts';
import { backoffMs } from '../../base/backoff.ts';
import { describeError, isRetriable } from '../../base/errors.ts';
import { defaultMaxBatchBytes, type Producer, type RetryEvent } from '../../broker/broker.ts';
import { WholeBatch } from '../../record/whole-batch.ts';
import type { Counter, Metrics } from '../../telemetry/metrics.ts';
import { BatchDispatch } from '../batch-dispatch.ts';
import { connectorProducer } from '../client-overrides.ts';
import { DeadLetters } from '../dead-letter-topic.ts';
import { cutLettersHelp, cutLettersName, errorMetrics } from '../error-metrics.ts';
import { errorPolicyOf } from '../error-policy.ts';
import { RecordFailures } from '../record-failures.ts';
import { SourceTopics } from '../source-topics.ts';
import { ensureDeadLetterTopic, ensureTopic, topicGroups } from '../topic-creation.ts';
import { firstTimeMs, forwardSends } from './forward-sends.ts';
import {
  AcknowledgedForwarding,
  type Chunk,
  type Forwarding,
  positionEntry,
  TransactionalForwarding,
} from './forwarding.ts';
import type { CatalogEntry } from './spool-catalog.ts';
import type { SpoolMetrics } from './spool-metrics.ts';
import { spoolSettingsOf } from './spool-options.ts';
import { type SpoolParts, tablesAreRead } from './spool-parts.ts';
import type { LogRead, TaskLog } from './task-log.ts';

export interface ForwarderOptions {
  readonly parts: SpoolParts;
  readonly log: TaskLog;
  readonly metrics: SpoolMetrics;
  /** Of the task: for what else is counted. */
  readonly series: Metrics;
  /** As it is now: topics are added, and the configuration changes with each start of the task. */
  readonly entry: () => CatalogEntry;
  /** Told each time something is read, and where Kafka is waited for. */
  readonly onMoved: () => void;
  /** Told each time something is forwarded. */
  readonly onForwarded: () => void;
}

/**
 * One turn of the reader, and so what is sent together at most. Where it has to come from the disk it waits for the commit that is
 * under way: half of it, and a feed at full speed leaves the forwarder behind for good.
 */
const chunkBytes = 2 * 1024 * 1024;
/**
 * So far behind, receiving leaves it time. Nearer, what it reads is in memory; further, that would take too long to reach,
 * and what comes in is worth more.
 */
const nearBytes = { from: 2 * 1024 * 1024, to: 64 * 1024 * 1024 };
/** Where nothing was acknowledged for so long, Kafka is what forwarding waits for. */
const steadyMs = 500;
const trimBytes = 8 * 1024 * 1024;
const trimMs = 1_000;
const closeMs = 1_000;
/** The same where Kafka does not answer. */
const awayCloseMs = 200;
const settleMs = 700;
const retry = { baseMs: 200, maxMs: 10_000, jitter: 0.25 };
const defaultTransactionTimeoutMs = 60_000;

/** What a run of the forwarder has once Kafka has answered. */
interface Way {
  readonly forwarding: Forwarding;
  readonly topics: SourceTopics;
  readonly maxBatchBytes: number;
}

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #failure: unknown;
  #trouble: string | undefined;
  #sticky = 0;
  /** Tries since something was forwarded. */
  #attempt = 0;
  #forwardedAtMs = Number.NEGATIVE_INFINITY;
  /** What was read last waits for room on the way to Kafka, or all that was read for its end. */
  #waitsForKafka = false;
  /** Of what waits for another try. */
  #givenBackMs = Number.POSITIVE_INFINITY;
  /** Read and not forwarded, in order; the first is the oldest record there is. */
  readonly #open = new Set<Chunk>();
  #untrimmedBytes = 0;
  #trimmedAtMs = Number.NEGATIVE_INFINITY;
  #trimTimer: NodeJS.Timeout | undefined;
  #isRoomWanted = false;
  #onIdle: (() => void)[] = [];

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something was received. */
  wake(): void {
    this.#wake?.();
  }

  /** Why nothing can be forwarded until somebody changes something; the task fails with it. */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  /** Why nothing is forwarded at the moment. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** When the oldest record that waits was received. */
  get oldestMs(): number {
    for (const { oldestMs } of this.#open) if (oldestMs !== Number.POSITIVE_INFINITY) return oldestMs;
    return this.#givenBackMs;
  }

  get isIdle(): boolean {
    return this.#open.size === 0 && this.#options.log.isForwarded;
  }

  /** A little behind what is received, by its reading and not by Kafka: it would come up if it had the time. */
  get isNearlyUp(): boolean {
    if (this.#waitsForKafka) return false;
    const { log, parts } = this.#options;
    const { unreadBytes } = log;
    if (unreadBytes < nearBytes.from || unreadBytes > nearBytes.to) return false;
    return parts.clock.monotonicMs() - this.#forwardedAtMs < steadyMs;
  }

  /** Space is wanted: what is forwarded is taken away at once. */
  async makeRoom(): Promise<void> {
    this.#isRoomWanted = true;
    await this.#trim();
  }

  /** Resolves when everything that was received is forwarded, or the signal aborts. */
  async forwarded(signal: AbortSignal): Promise<boolean> {
    while (!this.isIdle && !signal.aborted) {
      const idle = new Promise<void>((resolve) => this.#onIdle.push(resolve));
      await abortable(idle, signal, 'Waiting for the spool').catch(() => {});
    }
    return this.isIdle;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake?.();
    clearTimeout(this.#trimTimer);
    await this.#running;
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    const { log, metrics, parts } = this.#options;
    while (!this.#stopped) {
      this.#attempt++;
      try {
        await log.start();
        await this.#forward();
      } catch (error) {
        if (this.#stopped) return;
        await this.#giveBack();
        metrics.failures.value++;
        const reason = describeError(error);
        this.#trouble = `nothing is forwarded: ${reason}`;
        if (!isRetriable(error)) this.#failure = error;
        parts.log.warn('spool_forward_failed', { log: log.name, attempt: this.#attempt, reason });
        await sleep(backoffMs(this.#attempt, retry, parts.random), this.#stop.signal);
      }
    }
  }

  /** What was on its way is read again. */
  #giveBack(): Promise<void> {
    return this.#options.log.rewind(() => {
      this.#givenBackMs = this.oldestMs;
      // Its memory is not used again: who knows what a producer that was given up still looks at.
      this.#open.clear();
    });
  }

  async #forward(): Promise<void> {
    let way: Way | undefined;
    const ended = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, ended.signal]);
    try {
      while (!this.#stopped) {
        const read = await this.#options.log.read(chunkBytes);
        if (read === undefined) {
          if (way !== undefined) await this.#unlessStopped(this.#waitedFor(way.forwarding.settle()));
          this.#idle();
          await this.#woken();
          continue;
        }
        this.#options.onMoved();
        const waiting = this.#waitingFor(read);
        this.#open.add(waiting);
        this.#givenBackMs = Number.POSITIVE_INFINITY;
        if (way === undefined) {
          way = await this.#unlessStopped(this.#openWay(signal), (late) => void this.#close(late.forwarding));
          // Kafka may know of more that is forwarded than this machine does.
          await this.#giveBack();
          continue;
        }
        const chunk = await this.#unlessStopped(this.#prepared(read, way));
        this.#open.delete(waiting);
        this.#open.add(chunk);
        await this.#unlessStopped(this.#waitedFor(way.forwarding.submit(chunk)));
      }
    } finally {
      if (way !== undefined) await this.#close(way.forwarding);
      ended.abort();
    }
  }

  /** For room on the way to Kafka, or for all that is on it. */
  async #waitedFor(kafka: Promise<void>): Promise<void> {
    this.#waitsForKafka = true;
    // Where there is room it is over before anything else happens: nobody need be told.
    const told = setImmediate(() => this.#options.onMoved());
    try {
      await kafka;
    } finally {
      clearImmediate(told);
      this.#waitsForKafka = false;
    }
  }

  /** A Kafka that does not answer must not hold up the end; what it has not acknowledged stays in the log. */
  #unlessStopped<T>(work: Promise<T>, onLate?: (result: T) => void): Promise<T> {
    const { signal } = this.#stop;
    if (onLate !== undefined) work.then((result) => signal.aborted && onLate(result)).catch(() => {});
    return abortable(work, signal, 'Forwarding');
  }

  /** After a clean stop nothing comes twice: what is on its way is waited for, for a while, where Kafka answers. */
  async #close(forwarding: Forwarding): Promise<void> {
    const isAway = this.#trouble !== undefined;
    if (this.#stopped && !isAway) {
      await withTimeout(forwarding.settle(), settleMs, 'Forwarding').catch(() => {}); // it stays in the log
    }
    await forwarding.abandon();
    await withTimeout(forwarding.close(), isAway ? awayCloseMs : closeMs, 'Closing the producer').catch(
      (error: unknown) => {
        this.#options.parts.log.warn('producer_not_closed', { reason: describeError(error) });
      },
    );
  }

  /** Stands for what was read while Kafka is asked for its topics: it has an age already. */
  #waitingFor({ slot, nextOffset, runs, release }: LogRead): Chunk {
    const records = runs.reduce((sum, run) => sum + run.length, 0);
    const prepared = { sends: [], letters: [], records, bytes: 0, ...nothingElse };
    return { slot, nextOffset, prepared, oldestMs: firstTimeMs(runs), isLast: false, release };
  }

  async #prepared(read: LogRead, { topics, maxBatchBytes }: Way): Promise<Chunk> {
    const { slot, runs, nextOffset, damaged, release } = read;
    this.#countDamaged(slot, damaged);
    const topic = this.#options.entry().topics[slot]!;
    let forward = { sends: [], records: 0, bytes: 0 } as ReturnType<typeof forwardSends>;
    if (runs.length > 0) {
      await topics.learn([topic]);
      forward = forwardSends(topic, runs, topics.boundsOf(topic), maxBatchBytes, this.#sticky++);
    }
    const prepared = { ...forward, letters: [], ...nothingElse };
    return { slot, nextOffset, prepared, oldestMs: firstTimeMs(runs), isLast: this.#options.log.isRead, release };
  }

  #countDamaged(slot: number, damaged: LogRead['damaged']): void {
    for (const { from, to, reason } of damaged) {
      const untold = this.#options.log.untoldDamage(slot, to - from, to);
      if (untold === 0) continue;
      this.#options.metrics.corrupted.value += untold;
      this.#options.parts.log.error('spool_block_damaged', { log: this.#options.log.name, from, to, reason });
    }
  }

  async #openWay(signal: AbortSignal): Promise<Way> {
    const { parts, entry, log } = this.#options;
    const { tablesRead = tablesAreRead } = parts;
    if (!tablesRead.isDone) {
      this.#trouble = 'nothing is forwarded: Kafka was not there yet';
      await tablesRead.done;
      this.#trouble = undefined;
    }
    const { connector, task, config } = entry();
    const { kafka: broker, clock, random, redact } = parts;
    const logger = parts.log.child({ connector, task });
    const { options: own } = connectorProducer(config);
    const producerOptions = {
      ...parts.producer,
      ...own,
      deliveryTimeoutMs: Number.POSITIVE_INFINITY,
      onRetry: (event: RetryEvent) => this.#retried(event),
      signal,
    };
    const maxBatchBytes = producerOptions.maxBatchBytes ?? defaultMaxBatchBytes;
    const policy = errorPolicyOf(config);
    const { series: metrics } = this.#options;
    const errors = errorMetrics(metrics);
    const failures = new RecordFailures({ policy, metrics: errors, log: logger, clock, random });
    const deadLetters =
      policy.deadLetters === undefined || policy.tolerance === 'none'
        ? undefined
        : await DeadLetters.open({
            ...{ broker, target: policy.deadLetters, connector, task, maxBatchBytes, metrics: errors, redact, signal },
            cutLetters: metrics.counter(cutLettersName, cutLettersHelp),
            ensure: (target) => ensureDeadLetterTopic(broker, target, logger),
          });
    const isTransactional = spoolSettingsOf(config)?.mode === 'exactly-once';
    const dispatch = new BatchDispatch(failures, deadLetters, isTransactional);
    const onForwarded = (chunks: readonly Chunk[]): Promise<void> => this.#forwarded(chunks);
    const transactionTimeoutMs = producerOptions.transactionTimeoutMs ?? defaultTransactionTimeoutMs;
    const transactionalId = `${parts.groupId}-spool-${parts.id}-${log.name}`;
    const open = (): Promise<Producer> =>
      broker.producer({ ...producerOptions, transactionalId, transactionTimeoutMs, signal });
    const forwarding = isTransactional
      ? await TransactionalForwarding.start({
          ...{ connector, transactionalId, open, dispatch, log, transactionTimeoutMs },
          ...{ logger, clock, random, signal, onForwarded, offsets: parts.offsets, positionsOf: parts.positionsOf },
          metrics: transactionCounters(metrics),
        })
      : new AcknowledgedForwarding({ producer: await broker.producer(producerOptions), dispatch, onForwarded });
    for (let slot = 0; slot < log.slots; slot++) {
      // Also where the mode is another one now: it was written by transactions before.
      const { partition } = positionEntry(log, slot, 0);
      const position = parts.offsets.get(parts.positionsOf, partition)?.['position'];
      if (typeof position === 'number') await log.forwardedTo(slot, position);
    }
    const groups = topicGroups(config);
    const topics = new SourceTopics({
      ...{ broker, maxBatchBytes, signal, producer: () => forwarding.producer },
      ensure: (topic) => ensureTopic(broker, topic, parts.topicCreation, groups, logger),
    });
    return { forwarding, topics, maxBatchBytes };
  }

  async #forwarded(chunks: readonly Chunk[]): Promise<void> {
    const { log, metrics, parts, onForwarded } = this.#options;
    const positions = new Map(chunks.map(({ slot, nextOffset }) => [slot, nextOffset] as const));
    await log.storeForwarded([...positions]);
    for (const chunk of chunks) {
      const { sends, records, bytes } = chunk.prepared;
      metrics.forwarded.value += records;
      metrics.forwardedBytes.value += bytes;
      for (const send of sends) if (send.records instanceof WholeBatch) metrics.forwardedWhole.value++;
      this.#untrimmedBytes += bytes;
      this.#open.delete(chunk);
      chunk.release();
    }
    this.#trouble = undefined;
    this.#attempt = 0;
    this.#forwardedAtMs = parts.clock.monotonicMs();
    const isDue = this.#isRoomWanted || this.#forwardedAtMs - this.#trimmedAtMs >= trimMs;
    if (isDue || this.#untrimmedBytes >= trimBytes) await this.#trim();
    onForwarded();
    this.#idle();
  }

  async #trim(): Promise<void> {
    clearTimeout(this.#trimTimer);
    this.#trimTimer = undefined;
    this.#isRoomWanted = false;
    this.#untrimmedBytes = 0;
    this.#trimmedAtMs = this.#options.parts.clock.monotonicMs();
    await this.#options.log.trim();
  }

  /** What is forwarded last is taken away a little later, for all of it at once. */
  #idle(): void {
    if (!this.isIdle) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
    if (this.#untrimmedBytes === 0 || this.#trimTimer !== undefined || this.#stopped) return;
    this.#trimTimer = setTimeout(() => {
      this.#trim().catch((error: unknown) => {
        this.#options.parts.log.warn('spool_not_trimmed', { reason: describeError(error) });
      });
    }, trimMs);
    this.#trimTimer.unref();
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#stopped || !this.#options.log.isRead) resolve();
    });
  }

  #retried({ what, reason }: RetryEvent): void {
    this.#trouble = `Kafka does not answer (${what}): ${reason}`;
  }
}

const nothingElse = { filtered: 0, failure: undefined, left: 0, inputs: new Map() } as const;

function transactionCounters(metrics: SpoolParts['metrics']) {
  const counter = (name: string, help: string): Counter => metrics.counter(name, help);
  return {
    committed: counter('tributary_spool_transactions_total', 'Transactions of forwarded records that were committed'),
    aborted: counter(
      'tributary_spool_transactions_aborted_total',
      'Transactions of forwarded records that were aborted',
    ),
    abortedRecords: counter(
      'tributary_spool_records_aborted_total',
      'Records of transactions that were ended by a stop; they are sent again',
    ),
  };
}
