/** The dead-letter topic of one task: found or made when the task starts, written to with the task's own producer. */
import type { Broker, Producer } from '../broker/broker.ts';
import { partitionFor } from '../record/partitioner.ts';
import type { ProduceRecord } from '../record/record.ts';
import type { SourceRecord } from '../record/source-record.ts';
import type { Counter } from '../telemetry/metrics.ts';
import { batchLimitOf, cut } from './batch-limit.ts';
import {
  cutToFit,
  type DeadLetterContext,
  type DeadLetterOrigin,
  deadLetterOfSink,
  deadLetterOfSource,
} from './dead-letters.ts';
import type { ErrorMetrics } from './error-metrics.ts';
import type { DeadLetterTopic } from './error-policy.ts';
import type { RecordFailure } from './record-failures.ts';

export interface DeadLettersOptions {
  readonly broker: Pick<Broker, 'describeTopic'>;
  readonly target: DeadLetterTopic;
  readonly connector: string;
  readonly task: number;
  readonly maxBatchBytes: number;
  readonly metrics: ErrorMetrics;
  /** Of those whose value had to be cut. */
  readonly cutLetters: Counter;
  /** Makes the topic where it is missing. */
  readonly ensure: (target: DeadLetterTopic) => Promise<void>;
  /** Takes known secrets out of what errors say. */
  readonly redact: (text: string) => string;
  readonly signal: AbortSignal;
}

export class DeadLetters {
  readonly #options: DeadLettersOptions;
  readonly #context: DeadLetterContext;
  readonly #partitions: number;
  readonly #limit: number;
  #sticky = 0;

  static async open(options: DeadLettersOptions): Promise<DeadLetters> {
    const { broker, target, ensure, maxBatchBytes, signal } = options;
    await ensure(target);
    const limit = await batchLimitOf(broker, target.topic, signal);
    const { partitions } = await broker.describeTopic(target.topic, { signal });
    return new DeadLetters(options, partitions.length, Math.min(limit ?? maxBatchBytes, maxBatchBytes));
  }

  private constructor(options: DeadLettersOptions, partitions: number, limit: number) {
    const { connector, task, target, redact } = options;
    this.#options = options;
    this.#context = { connector, task, withHeaders: target.withHeaders, redact };
    this.#partitions = partitions;
    this.#limit = limit;
  }

  ofSource(record: SourceRecord, failure: RecordFailure): ProduceRecord {
    return this.#fitting(deadLetterOfSource(record, failure, this.#context));
  }

  ofSink(record: ProduceRecord, origin: DeadLetterOrigin, failure: RecordFailure): ProduceRecord {
    return this.#fitting(deadLetterOfSink(record, origin, failure, this.#context));
  }

  /** Resolves when they are stored. A failure is the task's: what is neither in its topic nor here would be lost. */
  async send(producer: Producer, letters: readonly ProduceRecord[]): Promise<void> {
    const { metrics, target } = this.#options;
    metrics.deadLetters.value += letters.length;
    const byPartition = new Map<number, ProduceRecord[]>();
    for (const letter of letters) {
      const partition = partitionFor(letter.key, this.#partitions, this.#sticky++);
      const known = byPartition.get(partition);
      if (known === undefined) byPartition.set(partition, [letter]);
      else known.push(letter);
    }
    const sends = [...byPartition].flatMap(([partition, records]) =>
      cut(records, this.#limit).map((part) => producer.send(target.topic, partition, part)),
    );
    try {
      await Promise.all(sends);
    } catch (error) {
      metrics.deadLetterFailures.value += letters.length;
      throw error;
    }
  }

  #fitting(letter: ProduceRecord): ProduceRecord {
    const fitting = cutToFit(letter, this.#limit);
    if (fitting !== letter) this.#options.cutLetters.value++;
    return fitting;
  }
}
