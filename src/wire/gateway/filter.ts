/** Filters of a subscription: every part that is given must hold, of a list one entry. Compared as bytes. */
import type { ConsumedRecord } from '../../record/record.ts';

export interface Filter {
  /** Keys as latin1 text of their UTF-8 bytes: a text of one character a byte compares faster than bytes. */
  readonly keys: ReadonlySet<string> | null;
  readonly keyPrefix: Buffer | null;
  readonly headers: readonly { readonly name: string; readonly values: ReadonlySet<string> }[];
}

export const maxFilterValues = 100;

export interface FilterParts {
  readonly keys?: readonly string[] | undefined;
  readonly keyPrefix?: string | undefined;
  readonly headers?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** Null where nothing is filtered. Throws RangeError for more than 100 values. */
export function makeFilter({ keys, keyPrefix, headers = {} }: FilterParts): Filter | null {
  const named = Object.entries(headers);
  const count = (keys?.length ?? 0) + named.reduce((sum, [, values]) => sum + values.length, 0);
  if (count > maxFilterValues) throw new RangeError(`at most ${maxFilterValues} values are wanted`);
  if (keys === undefined && keyPrefix === undefined && named.length === 0) return null;
  return {
    keys: keys === undefined ? null : keySet(keys),
    keyPrefix: keyPrefix === undefined ? null : Buffer.from(keyPrefix),
    headers: named.map(([name, values]) => ({ name, values: new Set(values.map(bytesAsText)) })),
  };
}

/** Keys in the form in which a filter compares them. */
export function keySet(keys: readonly string[]): ReadonlySet<string> {
  return new Set(keys.map(bytesAsText));
}

export function matches(filter: Filter, record: ConsumedRecord): boolean {
  const { keys, keyPrefix, headers } = filter;
  if (keys !== null && (record.key === null || !keys.has(latin1(record.key)))) return false;
  if (keyPrefix !== null && (record.key === null || !startsWith(record.key, keyPrefix))) return false;
  for (const { name, values } of headers) {
    if (!record.headers.some(({ key, value }) => key === name && value !== null && values.has(latin1(value))))
      return false;
  }
  return true;
}

function startsWith(bytes: Uint8Array, prefix: Buffer): boolean {
  return bytes.length >= prefix.length && prefix.equals(bytes.subarray(0, prefix.length));
}

function bytesAsText(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
