/** Where a stored batch ends. Its entry in the index has no checksum, its own bytes have one: they decide between the two. */
import { crc32c } from '../../record/crc32c.ts';
import { layout } from '../../record/layout.ts';

/** Last offset of a whole batch of which the index says that it ends at `last`; undefined where neither can be believed. */
export function lastOffsetOf(bytes: Buffer, base: number, last: number): number | undefined {
  const own = base + bytes.readInt32BE(layout.lastOffsetDelta);
  if (own === last) return last;
  return isWhole(bytes) && own >= base ? own : undefined;
}

export function isWhole(bytes: Buffer): boolean {
  return crc32c(bytes.subarray(layout.attributes)) === bytes.readUInt32BE(layout.crc);
}

/** What the index may say of a batch's end where the next one begins at `following`: no more than that damage reaches its neighbours. */
export function boundLast(base: number, last: number, following: number): number {
  if (!Number.isSafeInteger(last) || last < base) return base;
  return last >= following && following > base ? following - 1 : last;
}
