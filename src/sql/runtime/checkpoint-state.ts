/** The state that a checkpoint's records hold, put together and checked. */
import { createHash } from 'node:crypto';
import type { Piece } from '../state/pieces.ts';
import { hashBytes, hashOf } from './checkpoint-pieces.ts';
import {
  type AnySummary,
  type CheckpointSummary,
  formatVersion,
  type WholeStateSummary,
} from './checkpoint-summary.ts';
import { damaged, type Entries, pieceKey } from './checkpoint-topic.ts';

export interface StoredState {
  readonly bytes: Uint8Array;
  /** The pieces it came in, by where each begins; none where it was written whole. */
  readonly pieces: ReadonlyMap<number, Piece>;
  /** Hashes of all pieces that the closing record leads to, those of the index included: these are stored for certain. */
  readonly named: ReadonlySet<string>;
}

/** BATCH_CORRUPT where a piece is missing, of another checkpoint, or damaged. */
export function stateOf(entries: Entries, summary: AnySummary, part: number): StoredState {
  return summary.version === formatVersion
    ? stateInPieces(entries, summary, part)
    : { bytes: wholeState(entries, summary, part), pieces: new Map(), named: new Set() };
}

function stateInPieces(entries: Entries, { index, pieces, bytes }: CheckpointSummary, part: number): StoredState {
  const found = (hash: string, what: string): Uint8Array => {
    const piece = entries.get(pieceKey(part, hash));
    if (piece === undefined) throw damaged(`${what} is missing`);
    if (hashOf(piece) !== hash) throw damaged(`the checksum of ${what} does not fit`);
    return piece;
  };
  const hashes = Buffer.concat(
    index.map((hash, place) => found(hash, `part ${place + 1} of ${index.length} of its index`)),
  );
  if (hashes.length !== pieces * hashBytes) throw damaged('its index is not as long as its closing record says');
  const state = Buffer.allocUnsafe(bytes);
  const places = new Map<number, Piece>();
  const named = new Set(index);
  let size = 0;
  for (let place = 0; place < pieces; place++) {
    const hash = hashes.toString('base64url', place * hashBytes, (place + 1) * hashBytes);
    const piece = found(hash, `piece ${place + 1} of ${pieces}`);
    if (size + piece.length <= bytes) state.set(piece, size);
    places.set(size, { hash, size: piece.length });
    named.add(hash);
    size += piece.length;
  }
  if (size !== bytes) throw damaged(`its pieces have ${size} bytes together, its closing record says ${bytes}`);
  return { bytes: state, pieces: places, named };
}

/** Pieces of version 2 begin with the checkpoint that they belong to. */
const idBytes = 36;

function wholeState(entries: Entries, { id, pieces, bytes, sha256 }: WholeStateSummary, part: number): Uint8Array {
  const parts = Array.from({ length: pieces }, (_, index) => {
    const piece = entries.get(pieceKey(part, String(index)));
    if (piece === undefined) throw damaged(`piece ${index + 1} of ${pieces} is missing`);
    if (Buffer.from(piece.subarray(0, idBytes)).toString() !== id)
      throw damaged(`piece ${index + 1} of ${pieces} belongs to another one`);
    return piece.subarray(idBytes);
  });
  const state = Buffer.concat(parts);
  if (state.length !== bytes || createHash('sha256').update(state).digest('base64url') !== sha256)
    throw damaged('its checksum does not fit');
  return state;
}
