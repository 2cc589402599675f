/**
 * What the stand-in answers to a worker that is a group of its own: it is its group's only member, leader at once, and gets what
 * it has assigned to itself. Offsets of groups are not kept: who asks hears that there are none.
 */
import { randomUUID } from 'node:crypto';
import type { ByteReader } from '../../src/broker/kafka/byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

const noOffset = -1;

export function joinGroup(request: ByteReader, answer: ByteWriter): void {
  request.compactString(); // group
  request.int32(); // session timeout
  request.int32(); // rebalance timeout
  const memberId = request.compactString() || randomUUID();
  request.compactNullableString(); // instance
  const type = request.compactString();
  const [protocol] = request.compactArray(3, () => {
    const found = { name: request.compactString(), metadata: Buffer.from(request.compactBytes() ?? []) };
    request.taggedFields();
    return found;
  });
  answer.int32(0).int16(0).int32(1).string(type).string(protocol!.name).string(memberId).int8(0).string(memberId);
  answer.array([memberId], (id) => answer.string(id).string(null).bytesOf([protocol!.metadata]).end());
  answer.end();
}

export function syncGroup(request: ByteReader, answer: ByteWriter): void {
  request.compactString(); // group
  request.int32(); // generation
  request.compactString(); // member
  request.compactNullableString(); // instance
  const type = request.compactNullableString();
  const protocol = request.compactNullableString();
  const [assigned] = request.compactArray(3, () => {
    request.compactString(); // member
    const assignment = Buffer.from(request.compactBytes() ?? []);
    request.taggedFields();
    return assignment;
  });
  answer.int32(0).int16(0).string(type).string(protocol).bytesOf([assigned!]).end();
}

export function heartbeat(_request: ByteReader, answer: ByteWriter): void {
  answer.int32(0).int16(0).end();
}

export function leaveGroup(request: ByteReader, answer: ByteWriter): void {
  request.compactString(); // group
  const members = request.compactArray(4, () => {
    const memberId = request.compactString();
    request.compactNullableString(); // instance
    request.compactNullableString(); // reason
    request.taggedFields();
    return memberId;
  });
  answer.int32(0).int16(0);
  answer.array(members, (memberId) => answer.string(memberId).string(null).int16(0).end());
  answer.end();
}

export function offsetCommit(request: ByteReader, answer: ByteWriter): void {
  request.compactString(); // group
  request.int32(); // generation
  request.compactString(); // member
  request.compactNullableString(); // instance
  const topics = request.compactArray(3, () => {
    const topic = request.compactString();
    const partitions = request.compactArray(18, () => {
      const partition = request.int32();
      request.int64(); // offset
      request.int32(); // leader's epoch
      request.compactNullableString(); // metadata
      request.taggedFields();
      return partition;
    });
    request.taggedFields();
    return { topic, partitions };
  });
  answer.int32(0);
  answer.array(topics, ({ topic, partitions }) => {
    answer.string(topic).array(partitions, (partition) => answer.int32(partition).int16(0).end());
    answer.end();
  });
  answer.end();
}

export function offsetFetch(request: ByteReader, answer: ByteWriter): void {
  const groups = request.compactArray(3, () => {
    const group = request.compactString();
    const topics = request.compactArray(3, () => {
      const topic = request.compactString();
      const partitions = request.compactArray(4, () => request.int32());
      request.taggedFields();
      return { topic, partitions };
    });
    request.taggedFields();
    return { group, topics };
  });
  answer.int32(0);
  answer.array(groups, ({ group, topics }) => {
    answer.string(group).array(topics, ({ topic, partitions }) => {
      answer.string(topic).array(partitions, (partition) => {
        answer.int32(partition).int64(noOffset).int32(-1).string('').int16(0).end();
      });
      answer.end();
    });
    answer.int16(0).end();
  });
  answer.end();
}
