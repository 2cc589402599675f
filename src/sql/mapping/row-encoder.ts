import { Buffer } from 'node:buffer';
import type { StreamPlan } from '../check/stream-plan.ts';
import { JsonBytes } from '../json/json-bytes.ts';
import { writeJson } from '../json/write.ts';
import type { Json, Row, Value } from '../values/value.ts';
import { type SinkMapper, sinkMapper } from './sink-mapper.ts';

const firstBytesPerRow = 100;

/** Rows as the messages that their sink sends: views, side by side in one piece of memory. */
export type RowEncoder = (rows: readonly Row[]) => Uint8Array[];

export function rowEncoder(plan: StreamPlan): RowEncoder {
  const { format, values } = plan.options;
  const isTrue = (key: string): boolean => values.get(key)?.toLowerCase() === 'true';
  if (format !== 'json' || values.has('json.template') || isTrue('json.pretty-print'))
    return fromMapper(sinkMapper(plan));
  const names = plan.columns.map(({ name }) => `${JSON.stringify(name)}:`);
  const withTime = isTrue('json.include-timestamp');
  if (withTime) names.unshift('"_timestamp":');
  const keys = names.map((name, index) => Buffer.from((index === 0 ? '{' : ',') + name));
  let bytesPerRow = firstBytesPerRow;
  return (rows) => {
    // The last batch says how long rows are; with a little room, growing is the exception.
    const out = new JsonBytes(Math.ceil(bytesPerRow * rows.length * 1.1));
    const ends = new Float64Array(rows.length);
    for (let i = 0; i < rows.length; i++) {
      writeRow(out, keys, rows[i]!, withTime);
      ends[i] = out.length;
    }
    if (rows.length > 0) bytesPerRow = out.length / rows.length;
    return cut(out.view(), ends);
  };
}

function writeRow(out: JsonBytes, keys: readonly Uint8Array[], { values, timestamp }: Row, withTime: boolean): void {
  let key = 0;
  if (withTime) {
    out.raw(keys[key++]!);
    out.number(timestamp);
  }
  for (let i = 0; i < values.length; i++) {
    out.raw(keys[key++]!);
    writeValue(out, values[i]!);
  }
  out.byte(0x7d);
}

function writeValue(out: JsonBytes, value: Value): void {
  if (typeof value === 'number') out.number(value);
  else if (typeof value === 'string') out.text(value);
  else if (value instanceof Uint8Array) out.text(Buffer.from(value).toString('base64'));
  else if (typeof value === 'object' && value !== null) out.json(writeJson(value as Json));
  else out.plain(String(value));
}

function cut(bytes: Buffer, ends: Float64Array): Uint8Array[] {
  const messages: Uint8Array[] = new Array(ends.length);
  for (let i = 0, from = 0; i < ends.length; i++) {
    const end = ends[i]!;
    messages[i] = bytes.subarray(from, end);
    from = end;
  }
  return messages;
}

function fromMapper(map: SinkMapper): RowEncoder {
  return (rows) =>
    rows.map((row) => {
      const message = map(row);
      return typeof message === 'string' ? Buffer.from(message) : message;
    });
}
