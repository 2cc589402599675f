/**
 * A producer for Kafka's topics that writes to the log of a task: each topic has its partition there. What partition of Kafka
 * a record goes to is decided when it is forwarded, for nobody may be there to ask; one that names its own keeps it in a
 * header, which the forwarder takes off.
 */
import { TributaryError } from '../../base/errors.ts';
import type { CallOptions, GroupMember, Producer, SendResult } from '../../broker/broker.ts';
import { laterPartition } from '../../record/partitioner.ts';
import type { Header, ProduceRecord, TopicPartition } from '../../record/record.ts';
import { asList, type Records } from '../../record/value-column.ts';

export const partitionHeader = 'tributary.spool.partition';

export class SpoolProducer implements Producer {
  /** Of the spool's broker. */
  readonly inner: Producer;
  readonly #log: string;
  readonly #slotOf: (topic: string) => number | undefined;

  constructor(inner: Producer, log: string, slotOf: (topic: string) => number | undefined) {
    this.inner = inner;
    this.#log = log;
    this.#slotOf = slotOf;
  }

  send(topic: string, partition: number, records: Records, options?: CallOptions): Promise<SendResult> {
    const slot = this.#slotOf(topic);
    if (slot === undefined) {
      return Promise.reject(new TributaryError('INTERNAL', `Topic "${topic}" has no place in the spool`));
    }
    const own =
      partition === laterPartition ? records : asList(records).map((record) => withPartition(record, partition));
    return this.inner.send(this.#log, slot, own, options);
  }

  async partitionCount(): Promise<number> {
    return 0;
  }

  begin(options?: CallOptions): Promise<void> {
    return this.inner.begin(options);
  }

  sendOffsets(
    groupId: string,
    offsets: readonly (TopicPartition & { readonly offset: number })[],
    member?: GroupMember,
    options?: CallOptions,
  ): Promise<void> {
    return this.inner.sendOffsets(groupId, offsets, member, options);
  }

  commit(options?: CallOptions): Promise<void> {
    return this.inner.commit(options);
  }

  abort(options?: CallOptions): Promise<void> {
    return this.inner.abort(options);
  }

  abandon(): void {
    this.inner.abandon();
  }

  flush(options?: CallOptions): Promise<void> {
    return this.inner.flush(options);
  }

  close(options?: CallOptions): Promise<void> {
    return this.inner.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function withPartition(record: ProduceRecord, partition: number): ProduceRecord {
  const header: Header = { key: partitionHeader, value: Buffer.from(String(partition)) };
  return { ...record, headers: [header, ...record.headers] };
}

/** The partition that a record names, and the record as it came; undefined where it names none. */
export function namedPartition(
  record: ProduceRecord,
): { readonly partition: number; readonly record: ProduceRecord } | undefined {
  const [first, ...headers] = record.headers;
  if (first?.key !== partitionHeader || first.value === null) return undefined;
  return { partition: Number(Buffer.from(first.value).toString()), record: { ...record, headers } };
}
