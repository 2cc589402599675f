/** Prepared batches on their way to the broker, with what becomes of records that the broker refuses for good. */
import { type ErrorCode, isError, isRetriable } from '../base/errors.ts';
import type { Producer } from '../broker/broker.ts';
import type { ProduceRecord } from '../record/record.ts';
import type { SourceRecord } from '../record/source-record.ts';
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
  readonly #producer: Producer;
  readonly #failures: RecordFailures;
  readonly #deadLetters: DeadLetters | undefined;

  constructor(producer: Producer, failures: RecordFailures, deadLetters: DeadLetters | undefined) {
    this.#producer = producer;
    this.#failures = failures;
    this.#deadLetters = deadLetters;
  }

  /** Resolves when everything is stored: records where they belong, failed ones as dead letters. */
  send(batch: PreparedBatch): Promise<unknown> {
    const sent = batch.sends.map((send) => this.#send(send, batch));
    if (batch.letters.length > 0) sent.push(this.#deadLetters!.send(this.#producer, batch.letters));
    return sent.length === 1 ? sent[0]! : Promise.all(sent);
  }

  #send(send: RecordSend, batch: PreparedBatch): Promise<unknown> {
    const sent = this.#producer.send(send.topic, send.partition, send.records);
    if (this.#failures.policy.tolerance === 'none') return sent;
    return sent.catch((error: unknown) => this.#refused(send, batch, error));
  }

  async #refused(send: RecordSend, batch: PreparedBatch, error: unknown): Promise<unknown> {
    const { topic, partition, asCame } = send;
    // Checked by columnSend: bytes that go out unchanged.
    const records = asCame === undefined ? send.records : (asCame() as unknown as readonly ProduceRecord[]);
    if (!isError(error) || isRetriable(error)) throw error;
    if (divisible.has(error.code) && records.length > 1) {
      const middle = records.length >> 1;
      await this.#send({ topic, partition, records: records.slice(0, middle) }, batch);
      return this.#send({ topic, partition, records: records.slice(middle) }, batch);
    }
    if (!divisible.has(error.code) && !whole.has(error.code)) throw error;
    const letters: ProduceRecord[] = [];
    for (const record of records) {
      // Where nothing was converted the record that was sent is the one that came in.
      const input = batch.inputs.get(record) ?? (record as unknown as SourceRecord);
      const failure = { stage: 'KAFKA_PRODUCE', className: 'producer', topic, error: asRecordError(error) } as const;
      this.#failures.tolerate(failure, () => ({ record: recordText(input) }));
      batch.records--;
      batch.bytes -= (record.key?.length ?? 0) + (record.value?.length ?? 0);
      if (this.#deadLetters !== undefined) letters.push(this.#deadLetters.ofSource({ ...input, topic }, failure));
    }
    return letters.length === 0 ? undefined : this.#deadLetters!.send(this.#producer, letters);
  }
}
