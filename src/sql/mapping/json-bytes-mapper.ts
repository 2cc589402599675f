import type { Buffer } from 'node:buffer';
import type { Column } from '../check/scope.ts';
import { parseJson } from '../json/parse.ts';
import { decimalOf } from '../values/decimal-bytes.ts';
import { intFromLong } from '../values/long.ts';
import type { Type } from '../values/type.ts';
import type { Json, Value, Values } from '../values/value.ts';
import { columnFromJson, failed } from './json-column.ts';
import { found, JsonScanner } from './json-scanner.ts';
import { type ColumnSlots, type Find, targetsOf } from './json-targets.ts';
import { ShortTexts } from './short-texts.ts';

interface Wanted extends ColumnSlots {
  readonly type: Type;
  /** Nobody reads the column: it is checked, but not made. */
  readonly isUsed: boolean;
}

/** The row of the message that lies there; undefined where it is not of the usual form. */
export type RowScanner = (bytes: Buffer, begin: number, end: number) => Values | undefined;

/**
 * The row of a message of JSON, straight from its bytes: a scanner finds the columns' values, short texts are looked up, short
 * numbers are read where they lie, and what nobody reads is not made. Undefined for whatever is not of the usual forms (a
 * message that is an array, a value that does not fit, more digits than a double has …): then jsonMapper decides. Undefined
 * instead of a mapper where the columns' names do not allow it.
 */
export function jsonBytesMapper(
  columns: readonly Column[],
  finds: readonly Find[],
  used: ReadonlySet<number> | undefined,
): RowScanner | undefined {
  const targets = targetsOf(finds);
  if (targets === undefined) return undefined;
  const scanner = new JsonScanner(targets.root, targets.slots);
  const texts = new ShortTexts();
  const wanted = columns.map(
    ({ type, notNull }, index): Wanted => ({
      ...targets.columns[index]!,
      type,
      isUsed: used === undefined || used.has(index) || notNull === true,
    }),
  );
  return (bytes, begin, end) => {
    if (!scanner.scan(bytes, begin, end)) return undefined;
    const values: Value[] = new Array(wanted.length);
    for (let i = 0; i < wanted.length; i++) {
      const column = wanted[i]!;
      const slot = slotOf(column, scanner);
      if (slot === ambiguous) return undefined;
      const value = slot === nowhere ? null : valueAt(slot, column, scanner, bytes, texts);
      if (value === failed) return undefined;
      values[i] = value;
    }
    return values;
  };
}

const nowhere = -1;
const ambiguous = -2;

function slotOf({ exact, folded }: ColumnSlots, { kinds, hasWideKey }: JsonScanner): number {
  if (kinds[exact] !== found.nothing) return exact;
  if (folded === -1) return nowhere;
  if (hasWideKey || kinds[folded] === found.ambiguous) return ambiguous;
  return kinds[folded] === found.nothing ? nowhere : folded;
}

function valueAt(
  slot: number,
  { type, isUsed }: Wanted,
  scanner: JsonScanner,
  bytes: Buffer,
  texts: ShortTexts,
): Value | typeof failed {
  const kind = scanner.kinds[slot]!;
  if (kind === found.null) return null;
  const start = scanner.starts[slot]!;
  const end = scanner.ends[slot]!;
  switch (type) {
    case 'STRING':
      if (!isUsed) return null; // everything has a text
      if (kind === found.plainText) return texts.of(bytes, start, end);
      if (kind === found.text) return bytes.toString('utf8', start, end);
      break;
    case 'OBJECT':
      if (!isUsed) return null;
      break;
    case 'DOUBLE':
    case 'FLOAT': {
      if (kind > found.number || (kind !== found.plainText && kind < found.integer)) break;
      const number = decimalOf(bytes, start, end);
      if (!Number.isNaN(number)) return number;
      break;
    }
    case 'LONG':
    case 'INT': {
      if (kind !== found.plainText && kind !== found.integer) break;
      const number = decimalOf(bytes, start, end);
      // A text with a point is none, and no integer has one; a zero has no sign.
      if (!Number.isInteger(number) || (kind === found.plainText && hasPoint(bytes, start, end))) break;
      return type === 'LONG' ? number + 0 : (intFromLong(number) ?? failed);
    }
    case 'BOOL':
      if (kind === found.true) return true;
      if (kind === found.false) return false;
      break;
    case 'BYTES':
      break;
  }
  return columnFromJson(jsonAt(kind, start, end, bytes), type);
}

function hasPoint(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (bytes[at] === 0x2e) return true;
  }
  return false;
}

/** What the full parser would have made of the value alone. The scanner has checked it. */
function jsonAt(kind: number, start: number, end: number, bytes: Buffer): Json {
  switch (kind) {
    case found.plainText:
    case found.text:
      return bytes.toString('utf8', start, end);
    case found.escapedText:
      return parseJson(bytes.toString('utf8', start - 1, end + 1))!;
    case found.true:
      return true;
    case found.false:
      return false;
    default:
      return parseJson(bytes.toString('utf8', start, end))!;
  }
}
