/**
 * One task of a source connector, from the connector's batches to acknowledged records and stored offsets. The loop pulls:
 * it takes the next batch when there is room on the way to the broker, and only then.
 */
import { sleep, withTimeout } from '../base/abort.ts';
import type { Clock, Random } from '../base/clock.ts';
import { describeError, isError, type TributaryError } from '../base/errors.ts';
import type { Broker, Producer, ProducerOptions, RetryEvent } from '../broker/broker.ts';
import type { RawConfig } from '../config/raw.ts';
import type { SourceBatch, SourceConnector, SourceContext } from '../connectors/contract.ts';
import type { OutboundPolicy } from '../net/outbound-policy.ts';
import { LimitedWarning } from '../telemetry/limited-log.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { batchLimitOf, cut, withoutOversize } from './batch-limit.ts';
import { OffsetCommits } from './offset-commits.ts';
import type { OffsetTable } from './offset-table.ts';
import { Pipeline } from './pipeline.ts';
import { type Converters, recordSends, topicsOf } from './record-sends.ts';
import type { RunningTask } from './running-task.ts';
import { type SourceMetrics, sourceMetrics } from './source-metrics.ts';

export interface SourceTaskOptions {
  readonly connector: SourceConnector;
  readonly name: string;
  readonly task: number;
  readonly config: RawConfig;
  readonly broker: Broker;
  readonly producer: ProducerOptions;
  readonly converters: Converters;
  readonly offsets: OffsetTable;
  /** Makes a topic that is missing; throws UNKNOWN_TOPIC where it may not. */
  readonly ensureTopic: (topic: string) => Promise<void>;
  /** `all`: a record that cannot be converted or stored is counted, logged and skipped. */
  readonly tolerance: 'none' | 'all';
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
  readonly records: number;
  readonly bytes: number;
}

class Run {
  readonly #options: SourceTaskOptions;
  readonly #stop: AbortSignal;
  readonly #metrics: SourceMetrics;
  readonly #pipeline: Pipeline<InFlight>;
  readonly #commits: OffsetCommits;
  readonly #partitionCounts = new Map<string, number>();
  readonly #skippedWarning: LimitedWarning;
  readonly #retryWarning: LimitedWarning;
  /** Of topics whose own bound on a batch is known. */
  readonly #limits = new Map<string, number>();
  readonly #maxBatchBytes: number;
  /** Aborted when the time for a graceful stop is over. */
  readonly #cancel = new AbortController();
  #trouble: string | undefined;
  #connectorDetail: string | undefined;
  #sticky = 0;

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
    this.#skippedWarning = new LimitedWarning(options.log, 'record_skipped', options.clock);
    this.#retryWarning = new LimitedWarning(options.log, 'broker_retry', options.clock);
    this.#pipeline = new Pipeline<InFlight>((item) => this.#acknowledged(item));
  }

  async run(): Promise<boolean> {
    const { broker, connector, config, log } = this.#options;
    if (this.#options.previousEndUnclean) this.#warnUncleanEnd();
    let producer: Producer;
    try {
      producer = await broker.producer({
        ...this.#options.producer,
        deliveryTimeoutMs: Number.POSITIVE_INFINITY,
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
      const batches = connector.open(config, this.#context())[Symbol.asyncIterator]();
      clean = await this.#untilStopped(batches, producer);
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
    const left = this.#pipeline.unstored.reduce((sum, { records }) => sum + records, 0);
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

  /** The loop, and the bound on its end. True if all that was received is written. */
  async #untilStopped(batches: AsyncIterator<SourceBatch>, producer: Producer): Promise<boolean> {
    const over = new AbortController();
    const loop = this.#pump(batches, producer).then(() => true);
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

  async #pump(batches: AsyncIterator<SourceBatch>, producer: Producer): Promise<void> {
    try {
      for (;;) {
        const next = await batches.next();
        if (next.done === true) break;
        if (this.#cancel.signal.aborted) return; // what comes too late is the connector's to count
        await this.#submit(next.value, producer);
      }
    } catch (error) {
      await withTimeout(leave(batches), wrapUpMs, 'Closing the source').catch((late: unknown) => {
        this.#options.log.warn('source_not_closed', { reason: describeError(late) });
      });
      throw error;
    }
    await this.#pipeline.drain();
  }

  async #submit(batch: SourceBatch, producer: Producer): Promise<void> {
    const { records } = batch;
    this.#metrics.polled.value += records.length;
    this.#metrics.batches.value++;
    for (const topic of topicsOf(records))
      if (!this.#partitionCounts.has(topic)) await this.#learnTopic(topic, producer);
    const sends = recordSends(
      records,
      this.#options.converters,
      (topic) => this.#partitionCounts.get(topic)!,
      this.#sticky++,
      (error, record) => this.#badRecord(error, record.topic),
    );
    let bytes = 0;
    let count = 0;
    const sent: Promise<unknown>[] = [];
    for (const send of sends) {
      const limit = this.#limits.get(send.topic) ?? Number.POSITIVE_INFINITY;
      const bound = Math.min(limit, this.#maxBatchBytes);
      const fitting = withoutOversize(send.topic, send.records, bound, (error) => this.#badRecord(error, send.topic));
      if (fitting.length === 0) continue;
      let sendBytes = 0;
      for (const { key, value } of fitting) sendBytes += (key?.length ?? 0) + (value?.length ?? 0);
      bytes += sendBytes;
      count += fitting.length;
      // The producer cuts by its own bound; where the topic's is lower, the cuts are made here.
      if (limit >= this.#maxBatchBytes) sent.push(producer.send(send.topic, send.partition, fitting));
      else for (const part of cut(fitting, limit)) sent.push(producer.send(send.topic, send.partition, part));
    }
    const all = sent.length === 1 ? sent[0]! : Promise.all(sent);
    await this.#pipeline.submit({ batch, records: count, bytes }, all);
  }

  async #learnTopic(topic: string, producer: Producer): Promise<void> {
    const { signal } = this.#cancel; // not the stop's: what was received before it still goes out
    await this.#options.ensureTopic(topic);
    const limit = await batchLimitOf(this.#options.broker, topic, signal);
    if (limit !== undefined) this.#limits.set(topic, limit);
    this.#partitionCounts.set(topic, await producer.partitionCount(topic, { signal }));
  }

  #badRecord(error: TributaryError, topic: string): void {
    if (this.#options.tolerance === 'none') throw error;
    this.#metrics.skipped.value++;
    this.#skippedWarning.warn({ topic, reason: error.message });
  }

  #acknowledged({ batch, records, bytes }: InFlight): void {
    this.#metrics.written.value += records;
    this.#metrics.bytes.value += bytes;
    if (this.#trouble !== undefined) this.#setTrouble(undefined);
    this.#metrics.receiveToAck.observe((this.#options.clock.monotonicMs() - batch.receivedAtMs) / 1000, records);
    // A record that was skipped does not move the offset by itself (as Kafka Connect has it).
    if (records > 0) this.#commits.acknowledged(batch);
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
