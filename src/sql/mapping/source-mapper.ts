import { Buffer } from 'node:buffer';
import { asBuffer } from '../../base/as-buffer.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { textFromBytes } from '../values/cast.ts';
import { jsonBytesMapper, type RowScanner } from './json-bytes-mapper.ts';
import { jsonMapper } from './json-mapper.ts';
import { findsOf } from './json-targets.ts';
import { type Mapped, malformed } from './mapped.ts';

export interface SourceMapper {
  map(frame: string | Uint8Array): Mapped;
  /** The one row of a message that lies in a piece of memory, without an object for either; undefined: `map` decides. */
  readonly scan: RowScanner;
}

const scanNothing: RowScanner = () => undefined;

/** `used`: places of the columns that somebody reads; the others are only checked. Undefined: all are. */
export function sourceMapper({ columns, options }: StreamPlan, used?: ReadonlySet<number>): SourceMapper {
  switch (options.format) {
    case 'text':
      return {
        map(frame) {
          const text = textOf(frame);
          return text === null ? malformed('the message is not UTF-8') : { rows: [[text]], dropped: 0 };
        },
        scan: scanNothing,
      };
    case 'bytes':
      // A copy: whoever received the message may use its memory again.
      return { map: (frame) => ({ rows: [[Buffer.from(frame as Uint8Array)]], dropped: 0 }), scan: scanNothing };
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
  const scan = jsonBytesMapper(columns, finds, used) ?? scanNothing;
  return {
    map(frame) {
      if (typeof frame === 'string') return mapText(frame);
      const values = scan(asBuffer(frame), 0, frame.length);
      if (values !== undefined) return { rows: [values], dropped: 0 };
      const text = textOf(frame);
      return text === null ? malformed('the message is not UTF-8') : mapText(text);
    },
    scan,
  };
}

function textOf(frame: string | Uint8Array): string | null {
  return typeof frame === 'string' ? frame : textFromBytes(frame);
}
