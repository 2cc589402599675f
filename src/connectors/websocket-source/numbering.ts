/** Looks into each message for its number or id, where the configuration names a place: finds gaps and drops what came before. */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { wholeNumberOf } from '../../base/whole-number.ts';
import type { SourceMap } from '../contract.ts';
import { IdWindow } from './id-window.ts';
import { type Pointer, readPointer } from './json-pointer.ts';
import { type NumbersSnapshot, readPositions } from './number-positions.ts';
import { type Gap, Sequence, type Sighting } from './sequence.ts';

export interface NumberingSettings {
  readonly sequence: SequenceSettings | null;
  readonly dedupe: DedupeSettings | null;
  /** Where a record about each gap goes. */
  readonly gapTopic: string | null;
  /** What is missing is asked for: a message that shows a hole waits. */
  readonly isFilled: boolean;
}

export interface SequenceSettings {
  readonly number: Pointer;
  /** null: one count for all messages. */
  readonly channel: Pointer | null;
  readonly step: number;
  /** `connection`: each counts anew. */
  readonly scope: 'feed' | 'connection';
  readonly maxChannels: number;
}

export interface DedupeSettings {
  readonly window: number;
  /** What two messages have in common that are one. */
  readonly by:
    | { readonly kind: 'number' }
    | { readonly kind: 'id'; readonly id: Pointer }
    | { readonly kind: 'payload' };
}

/** Numbers told apart where none are dropped: one that comes late or again is no new beginning. */
const quietWindow = 1024;
/** Of the windows of all channels together: half a GiB of check sums for each server, once all channels are in use. */
export const mostWindowNumbers = 2 ** 27;
/** Longer ids are remembered by their hash. */
const longestIdBytes = 64;
const mostDigits = 16;

export class Numbering {
  readonly #settings: NumberingSettings;
  readonly #onGap: (gap: Gap) => void;
  readonly #ids: IdWindow | null;
  readonly #dropsNumbers: boolean;
  readonly #feed: Sequence | null;
  /** One for each connection that counts for itself. */
  readonly #own = new Map<number, Sequence>();
  /** What `forgetLast` has to undo. */
  #lastSequence: Sequence | null = null;
  #lastId: string | null = null;
  #hole: Gap | undefined;
  /** Since the last `takeCounts`. */
  #counts = noCounts();

  constructor(settings: NumberingSettings, onGap: (gap: Gap) => void) {
    const { sequence, dedupe } = settings;
    this.#settings = settings;
    this.#onGap = onGap;
    this.#ids = dedupe === null || dedupe.by.kind === 'number' ? null : new IdWindow(dedupe.window);
    this.#dropsNumbers = dedupe?.by.kind === 'number';
    this.#feed = sequence?.scope === 'feed' ? this.#newSequence(sequence) : null;
  }

  /** Goes on from where an earlier task was, by the offset it has left. */
  restore(offset: SourceMap, nowMs: number): void {
    const { sequence } = this.#settings;
    if (sequence !== null) this.#feed?.restore(readPositions(offset, sequence), nowMs);
  }

  /** How far the feed is, behind all that was admitted; undefined where its numbers do not outlive a connection. */
  snapshot(): NumbersSnapshot | undefined {
    return this.#feed?.snapshot();
  }

  get channels(): number {
    return this.#sequences.reduce((sum, { channels }) => sum + channels, 0);
  }

  /** When `tick` has something to tell. */
  get dueAtMs(): number {
    return this.#sequences.reduce((first, { dueAtMs }) => Math.min(first, dueAtMs), Number.POSITIVE_INFINITY);
  }

