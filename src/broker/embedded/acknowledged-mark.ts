/**
 * How many records the store has acknowledged in all, in a small file beside it. A write-ahead log whose end is gone looks like
 * one whose last write a crash cut off: only who knows how far it went can tell that records are missing.
 *
 * The file is written in place behind each commit, and never synced: a killed process leaves what it wrote to the system, so
 * that costs some microseconds behind the answer, and no wait. A power cut may leave an older number, which only tells less; one that is too high
 * there cannot be, for the commit was synced before.
 */
import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const bytes = 12;

export class AcknowledgedMark {
  readonly #buffer = Buffer.alloc(bytes);
  #file: number | undefined;

  constructor(path: string) {
    this.#file = openMark(path);
  }

  /** What was noted last; 0 where nothing was, or what is there is damaged. */
  read(): number {
    const read = this.#file === undefined ? 0 : readSync(this.#file, this.#buffer, 0, bytes, 0);
    if (read < bytes || crc32(this.#buffer.subarray(0, 8)) !== this.#buffer.readUInt32BE(8)) return 0;
    return this.#buffer.readDoubleBE(0);
  }

  /** Throws what the system says; then nothing is noted any more. */
  write(records: number): void {
    if (this.#file === undefined) return;
    this.#buffer.writeDoubleBE(records, 0);
    this.#buffer.writeUInt32BE(crc32(this.#buffer.subarray(0, 8)), 8);
    try {
      writeSync(this.#file, this.#buffer, 0, bytes, 0);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** Undefined where a full disk has no room for it: then nothing is noted until the next open. */
function openMark(path: string): number | undefined {
  try {
    return openSync(path, existsSync(path) ? 'r+' : 'w+', 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return undefined;
    throw error;
  }
}
