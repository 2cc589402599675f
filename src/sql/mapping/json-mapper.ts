import type { Column } from '../check/scope.ts';
import { parseJson } from '../json/parse.ts';
import type { Value, Values } from '../values/value.ts';
import { columnFromJson, failed } from './json-column.ts';
import type { Find } from './json-targets.ts';
import { type JsonView, nativeView, ownView } from './json-view.ts';
import { type Mapped, malformed } from './mapped.ts';

/**
 * Messages of JSON as rows. The platform's parser is several times faster than ours, but it rounds integers beyond 2^53 and
 * moves members with numbers for names: where a column wants such an integer or a nested value, ours reads the message.
 */
export function jsonMapper(columns: readonly Column[], finds: readonly Find[]): (text: string) => Mapped {
  return (text) => {
    const native = parseNative(text);
    if (native === undefined) return malformed('the message is not JSON');
    const mapped = mapRoot(native, nativeView, columns, finds);
    if (mapped !== 'inexact') return mapped;
    const root = parseJson(text);
    if (root === undefined) return malformed('the message is not JSON');
    return mapRoot(root, ownView, columns, finds) as Mapped;
  };
}

function parseNative(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the parser has no other way to say that it is no JSON
  }
}

/** `inexact` where the view meets a value that it cannot hand on as it was written. */
function mapRoot(
  root: unknown,
  view: JsonView,
  columns: readonly Column[],
  finds: readonly Find[],
): Mapped | 'inexact' {
  if (view.isObject(root)) {
    const row = mapObject(root, view, columns, finds);
    if (row === 'inexact') return 'inexact';
    return typeof row === 'string' ? { rows: [], dropped: 1, problem: row } : { rows: [row], dropped: 0 };
  }
  if (!Array.isArray(root)) return malformed('the message is not a JSON object');
  const rows: Values[] = [];
  let problem: string | undefined;
  for (const element of root) {
    const row = view.isObject(element)
      ? mapObject(element, view, columns, finds)
      : 'an element of the message is not a JSON object';
    if (row === 'inexact') return 'inexact';
    if (typeof row === 'string') problem ??= row;
    else rows.push(row);
  }
  return { rows, dropped: root.length - rows.length, problem };
}

/** A row, or what is wrong, or `inexact`. */
function mapObject(
  message: object,
  view: JsonView,
  columns: readonly Column[],
  finds: readonly Find[],
): Values | string {
  const values: Value[] = new Array(columns.length);
  for (let i = 0; i < columns.length; i++) {
    const { type, name } = columns[i]!;
    const found = find(message, view, finds[i]!);
    if (view.isInexact(found, type)) return 'inexact';
    const value = columnFromJson(found as Value as never, type);
    if (value === failed) return `column '${name}' cannot be converted to ${type}`;
    values[i] = value;
  }
  return values;
}

function find(message: object, view: JsonView, where: Find): unknown {
  if (where.kind === 'path') {
    let current: unknown = message;
    for (const key of where.path) current = view.member(current, key) ?? null;
    return current;
  }
  const exact = view.member(message, where.name);
  if (exact !== undefined) return exact;
  if (where.folded === undefined) return null;
  let found: unknown;
  for (const key of view.keys(message)) {
    if (key.length !== where.name.length || key.toLowerCase() !== where.folded) continue;
    if (found !== undefined) return null;
    found = view.member(message, key);
  }
  return found ?? null;
}
