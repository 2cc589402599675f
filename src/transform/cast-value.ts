/** One value as a value of another type, by the rules of Java's conversions between numbers. */
import { decimalText, unscaledOf } from '../record/decimal.ts';
import { doubleText, floatText } from '../record/java-number.ts';
import { DECIMAL_NAME, epochMsOf, msPerDay, scaleOf } from '../record/logical.ts';
import type { Schema, SchemaType } from '../record/schema.ts';
import { inferType, javaClass } from './java-class.ts';
import { floatOf, integerOf } from './java-parse.ts';
import { dataError } from './requirements.ts';

export const castTypes = ['int8', 'int16', 'int32', 'int64', 'float32', 'float64', 'boolean', 'string'] as const;
export type CastType = (typeof castTypes)[number];

const bitsOf = { int8: 8, int16: 16, int32: 32, int64: 64 } as const;
const inputs: readonly SchemaType[] = [...castTypes, 'bytes'];

export function castValue(schema: Schema | null, value: unknown, target: CastType): unknown {
  if (value === null || value === undefined) return null;
  const type = schema?.type ?? inferType(value);
  if (type === undefined) {
    throw dataError(
      `Cast transformation was passed a value of type class ${javaClass(schema, value)} which is not supported by Connect's data API`,
    );
  }
  if (!inputs.includes(type)) {
    throw dataError(
      `Cast transformation does not support casting from ${type.toUpperCase()}; supported types are [${inputs.map((input) => input.toUpperCase()).join(', ')}]`,
    );
  }
  const plain = plainOf(schema, type, value);
  switch (target) {
    case 'string':
      return toText(schema, type, value, plain);
    case 'boolean':
      return toBoolean(plain, schema, value);
    case 'float32':
      return single(schema, toFloat(plain, schema, value));
    case 'float64':
      return toFloat(plain, schema, value);
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      return toInteger(plain, bitsOf[target], schema, value);
  }
}

/** Without a schema nothing tells a number of 32 bits: it is the one of 64 bits that has the same digits. */
function single(schema: Schema | null, value: number): number {
  return schema === null ? Number(floatText(value)) : Math.fround(value);
}

/** A Decimal: whole units beside the text of it all. */
interface Decimal {
  readonly whole: bigint;
  readonly text: string;
}

type Plain = string | number | bigint | boolean | Uint8Array | Decimal;

function plainOf(schema: Schema | null, type: SchemaType, value: unknown): Plain {
  if (type === 'string' && value instanceof Uint8Array) return utf8Text(value);
  if (schema?.name === DECIMAL_NAME && value instanceof Uint8Array) {
    const unscaled = unscaledOf(value);
    const scale = scaleOf(schema);
    const whole = scale > 0 ? unscaled / 10n ** BigInt(scale) : unscaled * 10n ** BigInt(-scale);
    return { whole, text: decimalText(unscaled, scale) };
  }
  return value as Plain;
}

function toInteger(plain: Plain, bits: 8 | 16 | 32 | 64, schema: Schema | null, value: unknown): number | bigint {
  const isFloat = schema?.type === 'float32' || schema?.type === 'float64';
  const exact = integer(plain, bits, isFloat);
  if (exact === 'out of range') throw outOfRange();
  if (exact === undefined) throw unexpected(schema, value);
  const number = Number(exact);
  return Number.isSafeInteger(number) ? number : exact;
}

function integer(plain: Plain, bits: 8 | 16 | 32 | 64, isFloat: boolean): bigint | 'out of range' | undefined {
  switch (typeof plain) {
    case 'boolean':
      return plain ? 1n : 0n;
    case 'bigint':
      return BigInt.asIntN(bits, plain);
    case 'number':
      return BigInt.asIntN(bits, !isFloat && Number.isSafeInteger(plain) ? BigInt(plain) : saturated(plain, bits));
    case 'string':
      return integerOf(plain, bits) ?? 'out of range';
    default:
      return plain instanceof Uint8Array ? undefined : BigInt.asIntN(bits, plain.whole);
  }
}

/** A floating number becomes a long or an int first, whose ends hold what is beyond them; NaN is 0. */
function saturated(value: number, bits: number): bigint {
  if (Number.isNaN(value)) return 0n;
  const half = 2n ** (bits === 64 ? 63n : 31n);
  if (value >= Number(half)) return half - 1n;
  if (value <= -Number(half)) return -half;
  return BigInt(Math.trunc(value));
}

function toFloat(plain: Plain, schema: Schema | null, value: unknown): number {
  switch (typeof plain) {
    case 'boolean':
      return plain ? 1 : 0;
    case 'bigint':
    case 'number':
      return Number(plain);
    case 'string': {
      const number = floatOf(plain);
      if (number === undefined) throw outOfRange();
      return number;
    }
    default:
      if (plain instanceof Uint8Array) throw unexpected(schema, value);
      return Number(plain.text);
  }
}

function toBoolean(plain: Plain, schema: Schema | null, value: unknown): boolean {
  switch (typeof plain) {
    case 'boolean':
      return plain;
    case 'string':
      return plain.toLowerCase() === 'true';
    default:
      return toInteger(plain, 64, schema, value) !== 0;
  }
}

function toText(schema: Schema | null, type: SchemaType, value: unknown, plain: Plain): unknown {
  if (type === 'string') return value; // bytes of a text stay undecoded
  if (plain instanceof Uint8Array) {
    return Buffer.from(plain.buffer, plain.byteOffset, plain.length).toString('base64');
  }
  if (typeof plain === 'object') return plain.text;
  if (schema !== null && (typeof plain === 'number' || typeof plain === 'bigint')) {
    const ms = epochMsOf(schema, plain);
    if (ms !== undefined) return isoText(ms);
  }
  if (typeof plain !== 'number') return String(plain);
  return type === 'float32' ? floatText(plain) : type === 'float64' ? doubleText(plain) : String(plain);
}

/** Times within the first day, dates at midnight, all else with both: Kafka Connect tells them by the value alone. */
function isoText(ms: number): string {
  const text = new Date(ms).toISOString();
  if (ms < msPerDay) return text.slice(text.indexOf('T') + 1);
  return ms % msPerDay === 0 ? text.slice(0, text.indexOf('T')) : text;
}

function utf8Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function outOfRange(): Error {
  return dataError('Value was out of range for requested data type');
}

function unexpected(schema: Schema | null, value: unknown): Error {
  return dataError(`Unexpected type in Cast transformation: class ${javaClass(schema, value)}`);
}
