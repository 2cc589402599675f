/** Texts read as numbers in the way of Java's parse functions; undefined where Java throws NumberFormatException. */

export function integerOf(text: string, bits: 8 | 16 | 32 | 64): bigint | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const exact = BigInt(text.replace(/^\+/, ''));
  return BigInt.asIntN(bits, exact) === exact ? exact : undefined;
}

/** Double.parseDouble: blanks around it and a type letter behind it are allowed, hexadecimal numbers are not read here. */
export function floatOf(text: string): number | undefined {
  const match = /^[\0-\x20]*([+-]?)(?:(NaN|Infinity)|((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[fFdD]?)[\0-\x20]*$/.exec(
    text,
  );
  if (match === null) return undefined;
  const size = Number(match[2] ?? match[3]);
  return match[1] === '-' ? -size : size;
}
