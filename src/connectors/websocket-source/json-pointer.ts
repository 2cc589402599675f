/**
 * JSON pointers (RFC 6901) over the bytes of a message. The message is walked over only as far as the value lies, and
 * nothing of it is parsed but that value.
 */
import { skipBlanks, skipString, skipValue } from './json-scan.ts';

export interface Pointer {
  /** As it was written. */
  readonly text: string;
  readonly segments: readonly Segment[];
  /** What is wrong with the text; then there are no segments. */
  readonly problem?: string;
}

interface Segment {
  readonly name: Uint8Array;
  readonly text: string;
  /** Where the segment could be one: the position in an array, else -1. */
  readonly index: number;
}

export function parsePointer(text: string): Pointer {
  if (text === '') return { text, segments: [] };
  if (!text.startsWith('/')) return { text, segments: [], problem: 'A JSON pointer begins with "/"' };
  if (/~(?![01])/.test(text))
    return { text, segments: [], problem: 'In a JSON pointer "~" is written "~0" and "/" is "~1"' };
  const segments = text
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((name) => ({
      name: Buffer.from(name),
      text: name,
      index: /^(0|[1-9]\d{0,8})$/.test(name) ? Number(name) : -1,
    }));
  return { text, segments };
}

/** UTF-8 of the value: a string without its quotes, anything else as it is written. null: no such value, or JSON null. */
export function readPointer(bytes: Uint8Array, { segments }: Pointer): Uint8Array | null {
  let at = skipBlanks(bytes, 0);
  for (const segment of segments) {
    if (bytes[at] === 0x7b) at = findMember(bytes, at, segment);
    else if (bytes[at] === 0x5b) at = findElement(bytes, at, segment.index);
    else return null;
    if (at < 0) return null;
  }
  const end = skipValue(bytes, at);
  if (end < 0) return null;
  if (bytes[at] !== 0x22) return end - at === 4 && bytes[at] === 0x6e ? null : bytes.subarray(at, end);
  const inside = bytes.subarray(at + 1, end - 1);
  return inside.includes(0x5c) ? parseString(bytes, at, end) : inside;
}

function findMember(bytes: Uint8Array, from: number, segment: Segment): number {
  let at = skipBlanks(bytes, from + 1);
  while (bytes[at] === 0x22) {
    const nameEnd = skipString(bytes, at);
    if (nameEnd < 0) return -1;
    const found = sameName(bytes, at, nameEnd, segment);
    at = skipBlanks(bytes, nameEnd);
    if (bytes[at] !== 0x3a) return -1;
    at = skipBlanks(bytes, at + 1);
    if (found) return at;
    at = next(bytes, at);
    if (at < 0) return -1;
  }
  return -1;
}

function findElement(bytes: Uint8Array, from: number, index: number): number {
  if (index < 0) return -1;
  let at = skipBlanks(bytes, from + 1);
  if (bytes[at] === 0x5d) return -1;
  for (let position = 0; position < index; position++) {
    at = next(bytes, at);
    if (at < 0) return -1;
  }
  return at;
}

/** Start of what follows the value and its comma, or -1. */
function next(bytes: Uint8Array, from: number): number {
  const end = skipValue(bytes, from);
  if (end < 0) return -1;
  const at = skipBlanks(bytes, end);
  return bytes[at] === 0x2c ? skipBlanks(bytes, at + 1) : -1;
}

/** A name may be written with escapes: then, and only then, it is parsed. */
function sameName(bytes: Uint8Array, from: number, end: number, { name, text }: Segment): boolean {
  let escaped = false;
  let same = end - from - 2 === name.length;
  for (let at = from + 1; at < end - 1; at++) {
    if (bytes[at] === 0x5c) escaped = true;
    if (same && bytes[at] !== name[at - from - 1]) same = false;
    if (!same && !escaped && at - from > name.length) break;
  }
  if (!escaped) return same;
  const written = parseString(bytes, from, end);
  return written !== null && Buffer.from(text).equals(written);
}

function parseString(bytes: Uint8Array, from: number, end: number): Uint8Array | null {
  try {
    return Buffer.from(JSON.parse(Buffer.from(bytes.subarray(from, end)).toString('utf8')) as string);
  } catch {
    return null;
  }
}
