/**
 * Where things stand in a record batch of Kafka's message format v2. Numbers are big-endian. The checksum covers
 * everything from the attributes to the end, so what stands before them (base offset, leader epoch) can be changed in place.
 */
export const layout = {
  baseOffset: 0,
  /** Bytes that follow this field, so 12 less than the whole batch. */
  length: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const;

/** Bytes before the first record. */
export const batchHeaderBytes: number = layout.records;
/** What the length field does not count: the base offset and itself. */
export const lengthFieldEnd: number = layout.partitionLeaderEpoch;

export const attributeBits = {
  compression: 0b111,
  logAppendTime: 1 << 3,
  transactional: 1 << 4,
  control: 1 << 5,
} as const;

/** The smallest record: its length, attributes, two deltas, two null lengths and a header count, a byte each. */
export const minRecordBytes = 7;

/** Reads an int64 as a number: exact between -2^53 and 2^53, the nearest number beyond. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

export function writeInt64(bytes: Buffer, value: number, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4);
}
