/**
 * A text as the value that it reads as, as Kafka Connect infers it: the smallest type that holds a number, true and false,
 * null, dates and times in ISO 8601 with milliseconds and Z, lists `[1,2]` and maps `{"a":1}`. All else is a text. One
 * thing is different: a number with something behind it (`10:20:30`) is a text, Connect takes the number alone.
 */
import { parseDecimal, unscaledBytes } from '../record/decimal.ts';
import { DATE, DECIMAL_NAME, msPerDay, TIME, TIMESTAMP } from '../record/logical.ts';
import { type Schema, type SchemaType, STRING } from '../record/schema.ts';
import { dateFormat } from './date-format.ts';

export interface Literal {
  readonly schema: Schema | null;
  readonly value: unknown;
}

export function parseLiteral(text: string): Literal {
  const trimmed = text.trim();
  const simple = parseSimple(trimmed);
  if (simple !== undefined) return simple;
  if (/^[[{]/.test(trimmed)) {
    const reader = new Reader(trimmed);
    const found = reader.nested();
    if (found !== undefined && reader.rest() === '') return found;
  }
  return { schema: STRING, value: trimmed };
}

const nothing: Literal = { schema: null, value: null };

function parseSimple(text: string): Literal | undefined {
  if (text === 'null') return nothing;
  if (text === 'true' || text === 'false') return { schema: plain('boolean'), value: text === 'true' };
  if (/^\d/.test(text)) {
    const temporal = parseTemporal(text);
    if (temporal !== undefined) return temporal;
  }
  return /^[+\-\d]/.test(text) ? parseNumber(text) : undefined;
}

const temporals = [
  { length: 10, format: dateFormat('yyyy-MM-dd'), schema: DATE, divisor: msPerDay },
  { length: 13, format: dateFormat("HH:mm:ss.SSS'Z'"), schema: TIME, divisor: 1 },
  { length: 24, format: dateFormat("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"), schema: TIMESTAMP, divisor: 1 },
];

function parseTemporal(text: string): Literal | undefined {
  for (const { length, format, schema, divisor } of temporals) {
    const ms = text.length === length ? format.parse(text) : undefined;
    if (ms !== undefined) return { schema, value: ms / divisor };
  }
  return undefined;
}

const integers: readonly (readonly [SchemaType, number])[] = [
  ['int8', 8],
  ['int16', 16],
  ['int32', 32],
  ['int64', 64],
];

function parseNumber(text: string): Literal | undefined {
  const decimal = parseDecimal(text);
  if (decimal === undefined) return undefined;
  const { unscaled, scale } = decimal;
  const whole = wholeOf(unscaled, scale);
  if (whole !== undefined) {
    for (const [type, bits] of integers) {
      if (BigInt.asIntN(bits, whole) !== whole) continue;
      const small = Number(whole);
      return { schema: plain(type), value: Number.isSafeInteger(small) ? small : whole };
    }
  }
  const value = Number(text);
  if (scale !== 0 && Number.isFinite(Math.fround(value)))
    return { schema: plain('float32'), value: Math.fround(value) };
  if (scale !== 0 && Number.isFinite(value)) return { schema: plain('float64'), value };
  const schema: Schema = {
    type: 'bytes',
    optional: false,
    name: DECIMAL_NAME,
    version: 1,
    parameters: { scale: String(scale) },
  };
  return { schema, value: unscaledBytes(unscaled) };
}

/** Undefined for a number with a fraction, or one that is far beyond 64 bits. */
function wholeOf(unscaled: bigint, scale: number): bigint | undefined {
  if (unscaled === 0n) return 0n;
  if (scale < -30 || scale > 10_000) return undefined;
  if (scale <= 0) return unscaled * 10n ** BigInt(-scale);
  const unit = 10n ** BigInt(scale);
  return unscaled % unit === 0n ? unscaled / unit : undefined;
}

/** Lists and maps, whose members are values again. Undefined where the text is no such thing. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  rest(): string {
    return this.#text.slice(this.#at).trim();
  }

  nested(): Literal | undefined {
    if (this.#take('[')) return this.#list();
    if (this.#take('{')) return this.#map();
    if (this.#take('"')) return this.#quoted();
    const end = this.#text.slice(this.#at).search(/[\]},]|:(?!\d\d)/);
    if (end < 0) return undefined;
    const word = this.#text.slice(this.#at, this.#at + end).trim();
    this.#at += end;
    return parseSimple(word);
  }

  #list(): Literal | undefined {
    const items: Literal[] = [];
    while (!this.#take(']')) {
      const item = this.nested();
      if (item === undefined) return undefined;
      items.push(item);
      if (!this.#take(',') && !this.#isNext(']')) return undefined;
    }
    const valueSchema = commonSchema(items);
    return { schema: { type: 'array', optional: false, valueSchema }, value: items.map(({ value }) => value) };
  }

  #map(): Literal | undefined {
    const keys: Literal[] = [];
    const values: Literal[] = [];
    while (!this.#take('}')) {
      const key = this.nested();
      if (key === undefined || key.value === null || !this.#take(':')) return undefined;
      const value = this.nested();
      if (value === undefined) return undefined;
      keys.push(key);
      values.push(value);
      if (!this.#take(',') && !this.#isNext('}')) return undefined;
    }
    return {
      schema: { type: 'map', optional: false, keySchema: commonSchema(keys), valueSchema: commonSchema(values) },
      value: new Map(keys.map(({ value }, i) => [value, values[i]!.value])),
    };
  }

  /** To the next quotation mark without a backslash; backslashes stay. */
  #quoted(): Literal | undefined {
    const found = /^((?:[^"\\]|\\[\s\S])*)"/.exec(this.#text.slice(this.#at));
    if (found === null) return undefined;
    this.#at += found[0].length;
    return (/^\d/.test(found[1]!) ? parseTemporal(found[1]!) : undefined) ?? { schema: STRING, value: found[1]! };
  }

  #take(char: string): boolean {
    if (!this.#isNext(char)) return false;
    this.#at++;
    return true;
  }

  #isNext(char: string): boolean {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text[this.#at] === char;
  }
}

const widths: readonly SchemaType[] = ['int8', 'int16', 'int32', 'int64', 'float32', 'float64'];

/** The schema that holds all of them, undefined where none does. Nulls do not count. */
function commonSchema(items: readonly Literal[]): Schema | undefined {
  let common: Schema | undefined;
  for (const { schema } of items) {
    if (schema === null) continue;
    if (common === undefined || common.type === schema.type) common ??= schema;
    else if (!widths.includes(common.type) || !widths.includes(schema.type)) return undefined;
    else if (widths.indexOf(schema.type) > widths.indexOf(common.type)) common = schema;
  }
  return common;
}

function plain(type: SchemaType): Schema {
  return { type, optional: false };
}
