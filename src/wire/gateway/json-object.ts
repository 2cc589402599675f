/**
 * One JSON object (RFC 8259, strictly), whose members keep their source text: a published value goes to the log exactly as
 * it was written, `2.50` and blanks included.
 */
export type JsonKind = 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array';

export interface JsonMember {
  readonly kind: JsonKind;
  /** The value's own characters. */
  readonly source: string;
  readonly value: unknown;
}

export type JsonObjectReading =
  | {
      readonly ok: true /** Of members that stand twice the last. */;
      readonly members: ReadonlyMap<string, JsonMember>;
    }
  | { readonly ok: false; readonly reason: string };

export const maxDepth = 64;

export function readJsonObject(text: string): JsonObjectReading {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'is not JSON' };
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return { ok: false, reason: 'is not a JSON object' };
  }
  const members = new Map<string, JsonMember>();
  // JSON.parse has proved the text right: from here on only borders are looked for.
  let at = skipBlanks(text, skipBlanks(text, 0) + 1);
  while (text[at] !== '}') {
    const nameEnd = endOfString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const start = skipBlanks(text, skipBlanks(text, nameEnd) + 1);
    const end = endOfValue(text, start);
    if (end === undefined) return { ok: false, reason: `is nested deeper than ${maxDepth} levels` };
    // A member that stands twice: parsed has the last one, and so has the map in the end.
    members.set(name, { kind: kindOf(text[start]!), source: text.slice(start, end), value: (parsed as never)[name] });
    at = skipBlanks(text, end);
    if (text[at] === ',') at = skipBlanks(text, at + 1);
  }
  return { ok: true, members };
}

function kindOf(first: string): JsonKind {
  switch (first) {
    case '"':
      return 'string';
    case '{':
      return 'object';
    case '[':
      return 'array';
    case 't':
    case 'f':
      return 'boolean';
    case 'n':
      return 'null';
    default:
      return 'number';
  }
}

function skipBlanks(text: string, at: number): number {
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at++;
  }
}

/** Behind the closing quote of the string that begins here. */
function endOfString(text: string, at: number): number {
  for (at++; ; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5c) at++;
    else if (code === 0x22) return at + 1;
  }
}

/** Behind the value that begins here; undefined where it is nested too deep. The object around it is the first level. */
function endOfValue(text: string, at: number): number | undefined {
  const first = text[at]!;
  if (first === '"') return endOfString(text, at);
  if (first !== '{' && first !== '[') {
    while (!isScalarEnd(text.charCodeAt(at))) at++;
    return at;
  }
  let depth = 1;
  for (; ; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at) - 1;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > maxDepth) return undefined;
    } else if ((code === 0x7d || code === 0x5d) && --depth === 1) return at + 1;
  }
}

/** A comma, a closing brace or a blank. */
function isScalarEnd(code: number): boolean {
  return code === 0x2c || code === 0x7d || code <= 0x20;
}