  /** `server`: which of those of a redundant pair. */
  opened(connection: number, server: number): void {
    const { sequence } = this.#settings;
    if (sequence?.scope === 'connection') this.#own.set(connection, this.#newSequence(sequence));
    for (const known of [this.#feed, this.#own.get(connection)]) known?.opened(connection, server);
  }

  closed(connection: number, nowMs: number): void {
    this.#feed?.closed(connection, nowMs);
    const own = this.#own.get(connection);
    own?.end();
    if (own !== undefined) this.#count(own);
    this.#own.delete(connection);
  }

  /** Tells of holes that were waited for long enough. */
  tick(nowMs: number): void {
    for (const sequence of this.#sequences) sequence.tick(nowMs);
  }

  end(): void {
    for (const sequence of this.#sequences) sequence.end();
  }

  /** The hole that the message showed that was not admitted last: nothing of it was noted. */
  takeHole(): Gap | undefined {
    const hole = this.#hole;
    this.#hole = undefined;
    return hole;
  }

  /**
   * False: it has come before and is dropped; or, where `showsHole`, it shows a hole (`takeHole`) that is to be filled
   * before it.
   */
  admits(payload: Uint8Array, connection: number, nowMs: number, showsHole = false): boolean {
    const { sequence } = this.#settings;
    this.#lastSequence = this.#lastId = null;
    if (sequence !== null) {
      const sighting = this.#sight(payload, sequence, connection, nowMs, showsHole);
      if (sighting === 'hole') return false;
      if (sighting === null) this.#counts.unnumbered++;
      else if (sighting !== 'next') this.#counts[sighting]++;
      if (sighting === 'repeated' && this.#dropsNumbers) {
        this.#counts.dropped++;
        return false;
      }
    }
    return this.#admitsId(payload);
  }

  /** One that was missing, over another way than its connection: whether it is to be taken. The next of all, or one of a hole that was told. */
  fills(payload: Uint8Array, channel: string, number: number, connection: number | null, nowMs: number): boolean {
    const feed = this.#feed!;
    this.#lastSequence = this.#lastId = null;
    if (connection === null) return feed.fill(channel, number) && this.#admitsId(payload);
    const sighting = feed.see(connection, channel, number, nowMs, 0);
    this.#lastSequence = feed;
    return sighting !== 'repeated' && this.#admitsId(payload);
  }

  /** The task ends: holes are left to the next one. */
  leave(): void {
    this.#feed?.leave();
  }

  #admitsId(payload: Uint8Array): boolean {
    const { dedupe } = this.#settings;
    if (this.#ids === null || dedupe === null) return true;
    const id = idOf(payload, dedupe);
    if (id === null) {
      this.#counts.unnumbered++;
      return true;
    }
    if (this.#ids.add(id)) {
      this.#lastId = id;
      return true;
    }
    this.#counts.dropped++;
    return false;
  }

  /** The message admitted last found no room: a copy of it that comes over another connection is no repetition. */
  forgetLast(): void {
    if (this.#settings.dedupe === null) return;
    this.#lastSequence?.forgetLast();
    if (this.#lastId !== null) this.#ids?.forgetNewest(this.#lastId);
    this.#lastSequence = this.#lastId = null;
  }

  /** What was counted since the last call. */
  takeCounts(): Readonly<Counts> {
    const counts = this.#counts;
    for (const sequence of this.#sequences) this.#count(sequence);
    this.#counts = noCounts();
    return counts;
  }

  #count(sequence: Sequence): void {
    this.#counts.forgotten += sequence.forgotten;
    this.#counts.offStep += sequence.offStep;
    sequence.forgotten = sequence.offStep = 0;
  }

  get #sequences(): Sequence[] {
    return this.#feed === null ? [...this.#own.values()] : [this.#feed];
  }

  #sight(
    payload: Uint8Array,
    settings: SequenceSettings,
    connection: number,
    nowMs: number,
    showsHole: boolean,
  ): Sighting | 'hole' | null {
    const number = numberOf(payload, settings);
    if (number < 0) return null;
    const name = channelOf(payload, settings) ?? '';
    const known = this.#feed ?? this.#own.get(connection)!;
    if (showsHole) {
      this.#hole = known.holeBefore(connection, name, number);
      if (this.#hole !== undefined) return 'hole';
    }
    this.#lastSequence = known;
    return known.see(connection, name, number, nowMs, crc32(payload) || 1);
  }

  #newSequence({ step, maxChannels }: SequenceSettings): Sequence {
    const { dedupe } = this.#settings;
    const most = Math.floor(mostWindowNumbers / maxChannels);
    const window = dedupe?.by.kind === 'number' ? dedupe.window : Math.min(quietWindow, most);
    return new Sequence({ step, window, maxChannels, onGap: this.#onGap });
  }
}

/** The sequence number of a message; -1: it has none. */
export function numberOf(payload: Uint8Array, { number }: SequenceSettings): number {
  const found = readPointer(payload, number);
  return found === null ? -1 : wholeNumberOf(found, mostDigits);
}

/** What the server counts for; null: the message does not say, or there is one count for all. */
export function channelOf(payload: Uint8Array, { channel }: SequenceSettings): string | null {
  const found = channel === null ? null : readPointer(payload, channel);
  return found === null ? null : textOf(found);
}

export interface Counts {
  /** Dropped, as they had come before. */
  dropped: number;
  late: number;
  repeated: number;
  restarted: number;
  unnumbered: number;
  forgotten: number;
  /** Of those restarted, as their numbers lie between two steps. */
  offStep: number;
}

function noCounts(): Counts {
  return { dropped: 0, late: 0, repeated: 0, restarted: 0, unnumbered: 0, forgotten: 0, offStep: 0 };
}

/** Exact, or by a hash that no two messages of a feed share. */
function idOf(payload: Uint8Array, { by }: DedupeSettings): string | null {
  const bytes = by.kind === 'id' ? readPointer(payload, by.id) : payload;
  if (bytes === null) return null;
  if (bytes.length > longestIdBytes) return `#${hash('sha256', bytes)}`; // longer than any id that stands for itself
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
