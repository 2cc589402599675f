/** Strings are compared, cut and counted by code point, as SQL does; JavaScript's own are sequences of UTF-16 units. */

/** Surrogates stand below U+E000–U+FFFF as units, but above them as code points. */
export function compareText(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    if (left >= 0xd800 && right >= 0xd800) return weight(left) < weight(right) ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return a.length < b.length ? -1 : 1;
}

function weight(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

export function hasSurrogates(text: string): boolean {
  return /[\ud800-\udfff]/.test(text);
}

export function codePointLength(text: string): number {
  return hasSurrogates(text) ? [...text].length : text.length;
}

/** Code points from `start` (from 0) up to `end`. */
export function sliceCodePoints(text: string, start: number, end?: number): string {
  return hasSurrogates(text) ? [...text].slice(start, end).join('') : text.slice(start, end);
}

/** From 0; -1 where it is absent. */
export function codePointIndexOf(text: string, needle: string): number {
  const index = text.indexOf(needle);
  return index <= 0 ? index : codePointLength(text.slice(0, index));
}
