/** Exact as doubles; a quotient of two exact doubles is rounded once, as the number itself would be. */
const powersOfTen = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

const maxDigits = 15;

/**
 * The number that ASCII digits with a sign and a point stand for, as Number() would read them (Clinger, "How to read floating
 * point numbers accurately"). NaN for any other form, and for more than 15 digits: there a double is no longer exact.
 */
export function decimalOf(bytes: Uint8Array, begin: number, end: number): number {
  let at = begin;
  const isNegative = at < end && bytes[at] === 0x2d;
  if (isNegative) at++;
  if (end - at > maxDigits + 1) return Number.NaN;
  let high = 0;
  let low = 0;
  let digits = 0;
  let pointAt = -1;
  for (; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit >= 0 && digit <= 9) {
      // Nine digits fit into an integer of 32 bits, which is faster than a double.
      if (digits++ < 9) high = (high * 10 + digit) | 0;
      else low = (low * 10 + digit) | 0;
    } else if (digit === -2 && pointAt === -1) pointAt = at;
    else return Number.NaN;
  }
  if (digits === 0 || digits > maxDigits) return Number.NaN;
  let value = digits > 9 ? high * powersOfTen[digits - 9]! + low : high;
  if (pointAt !== -1) value /= powersOfTen[end - 1 - pointAt]!;
  return isNegative ? -value : value;
}
