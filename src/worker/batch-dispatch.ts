/** Prepared batches on their way to the broker, with what becomes of records that the broker refuses for good. */
import { type ErrorCode, isError, isRetriable } from '../base/errors.ts';
import type { Producer } from '../broker/broker.ts';
import type { ProduceRecord } from '../record/record.ts';
import { BYTES } from '../record/schema.ts';
import { noSourceHeaders, type SourceRecord } from '../record/source-record.ts';
import type { PreparedBatch } from './batch-preparation.ts';
import type { DeadLetters } from './dead-letter-topic.ts';
import { asRecordError, type RecordFailures } from './record-failures.ts';
import type { RecordSend } from './record-sends.ts';
import { recordText } from './record-text.ts';

/** What one record of several can be the reason of: the halves are tried apart. */
const divisible: ReadonlySet<ErrorCode> = new Set(['RECORD_TOO_LARGE', 'BROKER_REJECTED']);
/** What is wrong with the whole topic. */
const whole: ReadonlySet<ErrorCode> = new Set(['AUTHORIZATION_FAILED', 'UNKNOWN_TOPIC', 'UNKNOWN_PARTITION']);

export class BatchDispatch {
  readonly #failures: RecordFailures;
  readonly #deadLetters: DeadLetters | undefined;
  readonly #tolerates: boolean;

  /** In a transaction a send that was refused ends the transaction: there it is never tolerated. */
  constructor(failures: RecordFailures, deadLetters: DeadLetters | undefined, inTransactions: boolean) {
    this.#failures = failures;
    this.#deadLetters = deadLetters;
    this.#tolerates = failures.policy.tolerance === 'all' && !inTransactions;
  }

  /** Resolves when everything is stored: records where they belong, failed ones as dead letters. */
  send(producer: Producer, batch: PreparedBatch): Promise<unknown> {
    const sent = batch.sends.map((send) => this.#send(producer, send, batch));
    if (batch.letters.length > 0) sent.push(this.#deadLetters!.send(producer, batch.letters));
    return sent.length === 1 ? sent[0]! : Promise.all(sent);
  }

  #send(producer: Producer, send: RecordSend, batch: PreparedBatch): Promise<unknown> {
    const sent = producer.send(send.topic, send.partition, send.records);
    if (!this.#tolerates) return sent;
    return sent.catch((error: unknown) => this.#refused(producer, send, batch, error));
  }

  async #refused(producer: Producer, send: RecordSend, batch: PreparedBatch, error: unknown): Promise<unknown> {
    const { topic, partition, asCame } = send;
    // Checked by columnSend: bytes that go out unchanged.
    const records = asCame === undefined ? send.records : (asCame() as unknown as readonly ProduceRecord[]);
    if (!isError(error) || isRetriable(error)) throw error;
    if (divisible.has(error.code) && records.length > 1) {
      const middle = records.length >> 1;
      await this.#send(producer, { topic, partition, records: records.slice(0, middle) }, batch);
      return this.#send(producer, { topic, partition, records: records.slice(middle) }, batch);
    }
    if (!divisible.has(error.code) && !whole.has(error.code)) throw error;
    const letters: ProduceRecord[] = [];
    for (const record of records) {
      const input = batch.inputs.get(record) ?? asInput(topic, record);
      const failure = { stage: 'KAFKA_PRODUCE', className: 'producer', topic, error: asRecordError(error) } as const;
      this.#failures.tolerate(failure, () => ({ record: recordText(input) }));
      batch.records--;
      batch.bytes -= (record.key?.length ?? 0) + (record.value?.length ?? 0);
      if (this.#deadLetters !== undefined) letters.push(this.#deadLetters.ofSource({ ...input, topic }, failure));
    }
    return letters.length === 0 ? undefined : this.#deadLetters!.send(producer, letters);
  }
}

/** Where nothing was converted the record that was sent is the one that came in. One that was stored before is bytes alone. */
function asInput(topic: string, record: ProduceRecord): SourceRecord {
  if ('valueSchema' in record) return record as unknown as SourceRecord;
  const { key, value, timestampMs } = record;
  const bytes = { key, keySchema: key && BYTES, value, valueSchema: value && BYTES };
  return { topic, partition: null, ...bytes, headers: noSourceHeaders, timestampMs };
}
