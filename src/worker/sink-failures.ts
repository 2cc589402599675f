/** Records that a sink cannot take: skipped and counted, or dead letters, or the end of the task, as `errors.*` says. */
import { type ErrorCode, isError, isRetriable } from '../base/errors.ts';
import { type Broker, defaultMaxBatchBytes, type Producer, type ProducerOptions } from '../broker/broker.ts';
import type { SinkTask as ConnectorTask, SinkRecord } from '../connectors/contract.ts';
import type { Counter } from '../telemetry/metrics.ts';
import { DeadLetters } from './dead-letter-topic.ts';
import type { ErrorMetrics } from './error-metrics.ts';
import type { DeadLetterTopic } from './error-policy.ts';
import { asRecordError, type RecordFailures } from './record-failures.ts';
import { consumedText } from './record-text.ts';

export interface SinkFailuresOptions {
  readonly broker: Broker;
  readonly producer: ProducerOptions;
  readonly connector: string;
  readonly className: string;
  readonly task: number;
  readonly failures: RecordFailures;
  readonly metrics: ErrorMetrics;
  readonly cutLetters: Counter;
  readonly ensureDeadLetters: (target: DeadLetterTopic) => Promise<void>;
  /** Takes known secrets out of what dead letters say. */
  readonly redact: (text: string) => string;
  readonly signal: AbortSignal;
}

interface Letters {
  readonly topic: DeadLetters;
  readonly producer: Producer;
}

/** What is wrong with a record, and not with the destination. */
const ofRecords: ReadonlySet<ErrorCode> = new Set(['CONVERSION_FAILED', 'TRANSFORM_FAILED', 'RECORD_TOO_LARGE']);

export class SinkFailures {
  readonly #options: SinkFailuresOptions;
  readonly #letters: Letters | undefined;
  /** Records that were given to `reject`. */
  rejected = 0;

  static async open(options: SinkFailuresOptions): Promise<SinkFailures> {
    const { broker, failures, connector, task, metrics, cutLetters, ensureDeadLetters, redact, signal } = options;
    const { tolerance, deadLetters: target } = failures.policy;
    if (target === undefined || tolerance === 'none') return new SinkFailures(options, undefined);
    const maxBatchBytes = options.producer.maxBatchBytes ?? defaultMaxBatchBytes;
    const topic = await DeadLetters.open({
      broker,
      target,
      connector,
      task,
      maxBatchBytes,
      metrics,
      cutLetters,
      ensure: ensureDeadLetters,
      redact,
      signal,
    });
    const producer = await broker.producer({
      deliveryTimeoutMs: Number.POSITIVE_INFINITY,
      ...options.producer,
      signal,
    });
    return new SinkFailures(options, { topic, producer });
  }

  private constructor(options: SinkFailuresOptions, letters: Letters | undefined) {
    this.#options = options;
    this.#letters = letters;
  }

  /** Resolves when the record is passed over for good, its dead letter stored; rejects where it fails the task. */
  async reject(record: SinkRecord, thrown: unknown): Promise<void> {
    const { failures, className } = this.#options;
    const { topic, partition, offset } = record;
    const failure = { stage: 'TASK_PUT', className, topic, error: asRecordError(thrown) } as const;
    failures.tolerate(failure, () => ({ record: consumedText(topic, partition, record) }));
    this.rejected++;
    if (this.#letters === undefined) return;
    const letter = this.#letters.topic.ofSink(record, { partition, offset }, failure);
    await this.#letters.topic.send(this.#letters.producer, [letter]);
  }

  /** Writes; where one of the records is what cannot be written, finds it, so that its neighbours arrive. */
  async write(sink: ConnectorTask, records: readonly SinkRecord[]): Promise<void> {
    try {
      await sink.write(records);
    } catch (error) {
      const isRecords = isError(error) && ofRecords.has(error.code) && !isRetriable(error);
      if (!isRecords || this.#options.failures.policy.tolerance === 'none') throw error;
      if (records.length === 1) return this.reject(records[0]!, error);
      const middle = records.length >> 1;
      await this.write(sink, records.slice(0, middle));
      await this.write(sink, records.slice(middle));
    }
  }

  async close(): Promise<void> {
    await this.#letters?.producer.close();
  }
}
