/**
 * One task of a source connector, from the connector's batches to acknowledged records and stored offsets. The loop pulls:
 * it takes the next batch when there is room on the way to the broker, and only then.
 */
import { sleep, withTimeout } from '../base/abort.ts';
import type { Clock, Random } from '../base/clock.ts';
import { describeError, isError } from '../base/errors.ts';
import type { Broker, ProducerOptions, RetryEvent } from '../broker/broker.ts';
import type { RawConfig } from '../config/raw.ts';
import type { SourceBatch, SourceConnector, SourceContext } from '../connectors/contract.ts';
import type { OutboundPolicy } from '../net/outbound-policy.ts';
import { LimitedWarning } from '../telemetry/limited-log.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Chain } from '../transform/chain.ts';
import type { ConverterNames } from './batch-preparation.ts';
import { type Delivered, type Delivery, sendsNothing } from './delivery.ts';
import type { DeadLetterTopic, ErrorPolicy } from './error-policy.ts';
import type { OffsetTable } from './offset-table.ts';
import { openWay, type Way } from './open-delivery.ts';
import { RecordFailures } from './record-failures.ts';
import type { Converters } from './record-sends.ts';
import type { RunningTask } from './running-task.ts';
import { type SourceMetrics, sourceMetrics } from './source-metrics.ts';
import type { SpoolWay } from './spool/receipt.ts';
import type { TransactionBoundary } from './transaction-boundary.ts';

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
  /** Takes known secrets out of what dead letters say. */
  readonly redact: (text: string) => string;
  /** Told of the topic of each send that is stored: it must be cheap. */
  readonly onTopic?: (topic: string) => void;
  readonly errors: ErrorPolicy;
  readonly offsetFlushIntervalMs: number;
  /** How long one write of offsets may take before it counts as failed and is made again. */
  readonly offsetFlushTimeoutMs: number;
  /** Fences copies of this task that other workers may still run; absent: there are none. */
  readonly fencingId?: string;
  /** Records and offsets in transactions; absent: at least once. */
  readonly exactlyOnce?: { readonly transactionalId: string; readonly boundary: TransactionBoundary };
  /** Records are received into the spool, and go to Kafka from there. */
  readonly spool?: SpoolWay;
  readonly gracefulStopMs: number;
  /** False where another worker may do this work already: no offset may be stored then. Default: always. */
  readonly mayCommit?: () => boolean;
  /** The run before this one ended without a clean stop. */
  readonly previousEndUnclean: boolean;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly outbound: OutboundPolicy;
  readonly setStatus: (detail: string | undefined) => void;
}

/** Why a wait is called off that nobody needs any more. Without a reason each would make a DOMException, which costs more than the wait. */
const early = Symbol('early');
/** For each step after the last batch: closing the source, the producer, storing offsets. */
const wrapUpMs = 1_000;
/** The same where the time for a stop is over already. */
const lateWrapUpMs = 200;

/** Why a task is cancelled whose work has moved. */
const lost = Symbol('lost');

export function startSourceTask(options: SourceTaskOptions): RunningTask {
  const stop = new AbortController();
  const cancel = new AbortController();
  const cancelNow = (): void => {
    cancel.abort(lost);
    stop.abort();
  };
  const run = new Run(options, stop.signal, cancel);
  const change = (config: RawConfig): boolean => !stop.signal.aborted && run.change(config);
  return { ended: run.run(), change, stop: () => stop.abort(), cancel: cancelNow };
}

class Run {
  readonly #options: SourceTaskOptions;
  readonly #stop: AbortSignal;
  readonly #metrics: SourceMetrics;
  readonly #failures: RecordFailures;
  readonly #retryWarning: LimitedWarning;
  /** Aborted when the time for a graceful stop is over, and where others do the work already. */
  readonly #cancel: AbortController;
  #trouble: string | undefined;
  #connectorDetail: string | undefined;
  #takeConfig: ((config: RawConfig) => boolean) | undefined;
  /** Records from one that failed the task on. */
  #left = 0;

