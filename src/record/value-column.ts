/**
 * Records that are values alone, as they lie side by side in one piece of memory: no key, no headers, the time of the send
 * unless they have times of their own.
 * That is what nearly every feed gives. An object and a view for each record would be 230 bytes of heap that live until the
 * acknowledgement, which made most of the memory of a process at full speed, and a third of its work.
 */

import { noHeaders, type ProduceRecord } from './record.ts';
import { RecordColumn } from './record-column.ts';
import { WholeBatch } from './whole-batch.ts';

export class ValueColumn implements Iterable<ProduceRecord> {
  /** Holds other bytes between the values, too. */
  readonly bytes: Buffer;
  /** Begin and end of each value in `bytes`, by turns. */
  readonly spans: Int32Array;
  /** Number of records. */
  readonly length: number;
  /** No value is longer. */
  readonly longest: number;
  /** Milliseconds since 1970 of each record; undefined: the time of the send. */
  readonly times: Float64Array | undefined;

  constructor(bytes: Buffer, spans: Int32Array, length: number, longest: number, times?: Float64Array) {
    this.bytes = bytes;
    this.spans = spans;
    this.length = length;
    this.longest = longest;
    this.times = times;
  }

  /** Sum of the lengths of the values. */
  get valueBytes(): number {
    let sum = 0;
    for (let at = 0; at < this.length * 2; at += 2) sum += this.spans[at + 1]! - this.spans[at]!;
    return sum;
  }

  /** A view of one value. */
  value(index: number): Uint8Array {
    const begin = this.spans[index * 2]!;
    return new Uint8Array(
      this.bytes.buffer as ArrayBuffer,
      this.bytes.byteOffset + begin,
      this.spans[index * 2 + 1]! - begin,
    );
  }

  /** A part of it over the same memory. */
  slice(from: number, to: number = this.length): ValueColumn {
    const end = Math.min(to, this.length);
    const spans = this.spans.subarray(from * 2, end * 2);
    return new ValueColumn(this.bytes, spans, Math.max(end - from, 0), this.longest, this.times?.subarray(from, end));
  }

  /** The records one by one, made as they are asked for. */
  *[Symbol.iterator](): Generator<ProduceRecord> {
    for (let index = 0; index < this.length; index++)
      yield { key: null, value: this.value(index), headers: noHeaders, timestampMs: this.times?.[index] ?? null };
  }
}

/** What can be sent. */
export type Records = readonly ProduceRecord[] | ValueColumn | RecordColumn | WholeBatch;

export function asList(records: Records): readonly ProduceRecord[] {
  return isColumn(records) ? [...records] : records;
}

/** Records that are no objects yet. */
export function isColumn(records: Records): records is ValueColumn | RecordColumn | WholeBatch {
  return records instanceof ValueColumn || records instanceof RecordColumn || records instanceof WholeBatch;
}
