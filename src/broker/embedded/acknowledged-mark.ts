/**
 * How much the store has acknowledged in all, in a small file beside it. A write-ahead log whose end is gone looks like one
 * whose last write a crash cut off: only who knows how far it went can tell that something is missing.
 *
 * The file is written in place behind each commit, and never synced: a killed process leaves what it wrote to the system, so
 * that costs some microseconds behind the answer, and no wait. A power cut may leave older numbers, which only tell less; too
 * high they cannot be, for the commit was synced before.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { TributaryError } from '../../base/errors.ts';

/** Both only grow. Every commit that was answered raises one of them. */
export interface Acknowledged {
  /** Appended ever, those of deleted topics and the markers of transactions included. */
  readonly records: number;
  /** All writes but appends: topics, their configuration and partitions, offsets of groups, ends of transactions. */
  readonly changes: number;
}

const checked = 16;
const bytes = checked + 4;

export class AcknowledgedMark {
  readonly #path: string;
  readonly #buffer = Buffer.alloc(bytes);
  #file: number | undefined;
  #isFailing = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** What was noted and is not held. BROKER_UNAVAILABLE. */
  missing(held: Acknowledged): Acknowledged {
    const { records, changes } = this.#read();
    return { records: Math.max(0, records - held.records), changes: Math.max(0, changes - held.changes) };
  }

  /** Tried anew at each call. Throws BROKER_UNAVAILABLE at the first failure, and again once it has worked in between. */
  write({ records, changes }: Acknowledged): void {
    this.#buffer.writeDoubleBE(records, 0);
    this.#buffer.writeDoubleBE(changes, 8);
    this.#buffer.writeUInt32BE(crc32(this.#buffer.subarray(0, checked)), checked);
    try {
      writeSync(this.#open(), this.#buffer, 0, bytes, 0);
      this.#isFailing = false;
    } catch (error) {
      if (this.#isFailing) return; // told already, and commits come by the thousand
      throw this.#failed('write', error);
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** What was noted last; zeros where nothing was, or what is there is damaged. */
  #read(): Acknowledged {
    try {
      const isWhole = readSync(this.#open(), this.#buffer, 0, bytes, 0) === bytes;
      if (!isWhole || crc32(this.#buffer.subarray(0, checked)) !== this.#buffer.readUInt32BE(checked))
        return { records: 0, changes: 0 };
      return { records: this.#buffer.readDoubleBE(0), changes: this.#buffer.readDoubleBE(8) };
    } catch (error) {
      throw this.#failed('read', error);
    }
  }

  #open(): number {
    this.#file ??= openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o644);
    return this.#file;
  }

  #failed(what: 'read' | 'write', error: unknown): TributaryError {
    this.#isFailing = true;
    return new TributaryError(
      'BROKER_UNAVAILABLE',
      `Cannot ${what} "${this.#path}": ${(error as Error).message}. While that lasts, a lost end of the log may not be noticed`,
      { retriable: true, cause: error },
    );
  }
}