  constructor(options: SourceTaskOptions, stop: AbortSignal, cancel: AbortController) {
    this.#options = options;
    this.#stop = stop;
    this.#cancel = cancel;
    this.#metrics = sourceMetrics(options.metrics);
    this.#failures = new RecordFailures({
      policy: options.errors,
      metrics: this.#metrics.errors,
      log: options.log,
      clock: options.clock,
      random: options.random,
    });
    this.#retryWarning = new LimitedWarning(options.log, 'broker_retry', options.clock);
  }

  /** True where the source goes on by this configuration. */
  change(config: RawConfig): boolean {
    return this.#takeConfig?.(config) ?? false;
  }

  async run(): Promise<boolean> {
    const { connector, config, log } = this.#options;
    const way = await openWay(this.#options, {
      metrics: this.#metrics,
      failures: this.#failures,
      stop: this.#stop,
      cancel: this.#cancel.signal,
      onDelivered: (item) => this.#delivered(item),
      onRetry: (event) => this.#retried(event),
      onTrouble: (trouble) => this.#setTrouble(trouble),
    }).catch((error: unknown) => {
      if (this.#stop.aborted && isError(error, 'ABORTED')) return undefined; // nothing was received yet
      throw error;
    });
    if (way === undefined) return true;
    if (this.#options.previousEndUnclean && way.isBehindCleanEnd !== true) this.#warnUncleanEnd();
    const { delivery } = way;
    let clean = false;
    try {
      const batches = connector.open(config, this.#context(way))[Symbol.asyncIterator]();
      clean = await this.#untilStopped(batches, way);
      return clean;
    } finally {
      // Bounded, because neither the broker nor the table ever gives up; what is acknowledged meanwhile still counts.
      const ms = this.#cancel.signal.aborted ? lateWrapUpMs : wrapUpMs;
      if (this.#isLost) delivery.abandon();
      await this.#wrapUp('producer_not_closed', ms, () => delivery.closeProducer());
      await this.#wrapUp('offset_commit_failed', ms, () => delivery.storeOffsets());
      await this.#wrapUp('end_not_stored', ms, async () => way.ended?.(clean));
      this.#countLeft(delivery);
      delivery.abandon(); // what has been counted as left must not be written later
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
  #countLeft(delivery: Delivery): void {
    const left = delivery.unstored() + this.#left;
    if (left === 0) return;
    this.#metrics.leftAtStop.value += left;
    this.#options.log.warn('records_left', { left, detail: 'received, and not acknowledged when the task ended' });
  }

  #context(way: Way): SourceContext {
    const { writeValue } = way.preparation;
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
      ...(writeValue === undefined ? {} : { writeValue }),
      resumeOffset: way.resume ?? ((partition) => offsets.get(name, partition)),
      onConfig: (take) => {
        this.#takeConfig = take;
      },
    };
  }

  get #isLost(): boolean {
    return this.#cancel.signal.reason === lost;
  }

  /** The loop, and the bound on its end. True if all that was received is written. */
  async #untilStopped(batches: AsyncIterator<SourceBatch>, way: Way): Promise<boolean> {
    const over = new AbortController();
    const loop = this.#pump(batches, way).then(() => true);
    const late = this.#afterGrace(over.signal).then(() => false);
    const clean = await Promise.race([loop, late]).finally(() => over.abort());
    if (clean) return true;
    if (this.#isLost) this.#options.log.warn('task_lost', { detail: 'another worker may run it by now: it ends here' });
    else this.#options.log.warn('stop_incomplete', { after_ms: this.#options.gracefulStopMs });
    this.#cancel.abort();
    // Both are given up: a connector that does not end would not answer to its iterator either.
    loop.catch(() => {});
    leave(batches).catch(() => {});
    return false;
  }

  async #pump(batches: AsyncIterator<SourceBatch>, way: Way): Promise<void> {
    try {
      for (;;) {
        const next = await this.#next(batches, way.delivery);
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
    await way.delivery.drain();
  }

  /** The next batch; meanwhile what is due by time is done. */
  async #next(batches: AsyncIterator<SourceBatch>, delivery: Delivery): Promise<IteratorResult<SourceBatch>> {
    const next = batches.next();
    if (delivery.dueInMs() !== undefined) next.catch(() => {}); // where what is due fails, nobody waits for it any more
    for (let dueMs = delivery.dueInMs(); dueMs !== undefined; dueMs = delivery.dueInMs()) {
      const over = new AbortController();
      const due = sleep(dueMs, over.signal).then(() => undefined);
      const first = await Promise.race([next, due]).finally(() => over.abort(early));
      if (first !== undefined) return first;
      await delivery.onDue();
    }
    return next;
  }

  async #submit(batch: SourceBatch, { preparation, delivery }: Way): Promise<void> {
    this.#metrics.polled.value += batch.column?.values.length ?? batch.records.length;
    this.#metrics.batches.value++;
    const prepared = await preparation.prepare(batch);
    this.#metrics.filtered.value += prepared.filtered;
    this.#left += prepared.left;
    const item = { batch: withoutRecords(batch), prepared };
    await delivery.submit(item);
    if (prepared.failure === undefined) {
      // There will be no acknowledgement to wait for.
      if (sendsNothing(prepared)) releaseMemory(item);
      return;
    }
    await delivery.drain(); // what came before the record that failed the task counts
    throw prepared.failure.error;
  }

  #delivered({ batch, prepared }: Delivered): void {
    const { records, bytes, sends } = prepared;
    this.#metrics.written.value += records;
    this.#metrics.bytes.value += bytes;
    // What is spooled says nothing of Kafka.
    if (this.#trouble !== undefined && this.#options.spool === undefined) this.#setTrouble(undefined);
    this.#metrics.receiveToAck.observe((this.#options.clock.monotonicMs() - batch.receivedAtMs) / 1000, records);
    if (records > 0) for (const { topic } of sends) this.#options.onTopic?.(topic);
    releaseMemory({ batch, prepared });
  }

  /** Resolves when the time for a graceful stop has passed, or when the loop is `over`. */
  async #afterGrace(over: AbortSignal): Promise<void> {
    await new Promise<unknown>((resolve) => {
      if (this.#stop.aborted) resolve(undefined);
      this.#stop.addEventListener('abort', resolve, { once: true, signal: over });
      over.addEventListener('abort', resolve, { once: true });
    });
    await sleep(this.#options.gracefulStopMs, AbortSignal.any([over, this.#cancel.signal]));
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

function releaseMemory({ batch, prepared }: Delivered): void {
  prepared.release?.();
  batch.release?.();
}

/** What is needed of a batch behind its preparation. Its records are free then, unless they are what is sent. */
function withoutRecords(batch: SourceBatch): Delivered['batch'] {
  if (batch.release !== undefined) return batch; // it knows itself what may be used again
  const { partition, offset, receivedAtMs, transactionEnd } = batch;
  return {
    partition,
    receivedAtMs,
    ...(offset === undefined ? {} : { offset }),
    ...(transactionEnd === undefined ? {} : { transactionEnd }),
  };
}

async function leave(batches: AsyncIterator<SourceBatch>): Promise<void> {
  await batches.return?.();
}
