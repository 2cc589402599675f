import type { Codecs } from './codecs.ts';
import { attributeBits, layout, lengthFieldEnd, writeInt64 } from './layout.ts';

/** Changes to a batch that is encoded already, in place. The first two stand outside the checksum and cost nothing. */

/** Sets the first offset, as a log does when it appends; the offsets of all records move with it. */
export function setBaseOffset(bytes: Buffer, start: number, baseOffset: number): void {
  writeInt64(bytes, baseOffset, start + layout.baseOffset);
}

export function setPartitionLeaderEpoch(bytes: Buffer, start: number, epoch: number): void {
  bytes.writeInt32BE(epoch, start + layout.partitionLeaderEpoch);
}

/** Sets who sends it and its place in the sequence, as a producer must after it got a new id or epoch. */
export function setProducer(
  bytes: Buffer,
  start: number,
  producer: { readonly producerId: number | bigint; readonly producerEpoch: number; readonly baseSequence: number },
  codecs: Codecs,
): void {
  writeInt64(bytes, Number(producer.producerId), start + layout.producerId);
  bytes.writeInt16BE(producer.producerEpoch, start + layout.producerEpoch);
  bytes.writeInt32BE(producer.baseSequence, start + layout.baseSequence);
  sealBatch(bytes, start, codecs);
}

/** Gives all records the time at which the log took them (`message.timestamp.type=LogAppendTime`). */
export function setLogAppendTime(bytes: Buffer, start: number, appendedMs: number, codecs: Codecs): void {
  const attributes = bytes.readInt16BE(start + layout.attributes);
  bytes.writeInt16BE(attributes | attributeBits.logAppendTime, start + layout.attributes);
  writeInt64(bytes, appendedMs, start + layout.maxTimestamp);
  sealBatch(bytes, start, codecs);
}

/** Computes the checksum anew, after a change of what it covers. */
export function sealBatch(bytes: Buffer, start: number, codecs: Codecs): void {
  const end = start + lengthFieldEnd + bytes.readInt32BE(start + layout.length);
  bytes.writeUInt32BE(codecs.crc32c(bytes.subarray(start + layout.attributes, end)), start + layout.crc);
}
