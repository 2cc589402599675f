import { Buffer } from 'node:buffer';
import type { Column } from '../check/scope.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { parseJson } from '../json/parse.ts';
import { atPath, parsePath } from '../json/path.ts';
import { textFromBytes } from '../values/cast.ts';
import type { Json, JsonObject, Value, Values } from '../values/value.ts';
import { columnFromJson, failed } from './json-column.ts';

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
      return (frame) => ({ rows: [[typeof frame === 'string' ? Buffer.from(frame) : frame]], dropped: 0 });
    default:
      return jsonMapper(columns, options.values);
  }
}

function drop(problem: string): Mapped {
  return { rows: [], dropped: 1, problem };
}

function textOf(frame: string | Uint8Array): string | null {
  return typeof frame === 'string' ? frame : textFromBytes(frame);
}

/** Where a column's value lies in a message. */
type Find = (message: JsonObject) => Json;

function jsonMapper(columns: readonly Column[], options: ReadonlyMap<string, string>): SourceMapper {
  const finds = columns.map((column) => {
    const path = options.get(`json.mapping.${column.name}`);
    return path === undefined ? findByName(column.name, columns) : findByPath(path);
  });
  return (frame) => {
    const text = textOf(frame);
    const root = text === null ? undefined : parseJson(text);
    if (root === undefined) return drop('the message is not JSON');
    if (!Array.isArray(root))
      return root instanceof Map ? mapObjects([root], columns, finds) : drop('the message is not a JSON object');
    return mapObjects(root, columns, finds);
  };
}

function mapObjects(elements: readonly Json[], columns: readonly Column[], finds: readonly Find[]): Mapped {
  const rows: Values[] = [];
  let problem: string | undefined;
  for (const element of elements) {
    const row =
      element instanceof Map ? mapObject(element, columns, finds) : 'an element of the message is not a JSON object';
    if (typeof row === 'string') problem ??= row;
    else rows.push(row);
  }
  return { rows, dropped: elements.length - rows.length, problem };
}

/** A row, or what is wrong. */
function mapObject(message: JsonObject, columns: readonly Column[], finds: readonly Find[]): Values | string {
  const values: Value[] = new Array(columns.length);
  for (let i = 0; i < columns.length; i++) {
    const { type, name } = columns[i]!;
    const value = columnFromJson(finds[i]!(message), type);
    if (value === failed) return `column '${name}' cannot be converted to ${type}`;
    values[i] = value;
  }
  return values;
}

function findByPath(text: string): Find {
  const path = parsePath(text)!;
  return (message) => atPath(message, path);
}

/**
 * The key of exactly that name; else the single one that differs only in case, provided that no other column has such a
 * name, whose key it might be.
 */
function findByName(name: string, columns: readonly Column[]): Find {
  const folded = name.toLowerCase();
  const isAlone = columns.filter((column) => column.name.toLowerCase() === folded).length === 1;
  return (message) => {
    const exact = message.get(name);
    if (exact !== undefined) return exact;
    if (!isAlone) return null;
    let found: Json | undefined;
    for (const [key, value] of message) {
      if (key.length !== name.length || key.toLowerCase() !== folded) continue;
      if (found !== undefined) return null;
      found = value;
    }
    return found ?? null;
  };
}
