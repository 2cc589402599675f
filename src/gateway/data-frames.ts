/**
 * What a subscription took, as frames of the native protocol in either form. A data frame is a few bytes of its own around
 * records that all subscribers share.
 */
import {
  type BinaryRecords,
  binaryDataHead,
  binaryGroupHead,
  encodeBinaryRecords,
} from '../wire/gateway/binary-frames.ts';
import type { ValueFormat } from '../wire/gateway/frames.ts';
import { recordJson } from '../wire/gateway/record-json.ts';
import { dataHead, dataTail, gapFrame } from '../wire/gateway/server-frames.ts';
import type { Piece, Taken } from './delivery.ts';
import type { Chunk } from './hub/chunk.ts';
import { type EncodedRecords, encodeTexts } from './hub/encoded-records.ts';

/** Up to so many bytes a group's head and its records are put together once, for all who want the same. */
const maxSharedBytes = 4096;

export interface FrameForm {
  readonly id: number;
  readonly format: ValueFormat;
  readonly isBinary: boolean;
  /** Number of the next data frame, which holds so many records. */
  nextSeq(records: number): number;
}

/** A message of its own. Texts are ASCII; buffers are shared and must not be written to. */
export interface DataFrame {
  readonly isText: boolean;
  readonly parts: readonly (string | Buffer)[];
  readonly length: number;
}

/**
 * `pos` stands behind everything taken, so the last data frame has it; one that a gap follows goes without, and where the
 * gap is the last of all, a frame without records tells it: nothing may follow for long (PROTOCOL.md, 3.3).
 */
export function framesOf(taken: Taken, pos: string, form: FrameForm): (string | DataFrame)[] {
  const frames: (string | DataFrame)[] = [];
  let run: Piece[] = [];
  let conflated = taken.conflated;
  let isUntold = false;
  const flush = (told: string | null): void => {
    if (run.length === 0 && !(told !== null && isUntold)) return;
    isUntold = told === null;
    let records = 0;
    for (const { start, end } of run) records += end - start;
    const seq = form.nextSeq(records);
    frames.push((form.isBinary ? binaryFrame : jsonFrame)(run, seq, told, conflated, form));
    run = [];
    conflated = 0;
  };
  for (const item of taken.items) {
    if (item.kind === 'records') run.push(item);
    else {
      flush(null);
      frames.push(gapFrame(form.id, item.gap));
    }
  }
  flush(pos);
  return frames;
}

function jsonFrame(
  run: readonly Piece[],
  seq: number,
  pos: string | null,
  conflated: number,
  form: FrameForm,
): DataFrame {
  const parts: (string | Buffer)[] = [dataHead(form.id, seq)];
  for (const { chunk, start, end } of run) {
    if (parts.length > 1) parts.push(',');
    const { bytes, starts } = chunk.encoded(`json ${form.format}`, jsonEncoders[form.format]);
    parts.push(bytes.subarray(starts[start], starts[end]! - 1)); // without the comma behind the last one
  }
  parts.push(dataTail(pos, conflated));
  return { isText: true, parts, length: lengthOf(parts) };
}

function binaryFrame(
  run: readonly Piece[],
  seq: number,
  pos: string | null,
  conflated: number,
  form: FrameForm,
): DataFrame {
  const parts: (string | Buffer)[] = [binaryDataHead(form.id, seq, pos, conflated, run.length)];
  for (const { chunk, start, end } of run) {
    const { bytes, starts, bodies } = chunk.encoded('binary', encodeBinary) as BinaryRecords;
    const from = bodies[start]!;
    const to = starts[end]!;
    if (to - from > maxSharedBytes) parts.push(groupHeadOf(chunk, start, end), bytes.subarray(from, to));
    else {
      const whole = (): Buffer => Buffer.concat([groupHeadOf(chunk, start, end), bytes.subarray(from, to)]);
      parts.push(chunk.range(start, end, whole));
    }
  }
  return { isText: false, parts, length: lengthOf(parts) };
}

function groupHeadOf({ topic, partition, records }: Chunk, start: number, end: number): Buffer {
  return binaryGroupHead(topic, partition, records[start]!.offset, records[0]!.timestampMs, end - start);
}

function jsonEncoder(format: ValueFormat): (chunk: Chunk) => EncodedRecords {
  return ({ topic, partition, records }) =>
    encodeTexts(records.length, (at) => `${recordJson(topic, partition, records[at]!, format)},`);
}

const jsonEncoders: Readonly<Record<ValueFormat, (chunk: Chunk) => EncodedRecords>> = {
  text: jsonEncoder('text'),
  json: jsonEncoder('json'),
  base64: jsonEncoder('base64'),
};

function encodeBinary({ records }: Chunk): BinaryRecords {
  return encodeBinaryRecords(records);
}

function lengthOf(parts: readonly (string | Buffer)[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}
