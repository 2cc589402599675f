/** Ids of events as positions: in source offsets, and in the header Last-Event-ID. */
import type { SourceMap } from '../contract.ts';

/** All streams are one part: the original names none. */
export const partition: SourceMap = Object.freeze({});
const unnamed: SourceMap = Object.freeze({});

const field = 'last_event_id';

export function offsetOf(id: Uint8Array | null): SourceMap {
  return id === null ? unnamed : { [field]: Buffer.from(id.buffer, id.byteOffset, id.length).toString('utf8') };
}

/** null where there is none, or what stands there is not of our making. */
export function idOf(offset: SourceMap | undefined): Uint8Array | null {
  const id = offset?.[field];
  return typeof id === 'string' ? Buffer.from(id) : null;
}

/**
 * The value of the header, one character a byte as Node.js wants it; null where no header shall be sent: there is no id, the
 * server has reset it to nothing, or it holds what no header can.
 */
export function headerOf(id: Uint8Array | null): string | null {
  if (id === null || id.length === 0) return null;
  const value = Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1');
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? value : null;
}
