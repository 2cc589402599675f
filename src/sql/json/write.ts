import type { Json } from '../values/value.ts';

/** Compact JSON, or with an indent of so many blanks. What JSON has no form for (a number that is not finite) is null. */
export function writeJson(value: Json, indent = 0, depth = 0): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null';
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      break;
  }
  if (value === null) return 'null';
  if (isArray(value)) {
    return between(
      '[',
      value.map((element) => writeJson(element, indent, depth + 1)),
      ']',
      indent,
      depth,
    );
  }
  const colon = indent === 0 ? ':' : ': ';
  const members: string[] = [];
  for (const [key, member] of value) members.push(JSON.stringify(key) + colon + writeJson(member, indent, depth + 1));
  return between('{', members, '}', indent, depth);
}

export function between(open: string, parts: readonly string[], close: string, indent: number, depth: number): string {
  if (indent === 0 || parts.length === 0) return open + parts.join(',') + close;
  const inner = `\n${' '.repeat(indent * (depth + 1))}`;
  return `${open}${inner}${parts.join(`,${inner}`)}\n${' '.repeat(indent * depth)}${close}`;
}

function isArray(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
