/**
 * Finds the ends of JSON values in bytes without making values of them. The text is trusted to be JSON as far as it is
 * walked over: what is not gives "nothing found", never an error.
 */
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The elements of a JSON array, as text: strings by their value, others as written. undefined: not a JSON array. */
export function splitJsonArray(text: string): string[] | undefined {
  try {
    if (!Array.isArray(JSON.parse(text))) return undefined;
  } catch {
    return undefined;
  }
  const bytes = Buffer.from(text);
  const elements: string[] = [];
  let at = skipBlanks(bytes, skipBlanks(bytes, 0) + 1);
  while (bytes[at] !== closeBracket) {
    const end = skipValue(bytes, at);
    const element = bytes.toString('utf8', at, end);
    elements.push(bytes[at] === quote ? (JSON.parse(element) as string) : element);
    at = skipBlanks(bytes, end);
    if (bytes[at] === comma) at = skipBlanks(bytes, at + 1);
  }
  return elements;
}

export function skipBlanks(bytes: Uint8Array, from: number): number {
  let at = from;
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
  }
  return at;
}

/** Position after the value that begins here, or -1 where the text ends within it. */
export function skipValue(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  if (first === quote) return skipString(bytes, from);
  if (first === openBrace || first === openBracket) return skipNested(bytes, from);
  let at = from;
  for (; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === comma || byte === closeBrace || byte === closeBracket || byte <= 0x20) break;
  }
  return at === from ? -1 : at;
}

/** Position after the closing quote of the string that begins here, or -1. */
export function skipString(bytes: Uint8Array, from: number): number {
  for (let at = from + 1; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === quote) return at + 1;
    if (byte === backslash) at++;
  }
  return -1;
}

function skipNested(bytes: Uint8Array, from: number): number {
  let depth = 0;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === quote) {
      at = skipString(bytes, at) - 1;
      if (at < 0) return -1;
    } else if (byte === openBrace || byte === openBracket) depth++;
    else if ((byte === closeBrace || byte === closeBracket) && --depth === 0) return at + 1;
  }
  return -1;
}
