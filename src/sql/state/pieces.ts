/**
 * A snapshot in pieces. Whoever keeps snapshots stores a piece that it has already but once, so that one that is mostly as it
 * was costs little.
 */

/** Stands for bytes of a snapshot, in this one and in later ones. */
export interface Piece {
  readonly hash: string;
  readonly size: number;
}

/** Takes a snapshot piece by piece, in order. */
export interface Pieces {
  /** The bytes may be looked at during the call alone. */
  write(bytes: Uint8Array): Piece;
  /** Here stand the same bytes as behind a piece of the last snapshot, or of this one. */
  again(piece: Piece): void;
}

/** Well below the largest record that a broker takes by default. */
export const maxPieceBytes = 512 * 1024;

/** A list is cut nowhere before so many bytes, and behind the next entry after so many. */
const minBytes = 1024;
const largestBytes = 32 * 1024;
/** Between the two, one entry of so many ends a piece. */
const oneOf = 16;

/**
 * Whether a piece of so many bytes ends behind an entry. The entry decides by all of its bytes, as keys may be long and much
 * alike: where others come and go in front of it, all but the next piece or two stay what they are.
 */
export function endsPiece(size: number, bytes: Uint8Array, start: number, end: number): boolean {
  if (size < minBytes) return false;
  if (size >= largestBytes) return true;
  let hash = 0x811c9dc5; // FNV-1a
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) % oneOf === 0;
}
