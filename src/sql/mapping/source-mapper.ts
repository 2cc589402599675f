import { Buffer } from 'node:buffer';
import type { StreamPlan } from '../check/stream-plan.ts';
import { textFromBytes } from '../values/cast.ts';
import { jsonBytesMapper } from './json-bytes-mapper.ts';
import { jsonMapper } from './json-mapper.ts';
import { findsOf } from './json-targets.ts';
import { type Mapped, malformed } from './mapped.ts';

export type SourceMapper = (frame: string | Uint8Array) => Mapped;

/** `used`: places of the columns that somebody reads; the others are only checked. Undefined: all are. */
export function sourceMapper({ columns, options }: StreamPlan, used?: ReadonlySet<number>): SourceMapper {
  switch (options.format) {
    case 'text':
      return (frame) => {
        const text = textOf(frame);
        return text === null ? malformed('the message is not UTF-8') : { rows: [[text]], dropped: 0 };
      };
    case 'bytes':
      // A copy: whoever received the message may use its memory again.
      return (frame) => ({ rows: [[Buffer.from(frame as Uint8Array)]], dropped: 0 });
    default:
      return jsonSource(columns, options.values, used);
  }
}

function jsonSource(
  columns: StreamPlan['columns'],
  options: ReadonlyMap<string, string>,
  used: ReadonlySet<number> | undefined,
): SourceMapper {
  const finds = findsOf(columns, options);
  const mapText = jsonMapper(columns, finds);
  const mapBytes = jsonBytesMapper(columns, finds, used);
  return (frame) => {
    if (typeof frame === 'string') return mapText(frame);
    const values = mapBytes?.(bufferOf(frame));
    if (values !== undefined) return { rows: [values], dropped: 0 };
    const text = textOf(frame);
    return text === null ? malformed('the message is not UTF-8') : mapText(text);
  };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function textOf(frame: string | Uint8Array): string | null {
  return typeof frame === 'string' ? frame : textFromBytes(frame);
}
