/** The bytes at a JSON pointer (RFC 6901): text as it is, other scalars as their JSON; null where nothing is found. */
export function valueAtPointer(json: Buffer, pointer: string): Buffer | null {
  let value: unknown;
  try {
    value = JSON.parse(json.toString());
  } catch {
    return null;
  }
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null;
    value = (value as Record<string, unknown>)[name];
  }
  if (value === null || value === undefined) return null;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}
