/**
 * A whole batch of a log whose records are values alone. It can go on to another log as it is: there only who sends it and its
 * place in the sequence are others, which stand in the header. So nothing is done for a record.
 */
import type { Codecs } from './codecs.ts';
import { crcOfOtherHead } from './crc32c.ts';
import { attributeBits, layout, readInt64, writeInt64 } from './layout.ts';
import type { ProduceRecord } from './record.ts';
import type { ValueColumn } from './value-column.ts';

export interface Sender {
  readonly producerId?: number | bigint;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly baseOffset?: number;
  readonly isTransactional?: boolean;
}

export class WholeBatch implements Iterable<ProduceRecord> {
  /** The batch and nothing else, its checksum right. */
  readonly bytes: Buffer;
  /** Number of records. */
  readonly length: number;
  /** Sum of the lengths of their values. */
  readonly valueBytes: number;
  readonly #decode: (batch: Buffer) => ValueColumn;
  #column: ValueColumn | undefined;

  /** `decode` is called where somebody wants the records after all. */
  constructor(bytes: Buffer, length: number, valueBytes: number, decode: (batch: Buffer) => ValueColumn) {
    this.bytes = bytes;
    this.length = length;
    this.valueBytes = valueBytes;
    this.#decode = decode;
  }

  /** No record takes more bytes. */
  get longest(): number {
    return this.bytes.length - layout.records;
  }

  /** Milliseconds since 1970. */
  get firstTimeMs(): number {
    return readInt64(this.bytes, layout.baseTimestamp);
  }

  get column(): ValueColumn {
    this.#column ??= this.#decode(this.bytes);
    return this.#column;
  }

  /** A part of it; all of it is the batch itself. */
  slice(from: number, to: number = this.length): WholeBatch | ValueColumn {
    return from === 0 && to >= this.length ? this : this.column.slice(from, to);
  }

  [Symbol.iterator](): Iterator<ProduceRecord> {
    return this.column[Symbol.iterator]();
  }

  /** Copies the batch to `at`, as this sender's. */
  copyTo(into: Buffer, at: number, sender: Sender, codecs: Codecs): void {
    const { bytes } = this;
    bytes.copy(into, at);
    const attributes = bytes.readInt16BE(layout.attributes) & ~attributeBits.transactional;
    writeInt64(into, sender.baseOffset ?? 0, at + layout.baseOffset);
    into.writeInt32BE(-1, at + layout.partitionLeaderEpoch);
    into.writeInt16BE(
      sender.isTransactional === true ? attributes | attributeBits.transactional : attributes,
      at + layout.attributes,
    );
    writeInt64(into, Number(sender.producerId ?? -1), at + layout.producerId);
    into.writeInt16BE(sender.producerEpoch ?? -1, at + layout.producerEpoch);
    into.writeInt32BE(sender.baseSequence ?? -1, at + layout.baseSequence);
    const crc = crcOfOtherHead(
      bytes.readUInt32BE(layout.crc),
      codecs.crc32c(bytes.subarray(layout.attributes, layout.records)),
      codecs.crc32c(into.subarray(at + layout.attributes, at + layout.records)),
      bytes.length - layout.records,
    );
    into.writeUInt32BE(crc, at + layout.crc);
  }
}
