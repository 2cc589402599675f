/**
 * JSON of structures whose fields are all texts, and whose texts are held as bytes: written byte by byte, without a string
 * between. That is what an event stream gives; decoding and encoding each field again cost ten times as much.
 */
import { isUtf8 } from 'node:buffer';
import type { ColumnWriter } from '../record/column-writer.ts';
import type { Schema } from '../record/schema.ts';
import { jsonString } from './json-text.ts';

/** What stands around the fields of a structure. */
interface Plan {
  readonly names: readonly string[];
  /** `{"event":`, `,"id":`, … with what stands before the structure in front of the first. */
  readonly before: readonly Uint8Array[];
  readonly optional: readonly boolean[];
  readonly after: Uint8Array;
  readonly fixedBytes: number;
}

const slabBytes = 256 * 1024;
/** Structures that could become longer take the usual way: a slab would be too small for them. */
const longest = slabBytes / 4;
/** A byte may become `\u001F`. */
const worstGrowth = 6;

const quote = 34;
const backslash = 92;
const nothing = Buffer.from('null');
const hex = Buffer.from('0123456789ABCDEF');

/** For each byte: 0 as it is, 1 a \u escape, 2 beyond ASCII, else the letter behind the backslash. */
const treatment = new Uint8Array(256);
treatment.fill(1, 0, 32);
treatment.fill(2, 128);
for (const [byte, letter] of [
  [8, 'b'],
  [9, 't'],
  [10, 'n'],
  [12, 'f'],
  [13, 'r'],
  [quote, '"'],
  [backslash, '\\'],
] as const)
  treatment[byte] = letter.charCodeAt(0);

export class JsonTexts {
  readonly #plans = new WeakMap<Schema, Plan | null>();
  readonly #before: (schema: Schema) => string;
  readonly #after: string;
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #at = 0;

  /** What stands before and after each structure. */
  constructor(before: (schema: Schema) => string, after: string) {
    this.#before = before;
    this.#after = after;
  }

  /** undefined where the structure is another one, or something in it wants a closer look. */
  write(schema: Schema, value: object): Uint8Array | undefined {
    const plan = this.#planOf(schema);
    const worst = plan === null ? -1 : mostBytes(plan, value);
    if (plan === null || worst < 0) return undefined;
    if (this.#at + worst > slabBytes) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#at = 0;
    }
    const slab = this.#slab;
    const start = this.#at;
    const end = writeStruct(slab, start, plan, value);
    if (end < 0) return undefined;
    this.#at = end;
    return new Uint8Array(slab.buffer, slab.byteOffset + start, end - start);
  }

  /** The same as one more value of a column. False where `write` gives undefined: nothing is appended. */
  append(schema: Schema, value: object, into: ColumnWriter): boolean {
    const plan = this.#planOf(schema);
    const worst = plan === null ? -1 : mostBytes(plan, value);
    if (plan === null || worst < 0) return false;
    const end = writeStruct(into.room(worst), into.end, plan, value);
    if (end < 0) return false;
    into.added(end);
    return true;
  }

  #planOf(schema: Schema): Plan | null {
    let plan = this.#plans.get(schema);
    if (plan === undefined) {
      plan = planFor(schema, this.#before(schema), this.#after);
      this.#plans.set(schema, plan);
    }
    return plan;
  }
}

/** What the structure takes at most; -1 where it is to be written the usual way. */
function mostBytes({ names, optional, fixedBytes }: Plan, value: object): number {
  let worst = fixedBytes;
  for (let index = 0; index < names.length; index++) {
    const text = (value as Record<string, unknown>)[names[index]!];
    if (text === null || text === undefined) {
      if (!optional[index]) return -1;
    } else if (text instanceof Uint8Array) worst += text.length * worstGrowth + 2;
    else return -1;
  }
  return worst > longest ? -1 : worst;
}

/** Where it ends; -1 where a text is not UTF-8. */
function writeStruct(out: Uint8Array, from: number, { names, before, after }: Plan, value: object): number {
  let at = from;
  for (let index = 0; index < names.length; index++) {
    at = copy(out, at, before[index]!);
    const text = (value as Record<string, Uint8Array | null | undefined>)[names[index]!];
    at = text === null || text === undefined ? copy(out, at, nothing) : writeText(out, at, text);
    if (at < 0) return -1;
  }
  return copy(out, at, after);
}

function planFor({ type, fields = [] }: Schema, before: string, after: string): Plan | null {
  const isOfTexts = fields.every(({ schema }) => schema.type === 'string' && schema.default === undefined);
  if (type !== 'struct' || fields.length === 0 || !isOfTexts) return null;
  const parts = fields.map(({ name }, index) => Buffer.from(`${index === 0 ? `${before}{` : ','}${jsonString(name)}:`));
  const end = Buffer.from(`}${after}`);
  return {
    names: fields.map(({ name }) => name),
    before: parts,
    optional: fields.map(({ schema }) => schema.optional),
    after: end,
    fixedBytes: parts.reduce((sum, part) => sum + part.length + nothing.length, end.length),
  };
}

function copy(out: Uint8Array, from: number, bytes: Uint8Array): number {
  let at = from;
  for (let index = 0; index < bytes.length; index++) out[at++] = bytes[index]!;
  return at;
}

/** Where the text ends, quotes included; -1 where it is not UTF-8. */
function writeText(out: Uint8Array, from: number, text: Uint8Array): number {
  const { length } = text;
  let at = from;
  let isChecked = false;
  out[at++] = quote;
  for (let index = 0; index < length; index++) {
    const byte = text[index]!;
    const how = treatment[byte]!;
    if (how === 0) out[at++] = byte;
    else if (how === 1) at = writeEscape(out, at, byte);
    else if (how === 2) {
      if (!isChecked && !isUtf8(text)) return -1;
      isChecked = true;
      if (byte < 0xf0) out[at++] = byte;
      else {
        at = writeSurrogates(out, at, text, index);
        index += 3;
      }
    } else {
      out[at++] = backslash;
      out[at++] = how;
    }
  }
  out[at++] = quote;
  return at;
}

/** A character of four bytes, as the two escapes that the JsonConverter writes for it. */
function writeSurrogates(out: Uint8Array, from: number, text: Uint8Array, at: number): number {
  const code =
    ((text[at]! & 7) << 18) | ((text[at + 1]! & 63) << 12) | ((text[at + 2]! & 63) << 6) | (text[at + 3]! & 63);
  const high = writeEscape(out, from, 0xd800 + ((code - 0x10000) >> 10));
  return writeEscape(out, high, 0xdc00 + ((code - 0x10000) & 0x3ff));
}

function writeEscape(out: Uint8Array, at: number, unit: number): number {
  out[at] = backslash;
  out[at + 1] = 117; // u
  out[at + 2] = hex[unit >> 12]!;
  out[at + 3] = hex[(unit >> 8) & 15]!;
  out[at + 4] = hex[(unit >> 4) & 15]!;
  out[at + 5] = hex[unit & 15]!;
  return at + 6;
}
