import { Buffer } from 'node:buffer';
import { ValueColumn } from '../../record/value-column.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { JsonBytes } from '../json/json-bytes.ts';
import { writeJson } from '../json/write.ts';
import type { Json, Row, Value } from '../values/value.ts';
import { type SinkMapper, sinkMapper } from './sink-mapper.ts';

const firstBytesPerRow = 100;

/** Rows as the messages that their sink sends, side by side in one piece of memory, with the times of their rows. */
export type RowEncoder = (rows: readonly Row[]) => ValueColumn;

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
    const spans = new Int32Array(rows.length * 2);
    for (let i = 0; i < rows.length; i++) {
      spans[i * 2] = out.length;
      writeRow(out, keys, rows[i]!, withTime);
      spans[i * 2 + 1] = out.length;
    }
    if (rows.length > 0) bytesPerRow = out.length / rows.length;
    return columnOf(out.view(), spans, rows);
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

function fromMapper(map: SinkMapper): RowEncoder {
  return (rows) => {
    const messages = rows.map((row) => {
      const message = map(row);
      return typeof message === 'string' ? Buffer.from(message) : message;
    });
    const spans = new Int32Array(rows.length * 2);
    for (let i = 0, at = 0; i < rows.length; i++) {
      spans[i * 2] = at;
      at += messages[i]!.length;
      spans[i * 2 + 1] = at;
    }
    return columnOf(Buffer.concat(messages), spans, rows);
  };
}

function columnOf(bytes: Buffer, spans: Int32Array, rows: readonly Row[]): ValueColumn {
  const times = new Float64Array(rows.length);
  let longest = 0;
  for (let i = 0; i < rows.length; i++) {
    times[i] = Math.max(0, rows[i]!.timestamp); // brokers know no time before 1970
    longest = Math.max(longest, spans[i * 2 + 1]! - spans[i * 2]!);
  }
  return new ValueColumn(bytes, spans, rows.length, longest, times);
}
