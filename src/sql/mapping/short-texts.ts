import type { Buffer } from 'node:buffer';

const sets = 2048;
const maxLength = 24;

/**
 * Texts that come again and again (symbols, kinds, places) are made once: bytes that are the same give the same string,
 * without a call into the platform and without a hash to compute when it becomes a Map's key. Two places for each hash, the
 * newer one first; what is pushed out is only made again.
 */
export class ShortTexts {
  readonly #texts: string[] = new Array(sets * 2).fill('');

  /** The text of ASCII bytes. */
  of(bytes: Buffer, begin: number, end: number): string {
    const length = end - begin;
    if (length > maxLength) return bytes.toString('latin1', begin, end);
    let hash = length;
    for (let at = begin; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
    const place = ((hash ^ (hash >>> 15)) & (sets - 1)) * 2;
    const texts = this.#texts;
    const first = texts[place]!;
    if (isSame(first, bytes, begin, length)) return first;
    const second = texts[place + 1]!;
    const text = isSame(second, bytes, begin, length) ? second : bytes.toString('latin1', begin, end);
    texts[place + 1] = first;
    texts[place] = text;
    return text;
  }
}

function isSame(text: string, bytes: Buffer, begin: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (text.charCodeAt(i) !== bytes[begin + i]) return false;
  }
  return true;
}
