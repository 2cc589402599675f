/**
 * One task of a source connector, from the connector's batches to acknowledged records and stored offsets. The loop pulls:
 * it takes the next batch when there is room on the way to the broker, and only then.
 */
import { sleep, withTimeout } from '../base/abort.ts';
import type { Clock, Random } from '../base/clock.ts';
import { describeError, isError } from '../base/errors.ts';
import type { Broker, Producer, ProducerOptions, RetryEvent } from '../broker/broker.ts';
import type { RawConfig } from '../config/raw.ts';
import type { SourceBatch, SourceConnector, SourceContext } from '../connectors/contract.ts';
import type { OutboundPolicy } from '../net/outbound-policy.ts';
import { LimitedWarning } from '../telemetry/limited-log.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Chain } from '../transform/chain.ts';
import { BatchDispatch } from './batch-dispatch.ts';
import { BatchPreparation, type ConverterNames, type PreparedBatch } from './batch-preparation.ts';
import { DeadLetters } from './dead-letter-topic.ts';
import type { DeadLetterTopic, ErrorPolicy } from './error-policy.ts';
import { OffsetCommits } from './offset-commits.ts';
import type { OffsetTable } from './offset-table.ts';
import { Pipeline } from './pipeline.ts';
import { RecordFailures } from './record-failures.ts';
import type { Converters } from './record-sends.ts';
import type { RunningTask } from './running-task.ts';
import { type SourceMetrics, sourceMetrics } from './source-metrics.ts';
import { SourceTopics } from './source-topics.ts';

export interface SourceTaskOptions {
  readonly connector: SourceConnector;
  readonly name: string;
  readonly task: number;
  readonly config: RawConfig;
  readonly broker: Broker;
  readonly producer: ProducerOptions;
  readonly transforms: Chain | undefined;
  readonly converters: Converters;
  readonly converterNames: ConverterNames;
  readonly offsets: OffsetTable;
  /** Makes a topic that is missing; throws UNKNOWN_TOPIC where it may not. */
  readonly ensureTopic: (topic: string) => Promise<void>;
  /** Makes the dead-letter topic where it is missing. */
  readonly ensureDeadLetters: (target: DeadLetterTopic) => Promise<void>;
  /** Told of each topic once, when its first record is stored. */
  readonly onTopic?: (topic: string) => void;
  readonly errors: ErrorPolicy;
  readonly offsetFlushIntervalMs: number;
  readonly gracefulStopMs: number;
  /** The run before this one ended without a clean stop. */
  readonly previousEndUnclean: boolean;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly outbound: OutboundPolicy;
  readonly setStatus: (detail: string | undefined) => void;
}

const defaultMaxBatchBytes = 1_000_000;
/** For each step after the last batch: closing the source, the producer, storing offsets. */
const wrapUpMs = 1_000;
/** The same where the time for a stop is over already. */
const lateWrapUpMs = 200;

export function startSourceTask(options: SourceTaskOptions): RunningTask {
  const stop = new AbortController();
  return { ended: new Run(options, stop.signal).run(), stop: () => stop.abort() };
}

interface InFlight {
  readonly batch: SourceBatch;
  readonly prepared: PreparedBatch;
}

/** What a run has once its producer is there. */
interface Way {
  readonly preparation: BatchPreparation;
  readonly dispatch: BatchDispatch;
}

class Run {
  readonly #options: SourceTaskOptions;
  readonly #stop: AbortSignal;
  readonly #metrics: SourceMetrics;
  readonly #pipeline: Pipeline<InFlight>;
  readonly #commits: OffsetCommits;
  readonly #failures: RecordFailures;
  readonly #retryWarning: LimitedWarning;
  readonly #maxBatchBytes: number;
  /** Topics that were told of. */
  readonly #topics = new Set<string>();
  /** Aborted when the time for a graceful stop is over. */
  readonly #cancel = new AbortController();
  #trouble: string | undefined;
  #connectorDetail: string | undefined;
  /** Records from one that failed the task on. */
  #left = 0;

