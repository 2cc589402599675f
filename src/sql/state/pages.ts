import type { Piece } from './pieces.ts';
import type { StateReader } from './state-reader.ts';
import type { StateWriter } from './state-writer.ts';

/**
 * Entries in a page. The fewer, the less is written for a change somewhere; the more, the shorter is the list of pieces, which
 * every checkpoint looks through.
 */
export const pageEntries = 32;
const shift = 5;

/**
 * A long list in a snapshot whose entries keep their places, in pages: one that nobody has touched since is not written anew,
 * nor even looked at. Only what changes an entry must say so. `T` is whatever an entry is written by.
 */
export class Pages<T> {
  private readonly entries: T[];
  /** By page, what it was written as; undefined where it has changed since. */
  private readonly written: (readonly Piece[] | undefined)[];

  constructor(entries: Iterable<T>) {
    this.entries = [...entries];
    this.written = new Array(Math.ceil(this.entries.length / pageEntries)).fill(undefined);
  }

  get length(): number {
    return this.entries.length;
  }

  add(entry: T): void {
    this.written[this.entries.length >> shift] = undefined;
    this.entries.push(entry);
  }

  /** The entry of a place has changed. */
  touch(place: number): void {
    this.written[place >> shift] = undefined;
  }

  /** Writes what `StateWriter.list` would. */
  write(writer: StateWriter, write: (entry: T, place: number) => void): void {
    writer.count(this.entries.length);
    for (let page = 0; page < this.written.length; page++) {
      this.written[page] = writer.page(this.written[page], () => {
        const from = page * pageEntries;
        const to = Math.min(from + pageEntries, this.entries.length);
        for (let place = from; place < to; place++) write(this.entries[place]!, place);
      });
    }
  }

  /** They were just read so, by `readPages`, and need not be written again for the next snapshot. */
  wereRead(pages: readonly (readonly Piece[] | undefined)[]): void {
    for (const [page, pieces] of pages.entries()) this.written[page] = pieces;
  }
}

/** Reads a list that was written in pages, or at once. Gives the pieces of each page; none where it was not written so. */
export function readPages(reader: StateReader, read: () => void): (readonly Piece[] | undefined)[] {
  const length = reader.count();
  const pages: (readonly Piece[] | undefined)[] = [];
  for (let from = 0; from < length; from += pageEntries) {
    const start = reader.place;
    for (let place = from; place < Math.min(from + pageEntries, length); place++) read();
    pages.push(reader.piecesFrom(start));
  }
  return pages;
}
