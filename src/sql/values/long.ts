/**
 * LONG values: 64-bit integers, exact. A value within ±(2^53−1) is a number, any other a bigint; there is one form for
 * each value, so `===` and Map keys work. Results outside 64 bits are null.
 */
export type Long = number | bigint;

const least = -(2n ** 63n);
const greatest = 2n ** 63n - 1n;
const safe = BigInt(Number.MAX_SAFE_INTEGER);

export function longFromBig(value: bigint): Long | null {
  if (value <= safe && value >= -safe) return Number(value);
  return value < least || value > greatest ? null : value;
}

/** A double's whole part, if it fits. */
export function longFromDouble(value: number): Long | null {
  const whole = Math.trunc(value);
  if (Number.isSafeInteger(whole)) return whole + 0;
  return Number.isFinite(whole) ? longFromBig(BigInt(whole)) : null;
}

/** An optional sign and digits, nothing else. */
export function longFromText(text: string): Long | null {
  if (!/^[+-]?\d+$/.test(text)) return null;
  if (text.length <= 15) return Number(text) + 0;
  // BigInt does not know a plus.
  return text.length > 4000 ? longFromLongText(text) : longFromBig(BigInt(text.replace('+', '')));
}

/** Turning thousands of digits into a bigint costs the square of their number; most of them are zeros in front. */
function longFromLongText(text: string): Long | null {
  const digits = text.replace(/^[+-]?0*/, '');
  if (digits.length > 19) return null;
  return longFromBig(BigInt(`${text.startsWith('-') ? '-' : ''}${digits === '' ? '0' : digits}`));
}

export function addLong(a: Long, b: Long): Long | null {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return longFromBig(BigInt(a) + BigInt(b));
}

export function subtractLong(a: Long, b: Long): Long | null {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b;
    if (Number.isSafeInteger(difference)) return difference;
  }
  return longFromBig(BigInt(a) - BigInt(b));
}

export function multiplyLong(a: Long, b: Long): Long | null {
  if (typeof a === 'number' && typeof b === 'number') {
    // A product that rounds to a safe integer is exact; a zero loses its sign.
    const product = a * b + 0;
    if (Number.isSafeInteger(product)) return product;
  }
  return longFromBig(BigInt(a) * BigInt(b));
}

/** The remainder has the dividend's sign; null for a divisor of zero. */
export function remainderLong(a: Long, b: Long): Long | null {
  if (typeof a === 'number' && typeof b === 'number') return b === 0 ? null : (a % b) + 0;
  return BigInt(b) === 0n ? null : longFromBig(BigInt(a) % BigInt(b));
}

export function negateLong(a: Long): Long | null {
  return typeof a === 'number' ? 0 - a : longFromBig(-a);
}

/** INT is 32 bits wide. */
export function intFromLong(value: Long): number | null {
  return typeof value === 'number' && value === (value | 0) ? value + 0 : null;
}
