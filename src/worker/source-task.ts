/**
 * One task of a source connector, from the connector's batches to acknowledged records and stored offsets. The loop pulls:
 * it takes the next batch when there is room on the way to the broker, and only then.
 */
import { sleep } from '../base/abort.ts';
import type { Clock, Random } from '../base/clock.ts';
import { describeError, TributaryError } from '../base/errors.ts';
import type { Broker, Producer, ProducerOptions, RetryEvent } from '../broker/broker.ts';
import type { RawConfig } from '../config/raw.ts';
import type { SourceBatch, SourceConnector, SourceContext, SourceMap } from '../connectors/contract.ts';
import { batchBytesOf } from '../record/encode.ts';
import type { ProduceRecord } from '../record/record.ts';
import { LimitedWarning } from '../telemetry/limited-log.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
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
  readonly setStatus: (detail: string | undefined) => void;
}

const defaultMaxBatchBytes = 1_000_000;

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
  /** Positions behind what is acknowledged and not stored yet, by source partition (one object a partition). */
  #committable = new Map<string, { readonly partition: SourceMap; readonly offset: SourceMap }>();
  readonly #partitionNames = new WeakMap<SourceMap, string>();
  readonly #partitionCounts = new Map<string, number>();
  readonly #skippedWarning: LimitedWarning;
  readonly #retryWarning: LimitedWarning;
  #sticky = 0;

  constructor(options: SourceTaskOptions, stop: AbortSignal) {
    this.#options = options;
    this.#stop = stop;
    this.#metrics = sourceMetrics(options.metrics);
    this.#skippedWarning = new LimitedWarning(options.log, 'record_skipped', options.clock);
    this.#retryWarning = new LimitedWarning(options.log, 'broker_retry', options.clock);
    this.#pipeline = new Pipeline<InFlight>((item) => this.#acknowledged(item));
  }

  async run(): Promise<boolean> {
    const { broker, connector, config, log } = this.#options;
    if (this.#options.previousEndUnclean) this.#warnUncleanEnd();
    const producer = await broker.producer({
      ...this.#options.producer,
      deliveryTimeoutMs: Number.POSITIVE_INFINITY,
      onRetry: (event) => this.#retried(event),
    });
    const flushing = new AbortController();
    const flushed = this.#flushOffsetsRegularly(flushing.signal);
    try {
      const batches = connector.open(config, this.#context())[Symbol.asyncIterator]();
      const clean = await this.#untilStopped(batches, producer);
      await this.#storeOffsets();
      log.info('task_stopped', { clean });
      return clean;
    } finally {
      flushing.abort();
      await flushed;
      await producer
        .close()
        .catch((error: unknown) => log.warn('producer_close_failed', { reason: describeError(error) }));
    }
  }

  #context(): SourceContext {
    const { name, task, clock, random, log, metrics, setStatus, offsets } = this.#options;
    return {
      connector: name,
      task,
      clock,
      random,
      log,
      metrics,
      setStatus,
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
    loop.catch(() => {}); // it is given up: what it had left is counted here
    const left = this.#pipeline.pending.reduce((sum, { records }) => sum + records, 0);
    this.#metrics.leftAtStop.value += left;
    this.#options.log.warn('stop_incomplete', { left, after_ms: this.#options.gracefulStopMs });
    await batches.return?.();
    return false;
  }

  async #pump(batches: AsyncIterator<SourceBatch>, producer: Producer): Promise<void> {
    try {
      for (;;) {
        const next = await batches.next();
        if (next.done === true) break;
        await this.#submit(next.value, producer);
      }
    } catch (error) {
      await batches.return?.();
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
      const fitting = this.#withoutOversize(send.topic, send.records);
      if (fitting.length === 0) continue;
      for (const { key, value } of fitting) bytes += (key?.length ?? 0) + (value?.length ?? 0);
      count += fitting.length;
      sent.push(producer.send(send.topic, send.partition, fitting));
    }
    const all = sent.length === 1 ? sent[0]! : Promise.all(sent);
    await this.#pipeline.submit({ batch, records: count, bytes }, all);
  }

  async #learnTopic(topic: string, producer: Producer): Promise<void> {
    await this.#options.ensureTopic(topic);
    this.#partitionCounts.set(topic, await producer.partitionCount(topic, { signal: this.#stop }));
  }

  /** Records that no batch can hold fail the task, or are skipped before they could hold up their neighbours. */
  #withoutOversize(topic: string, records: ProduceRecord[]): ProduceRecord[] {
    const limit = this.#options.producer.maxBatchBytes ?? defaultMaxBatchBytes;
    const suspicious = limit - 1024; // nothing smaller without headers can be too large
    let oversize = false;
    for (const { value, key, headers } of records) {
      if ((value?.length ?? 0) + (key?.length ?? 0) > suspicious || headers.length > 0) {
        oversize = true;
        break;
      }
    }
    if (!oversize) return records;
    return records.filter((record) => {
      const size = batchBytesOf(record);
      if (size <= limit) return true;
      this.#badRecord(
        new TributaryError(
          'RECORD_TOO_LARGE',
          `Cannot store a record of ${size} bytes in topic "${topic}": must be at most ${limit}`,
        ),
        topic,
      );
      return false;
    });
  }

  #badRecord(error: TributaryError, topic: string): void {
    if (this.#options.tolerance === 'none') throw error;
    this.#metrics.skipped.value++;
    this.#skippedWarning.warn({ topic, reason: error.message });
  }

  #acknowledged({ batch, records, bytes }: InFlight): void {
    this.#metrics.written.value += records;
    this.#metrics.bytes.value += bytes;
    this.#metrics.receiveToAck.observe((this.#options.clock.monotonicMs() - batch.receivedAtMs) / 1000, records);
    if (batch.offset === undefined || records === 0) return;
    this.#committable.set(this.#nameOf(batch.partition), { partition: batch.partition, offset: batch.offset });
  }

  /** Batches of one source share their partition object, so its text is made once. */
  #nameOf(partition: SourceMap): string {
    let name = this.#partitionNames.get(partition);
    if (name === undefined) {
      name = JSON.stringify(partition);
      this.#partitionNames.set(partition, name);
    }
    return name;
  }

  async #flushOffsetsRegularly(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.#options.offsetFlushIntervalMs, signal);
      if (signal.aborted) return; // the end of the task stores them itself
      await this.#storeOffsets().catch((error: unknown) => {
        this.#options.log.warn('offset_commit_failed', { reason: describeError(error) });
      });
    }
  }

  async #storeOffsets(): Promise<void> {
    if (this.#committable.size === 0) return;
    const taken = this.#committable;
    this.#committable = new Map();
    try {
      await this.#options.offsets.put(this.#options.name, [...taken.values()]);
      this.#metrics.offsetCommits.value++;
    } catch (error) {
      this.#metrics.offsetCommitFailures.value++;
      for (const [name, position] of taken) if (!this.#committable.has(name)) this.#committable.set(name, position);
      throw error;
    }
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
  }

  #warnUncleanEnd(): void {
    this.#metrics.uncleanStarts.value++;
    this.#options.log.warn('unclean_previous_end', {
      detail: 'the run before ended without a clean stop: what it had received and not yet written is lost',
    });
  }
}