  constructor(options: SourceTaskOptions, stop: AbortSignal) {
    this.#options = options;
    this.#stop = stop;
    this.#maxBatchBytes = options.producer.maxBatchBytes ?? defaultMaxBatchBytes;
    this.#metrics = sourceMetrics(options.metrics);
    this.#commits = new OffsetCommits({
      connector: options.name,
      offsets: options.offsets,
      commits: this.#metrics.offsetCommits,
      failures: this.#metrics.offsetCommitFailures,
      log: options.log,
    });
    this.#failures = new RecordFailures({
      policy: options.errors,
      metrics: this.#metrics.errors,
      log: options.log,
      clock: options.clock,
      random: options.random,
    });
    this.#retryWarning = new LimitedWarning(options.log, 'broker_retry', options.clock);
    this.#pipeline = new Pipeline<InFlight>((item) => this.#acknowledged(item));
  }

  async run(): Promise<boolean> {
    const { broker, connector, config, log } = this.#options;
    if (this.#options.previousEndUnclean) this.#warnUncleanEnd();
    let producer: Producer;
    try {
      producer = await broker.producer({
        deliveryTimeoutMs: Number.POSITIVE_INFINITY,
        ...this.#options.producer,
        signal: this.#stop,
        onRetry: (event) => this.#retried(event),
      });
    } catch (error) {
      if (this.#stop.aborted && isError(error, 'ABORTED')) return true; // nothing was received yet
      throw error;
    }
    const flushing = new AbortController();
    const flushed = this.#commits.storeRegularly(this.#options.offsetFlushIntervalMs, flushing.signal);
    let clean = false;
    try {
      const way = await this.#prepareWay(producer).catch((error: unknown) => {
        if (this.#stop.aborted && isError(error, 'ABORTED')) return undefined;
        throw error;
      });
      if (way === undefined) {
        clean = true;
        return clean;
      }
      const batches = connector.open(config, this.#context())[Symbol.asyncIterator]();
      clean = await this.#untilStopped(batches, way);
      return clean;
    } finally {
      flushing.abort();
      // Bounded, because neither the broker nor the table ever gives up; what is acknowledged meanwhile still counts.
      const ms = this.#cancel.signal.aborted ? lateWrapUpMs : wrapUpMs;
      await this.#wrapUp('producer_not_closed', ms, () => producer.close());
      await this.#wrapUp('offset_commit_failed', ms, () => flushed.then(() => this.#commits.store()));
      this.#countLeft();
      this.#cancel.abort();
      log.info('task_stopped', { clean });
    }
  }

  async #wrapUp(event: string, ms: number, work: () => Promise<unknown>): Promise<void> {
    await withTimeout(work(), ms, 'The end of the task').catch((error: unknown) => {
      this.#options.log.warn(event, { reason: describeError(error) });
    });
  }

  /** What is neither stored nor going to be: the end of the task is the last that can tell of it. */
  #countLeft(): void {
    const left = this.#pipeline.unstored.reduce((sum, { prepared }) => sum + prepared.records, this.#left);
    if (left === 0) return;
    this.#metrics.leftAtStop.value += left;
    this.#options.log.warn('records_left', { left, detail: 'received, and not acknowledged when the task ended' });
  }

  #context(): SourceContext {
    const { name, task, clock, random, log, metrics, offsets, outbound } = this.#options;
    return {
      connector: name,
      task,
      clock,
      random,
      log,
      metrics,
      outbound,
      setStatus: (detail) => {
        this.#connectorDetail = detail;
        this.#setTrouble(this.#trouble);
      },
      signal: this.#stop,
      resumeOffset: (partition) => offsets.get(name, partition),
    };
  }

  async #prepareWay(producer: Producer): Promise<Way> {
    const { broker, transforms, converters, converterNames, ensureTopic, clock, name, task, errors } = this.#options;
    const { signal } = this.#cancel; // not the stop's: what was received before it still goes out
    const maxBatchBytes = this.#maxBatchBytes;
    const topics = new SourceTopics({ broker, producer, maxBatchBytes, ensure: ensureTopic, signal });
    const deadLetters =
      errors.deadLetters === undefined || errors.tolerance === 'none'
        ? undefined
        : await DeadLetters.open({
            broker,
            target: errors.deadLetters,
            connector: name,
            task,
            maxBatchBytes,
            metrics: this.#metrics.errors,
            cutLetters: this.#metrics.cutLetters,
            ensure: this.#options.ensureDeadLetters,
            signal: this.#stop,
          });
    const preparation = new BatchPreparation({
      chain: transforms,
      converters,
      converterNames,
      failures: this.#failures,
      deadLetters,
      learn: (names) => topics.learn(names),
      boundsOf: (topic) => topics.boundsOf(topic),
      maxBatchBytes,
      clock,
      signal,
    });
    return { preparation, dispatch: new BatchDispatch(producer, this.#failures, deadLetters) };
  }

  /** The loop, and the bound on its end. True if all that was received is written. */
  async #untilStopped(batches: AsyncIterator<SourceBatch>, way: Way): Promise<boolean> {
    const over = new AbortController();
    const loop = this.#pump(batches, way).then(() => true);
    const late = this.#afterGrace(over.signal).then(() => false);
    const clean = await Promise.race([loop, late]).finally(() => over.abort());
    if (clean) return true;
    this.#options.log.warn('stop_incomplete', { after_ms: this.#options.gracefulStopMs });
    this.#cancel.abort();
    // Both are given up: a connector that does not end would not answer to its iterator either.
    loop.catch(() => {});
    leave(batches).catch(() => {});
    return false;
  }

  async #pump(batches: AsyncIterator<SourceBatch>, way: Way): Promise<void> {
    try {
      for (;;) {
        const next = await batches.next();
        if (next.done === true) break;
        if (this.#cancel.signal.aborted) return; // what comes too late is the connector's to count
        await this.#submit(next.value, way);
      }
    } catch (error) {
      await withTimeout(leave(batches), wrapUpMs, 'Closing the source').catch((late: unknown) => {
        this.#options.log.warn('source_not_closed', { reason: describeError(late) });
      });
      throw error;
    }
    await this.#pipeline.drain();
  }

  async #submit(batch: SourceBatch, { preparation, dispatch }: Way): Promise<void> {
    this.#metrics.polled.value += batch.column?.values.length ?? batch.records.length;
    this.#metrics.batches.value++;
    const prepared = await preparation.prepare(batch);
    this.#metrics.filtered.value += prepared.filtered;
    this.#left += prepared.left;
    if (prepared.sends.length > 0 || prepared.letters.length > 0)
      await this.#pipeline.submit({ batch, prepared }, dispatch.send(prepared));
    if (prepared.failure === undefined) return;
    await this.#pipeline.drain(); // what came before the record that failed the task counts
    throw prepared.failure.error;
  }

  #acknowledged({ batch, prepared }: InFlight): void {
    const { records, bytes, sends, letters, failure } = prepared;
    this.#metrics.written.value += records;
    this.#metrics.bytes.value += bytes;
    if (this.#trouble !== undefined) this.#setTrouble(undefined);
    this.#metrics.receiveToAck.observe((this.#options.clock.monotonicMs() - batch.receivedAtMs) / 1000, records);
    if (records > 0) for (const { topic } of sends) if (!this.#topics.has(topic)) this.#report(topic);
    // A record that was skipped or filtered does not move the offset by itself (as Kafka Connect has it); a dead letter does.
    if (failure === undefined && (records > 0 || letters.length > 0)) this.#commits.acknowledged(batch);
    batch.release?.();
  }

  #report(topic: string): void {
    this.#topics.add(topic);
    this.#options.onTopic?.(topic);
  }

  /** Resolves when the time for a graceful stop has passed, or when the loop is `over`. */
  async #afterGrace(over: AbortSignal): Promise<void> {
    await new Promise<unknown>((resolve) => {
      if (this.#stop.aborted) resolve(undefined);
      this.#stop.addEventListener('abort', resolve, { once: true, signal: over });
      over.addEventListener('abort', resolve, { once: true });
    });
    await sleep(this.#options.gracefulStopMs, over);
  }

  #retried({ what, reason }: RetryEvent): void {
    this.#metrics.retries.value++;
    this.#retryWarning.warn({ what, reason });
    this.#setTrouble(`the broker does not answer (${what}): ${reason}`);
  }

  /** The trouble with the broker stands in the status until the next acknowledgement, before what the connector says. */
  #setTrouble(trouble: string | undefined): void {
    this.#trouble = trouble;
    this.#options.setStatus(trouble ?? this.#connectorDetail);
  }

  #warnUncleanEnd(): void {
    this.#metrics.uncleanStarts.value++;
    this.#options.log.warn('unclean_previous_end', {
      detail: 'the run before ended without a clean stop: what it had received and not yet written is lost',
    });
  }
}

async function leave(batches: AsyncIterator<SourceBatch>): Promise<void> {
  await batches.return?.();
}
