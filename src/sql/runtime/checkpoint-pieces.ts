/**
 * What a checkpoint writes: the pieces of the state that the topic does not hold yet, an index of all of them, and the closing
 * record; pieces that are needed no more are deleted.
 *
 * A piece is found by the hash of its bytes, so that what is as it was is not written again, and no piece is ever changed
 * under the checkpoint before. Written in the order in which `records` gives them, they leave the last whole checkpoint
 * readable wherever the writing ends, even without a transaction around them: pieces, closing record, deletions.
 */
import { hash as hashOfBytes } from 'node:crypto';
import { TributaryError } from '../../base/errors.ts';
import type { ProduceRecord } from '../../record/record.ts';
import { maxPieceBytes, type Piece, type Pieces } from '../state/pieces.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type CheckpointSummary, formatVersion } from './checkpoint-summary.ts';
import { closingKey, pieceKey, recordOf } from './checkpoint-topic.ts';

/** Half of SHA-256: that two states ever share a hash by chance is out of the question, and an index is short. */
export const hashBytes = 16;
/** One of 64: such hashes end a piece of the index, so that a change is a change of one such piece, whatever comes and goes. */
const endsIndexPiece = 'A'.charCodeAt(0);

export function hashOf(bytes: Uint8Array): string {
  return hashOfBytes('sha256', bytes, 'buffer').toString('base64url', 0, hashBytes);
}

/** What there was to go on from. */
export interface StoredPieces {
  /** Hashes of the pieces of the last checkpoint: the topic holds these. */
  readonly held: ReadonlySet<string>;
  /** Of pieces that it may hold besides: they are written anew where they are needed, and deleted where not. */
  readonly stale: ReadonlySet<string>;
}

export const nothingStored: StoredPieces = { held: new Set(), stale: new Set() };

export class CheckpointPieces implements Pieces {
  /** Bytes of the whole state. */
  bytes = 0;
  private readonly stored: StoredPieces;
  private readonly maxBytes: number;
  private readonly needed = new Set<string>();
  private readonly added = new Map<string, Uint8Array>();
  /** Hashes of the state's pieces in their order, one after the other. */
  private index = Buffer.allocUnsafe(64 * hashBytes);
  private count = 0;
  private indexed = 0;
  private readonly indexPieces: string[] = [];

  /** QUEUE_FULL as soon as the state has more than `maxBytes`: no more than these are ever copied. */
  constructor(stored: StoredPieces, maxBytes: number) {
    this.stored = stored;
    this.maxBytes = maxBytes;
  }

  write(bytes: Uint8Array): Piece {
    const piece = { hash: hashOf(bytes), size: bytes.length };
    this.note(piece);
    this.keep(piece.hash, bytes);
    return piece;
  }

  again(piece: Piece): void {
    const { hash } = piece;
    if (!this.stored.held.has(hash) && !this.added.has(hash))
      throw new TributaryError('INTERNAL', `Cannot take a checkpoint: piece "${hash}" of the one before is not stored`);
    this.needed.add(hash);
    this.note(piece);
  }

  /** All that there is to write, once the state is behind it. */
  records(checkpoint: Checkpoint, part: number): ProduceRecord[] {
    this.endIndexPiece();
    const summary: CheckpointSummary = {
      version: formatVersion,
      ...checkpoint,
      index: this.indexPieces,
      pieces: this.count,
      bytes: this.bytes,
    };
    const records: ProduceRecord[] = [];
    for (const [hash, bytes] of this.added) records.push(recordOf(pieceKey(part, hash), bytes));
    records.push(recordOf(closingKey(part), Buffer.from(JSON.stringify(summary))));
    for (const hashes of [this.stored.held, this.stored.stale])
      for (const hash of hashes) if (!this.needed.has(hash)) records.push(recordOf(pieceKey(part, hash), null));
    return records;
  }

  /** What the topic holds once all of it is written. */
  get storedThen(): StoredPieces {
    return { held: this.needed, stale: nothingStored.stale };
  }

  private keep(hash: string, bytes: Uint8Array): void {
    this.needed.add(hash);
    if (!this.stored.held.has(hash) && !this.added.has(hash)) this.added.set(hash, Uint8Array.from(bytes));
  }

  private note({ hash, size }: Piece): void {
    this.bytes += size;
    if (this.bytes > this.maxBytes)
      throw new TributaryError(
        'QUEUE_FULL',
        `Cannot take a checkpoint: the state has more than ${this.maxBytes} bytes`,
      );
    const end = (this.count - this.indexed) * hashBytes;
    if (end === this.index.length) this.index = Buffer.concat([this.index, this.index]);
    this.index.write(hash, end, 'base64url');
    this.count++;
    // Pieces that are alike end none of them by their hash, however many.
    if (hash.charCodeAt(0) === endsIndexPiece || end + hashBytes === maxPieceBytes) this.endIndexPiece();
  }

  private endIndexPiece(): void {
    if (this.count === this.indexed) return;
    const bytes = this.index.subarray(0, (this.count - this.indexed) * hashBytes);
    const hash = hashOf(bytes);
    this.keep(hash, bytes);
    this.indexPieces.push(hash);
    this.indexed = this.count;
  }
}
