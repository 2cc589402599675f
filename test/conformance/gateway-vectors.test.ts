import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ConsumedRecord } from '../../src/record/record.ts';
import {
  type BinaryGroup,
  binaryDataFrame,
  publishedBinary,
  readBinaryFrames,
} from '../../src/wire/gateway/binary-frames.ts';
import { decodePosition, encodePosition, type TopicPosition } from '../../src/wire/gateway/position.ts';
import { readV2Binary, v2Binary } from '../../src/wire/gateway/v2.ts';
import {
  bytesOf,
  decodeFrames,
  encodeAck,
  encodePublish,
  type FrameHeader,
  type FrameRecord,
} from '../support/gateway/binary-frames.ts';

interface Vector {
  readonly id: string;
  readonly kind: 'bin' | 'pos' | 'v2' | 'bad-bin' | 'bad-pos';
  readonly hex: string;
  readonly text: string;
  readonly frame: { readonly type: string; readonly id: number } & Record<string, never>;
  readonly pos: Record<string, TopicPosition>;
  readonly topic: string;
  readonly value_base64: string;
}

const limits = { topics: 64, window: 10_000 };

const vectors = readFileSync(join(import.meta.dirname, 'gateway/vectors.jsonl'), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Vector);

for (const vector of vectors) test(`${vector.id} (${vector.kind})`, () => checks[vector.kind](vector));

const checks: Record<Vector['kind'], (vector: Vector) => void> = {
  bin({ frame, hex }) {
    equal(encode(frame).toString('hex'), hex);
    deepEqual(decodeFrames(Buffer.from(hex, 'hex')), [frame]);
    if (frame.type === 'pub' || frame.type === 'ack') {
      const [read, ...more] = readBinaryFrames(Buffer.from(hex, 'hex'), limits);
      deepEqual(more, []);
      equal(read?.type, frame.type);
    }
  },
  pos({ pos, text }) {
    const position = new Map(Object.entries(pos));
    equal(encodePosition(position), text);
    deepEqual(decodePosition(text), position);
  },
  v2({ hex, topic, value_base64: value }) {
    const bytes = Buffer.from(value, 'base64');
    equal(v2Binary(topic, bytes).toString('hex'), hex);
    const input = readV2Binary(Buffer.from(hex, 'hex'));
    ok(input.kind === 'message');
    equal(input.message.topic, topic);
    deepEqual(Buffer.from(input.message.message as Uint8Array), bytes);
  },
  'bad-bin'({ hex }) {
    equal(readBinaryFrames(Buffer.from(hex, 'hex'), limits).at(-1)?.type, 'fatal');
  },
  'bad-pos'({ text }) {
    equal(decodePosition(text), undefined);
  },
};

function encode(frame: Vector['frame']): Buffer {
  switch (frame.type) {
    case 'pub':
      return encodePublish(frame as never);
    case 'ack':
      return encodeAck(frame as never);
    case 'ok':
      return publishedBinary(frame.id, {
        duplicate: false,
        ...(frame as unknown as { partition: number; offset: number; timestamp: number }),
      });
    case 'data': {
      const {
        id,
        seq,
        pos,
        conflated = 0,
        records,
      } = frame as unknown as { id: number; seq: number; pos: string; conflated?: number; records: FrameRecord[] };
      return binaryDataFrame(id, seq, groupsOf(records), pos, conflated);
    }
    default:
      throw new Error(`no binary form of ${frame.type}`);
  }
}

function groupsOf(records: readonly FrameRecord[]): BinaryGroup[] {
  const groups: { topic: string; partition: number; records: ConsumedRecord[] }[] = [];
  for (const { topic, partition, offset, timestamp, ...rest } of records) {
    let group = groups.at(-1);
    if (group?.topic !== topic || group.partition !== partition) {
      group = { topic, partition, records: [] };
      groups.push(group);
    }
    group.records.push({
      offset,
      timestampMs: timestamp,
      key: bytesOf(rest.key, rest.key_base64),
      value: bytesOf(rest.value, rest.value_base64),
      headers: (rest.headers ?? []).map((header: FrameHeader) => ({
        key: header.name,
        value: bytesOf(header.value, header.value_base64),
      })),
    });
  }
  return groups;
}
