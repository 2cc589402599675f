import { writeJson } from '../json/write.ts';
import { bytesFromBase64, toBool, toDouble, toLong } from '../values/cast.ts';
import { intFromLong, type Long } from '../values/long.ts';
import type { Type } from '../values/type.ts';
import type { Json, Value } from '../values/value.ts';

/** What cannot be converted; NULL is a value. */
export const failed = Symbol('failed');

/** A JSON value as a column's. Nothing is guessed: what does not fit fails, unlike in CAST, where it is NULL. */
export function columnFromJson(value: Json, type: Type): Value | typeof failed {
  if (value === null) return null;
  switch (type) {
    case 'OBJECT':
      return value;
    case 'STRING':
      if (typeof value === 'string') return value;
      return typeof value === 'object' ? writeJson(value) : String(value);
    case 'INT': {
      const whole = wholeNumber(value);
      return whole === null ? failed : (intFromLong(whole) ?? failed);
    }
    case 'LONG':
      return wholeNumber(value) ?? failed;
    case 'FLOAT':
    case 'DOUBLE':
      return double(value) ?? failed;
    case 'BOOL':
      return toBool(value) ?? failed;
    case 'BYTES':
      return typeof value === 'string' ? (bytesFromBase64(value) ?? failed) : failed;
  }
}

/** 4.0 and 1e2 are whole, 1.5 is not; text is read as CAST reads it. */
function wholeNumber(value: Json): Long | null {
  if (typeof value === 'boolean' || (typeof value === 'number' && !Number.isInteger(value))) return null;
  return toLong(value);
}

function double(value: Json): number | null {
  if (typeof value === 'boolean') return null;
  const number = toDouble(value);
  return number !== null && Number.isFinite(number) ? number : null;
}
