/**
 * A batch of a source on its way into sends: transforms, converters, bounds. A record that fails goes where the connector's
 * configuration says; where it fails the task, what came before it is still sent.
 */
import type { Clock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import type { SourceBatch, WriteValue } from '../connectors/contract.ts';
import type { Converter } from '../convert/converter.ts';
import { ColumnWriter } from '../record/column-writer.ts';
import type { ProduceRecord } from '../record/record.ts';
import type { Schema } from '../record/schema.ts';
import type { SourceRecord } from '../record/source-record.ts';
import { asList } from '../record/value-column.ts';
import type { LogFields } from '../telemetry/log.ts';
import { type Chain, TransformFailure } from '../transform/chain.ts';
import { cut } from './batch-limit.ts';
import { prepareConverters } from './converter-preparation.ts';
import type { DeadLetters } from './dead-letter-topic.ts';
import { asRecordError, type RecordFailure, type RecordFailures, type Stage } from './record-failures.ts';
import {
  type Converters,
  columnSend,
  convertedColumn,
  type RecordSend,
  RecordSends,
  type TopicBounds,
  topicsOf,
  wholeSend,
} from './record-sends.ts';
import { recordText } from './record-text.ts';

/** Classes as configured, for the headers of dead letters. */
export interface ConverterNames {
  readonly key: string;
  readonly value: string;
  readonly header: string;
}

export interface PreparationOptions {
  readonly chain: Chain | undefined;
  readonly converters: Converters;
  readonly converterNames: ConverterNames;
  readonly failures: RecordFailures;
  readonly deadLetters: DeadLetters | undefined;
  /** Finds out about topics that were not seen before, making them where they are missing. */
  readonly learn: (topics: readonly string[]) => Promise<void> | undefined;
  readonly boundsOf: (topic: string) => TopicBounds;
  /** A batch of the producer; a topic's own bound may be lower. */
  readonly maxBatchBytes: number;
  readonly clock: Clock;
  /** Ends a wait for another try. */
  readonly signal: AbortSignal;
}

export interface PreparedBatch {
  readonly sends: readonly RecordSend[];
  readonly letters: readonly ProduceRecord[];
  /** Records in the sends. */
  records: number;
  bytes: number;
  readonly filtered: number;
  /** What a record failed with that nobody tolerates; it and the `left` ones from it on are in no send. */
  readonly failure: { readonly error: unknown } | undefined;
  readonly left: number;
  /** What was a record before it was converted; only kept where dead letters may need it. */
  readonly inputs: ReadonlyMap<ProduceRecord, SourceRecord>;
  /** Told once all of it is stored: its memory may be used again. */
  readonly release?: () => void;
}

interface Stopped {
  readonly error: unknown;
  readonly at: number;
}

const noInputs: ReadonlyMap<ProduceRecord, SourceRecord> = new Map();
const noLetters: readonly ProduceRecord[] = [];

/** For values that `writeValue` wrote. */
const asWritten: Converter = { passes: () => true, toBytes: (_topic, _schema, value) => value as Uint8Array };

export class BatchPreparation {
  readonly #options: PreparationOptions;
  /** Where converted values are written, while nobody wants to know which record one came from. */
  readonly #columns: ColumnWriter | undefined;
  #sticky = 0;
  /** Writes values for a source, before there are records; undefined where somebody else wants to see them. */
  readonly writeValue: WriteValue | undefined;

  constructor(options: PreparationOptions) {
    this.#options = options;
    const { converters, deadLetters, failures } = options;
    const isTolerant = deadLetters !== undefined || failures.policy.tolerance !== 'none';
    if (converters.value.append !== undefined && !isTolerant) this.#columns = new ColumnWriter();
    // A converter that has to wait for something must see the batch first.
    const isAlone = options.chain === undefined && converters.value.prepare === undefined;
    this.writeValue = isAlone && this.#columns !== undefined ? this.#writing(converters.value) : undefined;
  }

  async prepare(batch: SourceBatch): Promise<PreparedBatch> {
    const { chain, learn, boundsOf, maxBatchBytes } = this.#options;
    const converters = this.#convertersFor(batch);
    const sticky = this.#sticky++;
    if (chain === undefined) {
      const { column } = batch;
      const topics = column === undefined ? topicsOf(batch.records) : [column.topic];
      const learning = learn(topics);
      if (learning !== undefined) await learning;
      const bounds = boundsOf(topics[0]!);
      const whole =
        column === undefined
          ? wholeSend(batch.records, converters, bounds, sticky)
          : columnSend(column, converters, bounds, sticky, () => batch.records);
      if (whole !== undefined) {
        const sends = bounds.maxBytes < maxBatchBytes ? cutSends([whole], boundsOf, maxBatchBytes) : [whole];
        const { bytes } = whole;
        return {
          sends,
          letters: noLetters,
          records: whole.records.length,
          bytes,
          filtered: 0,
          failure: undefined,
          left: 0,
          inputs: noInputs,
        };
      }
    }
    return this.#oneByOne(batch.records, converters, sticky);
  }

  #convertersFor({ column }: SourceBatch): Converters {
    const { converters } = this.#options;
    return column?.isWritten === true ? { ...converters, value: asWritten } : converters;
  }

  #writing(converter: Converter): WriteValue {
    return (topic, schema, value, into) => {
      if (converter.append!(schema, value, into)) return;
      into.append(this.#bytesOf(converter, topic, schema, value));
    };
  }

  /** For what the converter does not write in its place. Nothing is tolerated here: what fails throws. */
  #bytesOf(converter: Converter, topic: string, schema: Schema | null, value: unknown): Uint8Array {
    try {
      const bytes = converter.toBytes(topic, schema, value);
      if (bytes !== null) return bytes;
      throw new TributaryError('CONVERSION_FAILED', 'Cannot write no value into a column');
    } catch (thrown) {
      const stage = 'VALUE_CONVERTER';
      const failure = { stage, className: this.#classOf(stage), topic, error: asRecordError(thrown) } as const;
      this.#options.failures.tolerate(failure, () => ({}));
      throw thrown;
    }
  }

  async #oneByOne(records: readonly SourceRecord[], converters: Converters, sticky: number): Promise<PreparedBatch> {
    const { learn, boundsOf, maxBatchBytes, deadLetters } = this.#options;
    const letters: ProduceRecord[] = [];
    const transformed = await this.#transform(records, letters);
    const { outputs } = transformed;
    if (outputs.length > 0) await learn(topicsOf(outputs));
    const { signal } = this.#options;
    const preparing = prepareConverters(converters, outputs, signal);
    if (preparing !== undefined) await preparing;
    const column = transformed.stopped === undefined ? this.#converted(outputs, converters, sticky) : undefined;
    if (column !== undefined) return { ...column, filtered: transformed.filtered };
    const sends = new RecordSends(converters, boundsOf, sticky);
    const inputs = deadLetters === undefined ? undefined : new Map<ProduceRecord, SourceRecord>();
    let count = 0;
    const convert = (record: SourceRecord, index: number): void => {
      const converted = sends.add(record);
      inputs?.set(converted, transformed.inputs[index]!);
      count++;
    };
    const classOf = (): string => this.#classOf(sends.stage);
    const again = (record: SourceRecord) => prepareConverters(converters, [record], signal);
    const stopped = await this.#each(outputs, transformed.inputs, convert, () => sends.stage, classOf, letters, again);
    // The first of both: what was transformed behind a record that could not be converted is left, too.
    const at = stopped === undefined ? transformed.stopped?.at : transformed.indexes[stopped.at]!;
    const failure = stopped ?? transformed.stopped;
    return {
      sends: cutSends(sends.sends, boundsOf, maxBatchBytes),
      letters,
      records: count,
      bytes: sends.bytes,
      filtered: transformed.filtered,
      failure: failure === undefined ? undefined : { error: failure.error },
      left: at === undefined ? 0 : records.length - at,
      inputs: inputs ?? noInputs,
    };
  }

  /** All of it as one column, where that can be. */
  #converted(
    outputs: readonly SourceRecord[],
    converters: Converters,
    sticky: number,
  ): Omit<PreparedBatch, 'filtered'> | undefined {
    const writer = this.#columns;
    if (writer === undefined || converters.value.append === undefined || outputs.length === 0) return undefined;
    const { boundsOf, maxBatchBytes } = this.#options;
    const bounds = boundsOf(outputs[0]!.topic);
    const whole = convertedColumn(outputs, converters, bounds, sticky, writer);
    if (whole === undefined) return undefined;
    const { bytes, records: values } = whole;
    return {
      sends: bounds.maxBytes < maxBatchBytes ? cutSends([whole], boundsOf, maxBatchBytes) : [whole],
      letters: noLetters,
      records: values.length,
      bytes,
      failure: undefined,
      left: 0,
      inputs: noInputs,
      release: () => writer.giveBack(values),
    };
  }

  async #transform(records: readonly SourceRecord[], letters: ProduceRecord[]) {
    const { chain } = this.#options;
    const indexes = records.map((_, index) => index);
    if (chain === undefined) return { outputs: records, inputs: records, indexes, filtered: 0, stopped: undefined };
    const outputs: SourceRecord[] = [];
    const inputs: SourceRecord[] = [];
    const kept: number[] = [];
    let filtered = 0;
    const transform = (record: SourceRecord, index: number): void => {
      const output = chain.apply(record);
      if (output === null) {
        filtered++;
        return;
      }
      outputs.push(output);
      inputs.push(record);
      kept.push(index);
    };
    const classOf = (error: unknown): string => (error instanceof TransformFailure ? error.className : 'transforms');
    const stopped = await this.#each(records, records, transform, () => 'TRANSFORMATION', classOf, letters);
    return { outputs, inputs, indexes: kept, filtered, stopped };
  }

  /** Takes a step on each record, again where that may help. Gives the first failure that is not tolerated. */
  async #each(
    records: readonly SourceRecord[],
    inputs: readonly SourceRecord[],
    step: (record: SourceRecord, index: number) => void,
    stageOf: () => Stage,
    classOf: (error: unknown) => string,
    letters: ProduceRecord[],
    beforeRetry?: (record: SourceRecord) => Promise<void> | undefined,
  ): Promise<Stopped | undefined> {
    const { failures, deadLetters, clock, signal } = this.#options;
    let attempt = 0;
    let sinceMs = 0;
    for (let index = 0; ; ) {
      try {
        for (; index < records.length; index++, attempt = 0) step(records[index]!, index);
        return undefined;
      } catch (thrown) {
        const { topic } = records[index]!;
        const input = inputs[index]!;
        const failure = { stage: stageOf(), className: classOf(thrown), topic, error: asRecordError(thrown) };
        if (attempt++ === 0) sinceMs = clock.monotonicMs();
        if (await failures.mayRetry(thrown, attempt, sinceMs, signal)) {
          await beforeRetry?.(records[index]!);
          continue;
        }
        try {
          this.#tolerate(failure, input);
        } catch (error) {
          return { error, at: index };
        }
        if (deadLetters !== undefined) letters.push(deadLetters.ofSource(input, failure));
        index++;
        attempt = 0;
      }
    }
  }

  #tolerate(failure: RecordFailure, input: SourceRecord): void {
    this.#options.failures.tolerate(failure, (): LogFields => ({ record: recordText(input) }));
  }

  #classOf(stage: Stage): string {
    const { converterNames } = this.#options;
    switch (stage) {
      case 'KEY_CONVERTER':
        return converterNames.key;
      case 'VALUE_CONVERTER':
        return converterNames.value;
      case 'HEADER_CONVERTER':
        return converterNames.header;
      default:
        return 'producer';
    }
  }
}

/** The producer cuts by its own bound; where the topic's is lower, the cuts are made here. */
function cutSends(
  sends: readonly RecordSend[],
  boundsOf: (topic: string) => TopicBounds,
  maxBatchBytes: number,
): readonly RecordSend[] {
  return sends.flatMap((send) => {
    const { maxBytes } = boundsOf(send.topic);
    if (maxBytes >= maxBatchBytes) return [send];
    const { topic, partition, asCame } = send;
    const records = asCame === undefined ? asList(send.records) : (asCame() as unknown as readonly ProduceRecord[]);
    return cut(records, maxBytes).map((part) => ({ topic, partition, records: part }));
  });
}
