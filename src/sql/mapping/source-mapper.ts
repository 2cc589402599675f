import { Buffer } from 'node:buffer';
import type { StreamPlan } from '../check/stream-plan.ts';
import { textFromBytes } from '../values/cast.ts';
import type { Values } from '../values/value.ts';
import { jsonMapper } from './json-mapper.ts';

/** What becomes of a message: rows, and how many rows (or messages) were dropped and why the first of them was. */
export interface Mapped {
  readonly rows: readonly Values[];
  readonly dropped: number;
  readonly problem?: string;
}

export type SourceMapper = (frame: string | Uint8Array) => Mapped;

export function sourceMapper({ columns, options }: StreamPlan): SourceMapper {
  switch (options.format) {
    case 'text':
      return (frame) => {
        const text = textOf(frame);
        return text === null ? drop('the message is not UTF-8') : { rows: [[text]], dropped: 0 };
      };
    case 'bytes':
      // A copy: whoever received the message may use its memory again.
      return (frame) => ({ rows: [[Buffer.from(frame as Uint8Array)]], dropped: 0 });
    default:
      return jsonSource(columns, options.values);
  }
}

function jsonSource(columns: StreamPlan['columns'], options: ReadonlyMap<string, string>): SourceMapper {
  const map = jsonMapper(columns, options);
  return (frame) => {
    const text = textOf(frame);
    return text === null ? drop('the message is not UTF-8') : map(text);
  };
}

function drop(problem: string): Mapped {
  return { rows: [], dropped: 1, problem };
}

function textOf(frame: string | Uint8Array): string | null {
  return typeof frame === 'string' ? frame : textFromBytes(frame);
}
