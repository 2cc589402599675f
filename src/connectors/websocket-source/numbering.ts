/** Looks into each message for its number or id, where the configuration names a place: finds gaps and drops what came before. */
import { hash } from 'node:crypto';
import { IdWindow } from './id-window.ts';
import { type Pointer, readPointer } from './json-pointer.ts';
import { type Gap, Sequence, type Sighting } from './sequence.ts';

export interface NumberingSettings {
  readonly sequence: SequenceSettings | null;
  readonly dedupe: DedupeSettings | null;
  /** Where a record about each gap goes. */
  readonly gapTopic: string | null;
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
/** Longer ids are remembered by their hash. */
const longestIdBytes = 64;

export class Numbering {
  readonly #settings: NumberingSettings;
  readonly #onGap: (gap: Gap) => void;
  readonly #ids: IdWindow | null;
  readonly #dropsNumbers: boolean;
  readonly #feed: Sequence | null;
  /** One for each connection that counts for itself. */
  readonly #own = new Map<number, Sequence>();
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

  get channels(): number {
    return this.#sequences.reduce((sum, { channels }) => sum + channels, 0);
  }

  opened(connection: number): void {
    const { sequence } = this.#settings;
    if (sequence?.scope === 'connection') this.#own.set(connection, this.#newSequence(sequence));
    for (const known of [this.#feed, this.#own.get(connection)]) known?.opened(connection);
  }

  closed(connection: number, nowMs: number): void {
    this.#feed?.closed(connection, nowMs);
    const own = this.#own.get(connection);
    own?.end();
    if (own !== undefined) this.#counts.forgotten += own.forgotten;
    this.#own.delete(connection);
  }

  end(): void {
    for (const sequence of this.#sequences) sequence.end();
  }

  /** False: it has come before and is dropped. */
  admits(payload: Uint8Array, connection: number, nowMs: number): boolean {
    const { sequence, dedupe } = this.#settings;
    if (sequence !== null) {
      const sighting = this.#sight(payload, sequence, connection, nowMs);
      if (sighting === null) this.#counts.unnumbered++;
      else if (sighting !== 'next') this.#counts[sighting]++;
      if (sighting === 'repeated' && this.#dropsNumbers) {
        this.#counts.dropped++;
        return false;
      }
    }
    if (this.#ids === null || dedupe === null) return true;
    const id = idOf(payload, dedupe);
    if (id === null) {
      this.#counts.unnumbered++;
      return true;
    }
    if (this.#ids.add(id)) return true;
    this.#counts.dropped++;
    return false;
  }

  /** What was counted since the last call. */
  takeCounts(): Readonly<Counts> {
    const counts = this.#counts;
    for (const sequence of this.#sequences) {
      counts.forgotten += sequence.forgotten;
      sequence.forgotten = 0;
    }
    this.#counts = noCounts();
    return counts;
  }

  get #sequences(): Sequence[] {
    return this.#feed === null ? [...this.#own.values()] : [this.#feed];
  }

  #sight(payload: Uint8Array, settings: SequenceSettings, connection: number, nowMs: number): Sighting | null {
    const found = readPointer(payload, settings.number);
    const number = found === null ? -1 : numberOf(found);
    if (number < 0) return null;
    const channel = settings.channel === null ? null : readPointer(payload, settings.channel);
    const name = channel === null ? '' : textOf(channel);
    return (this.#feed ?? this.#own.get(connection)!).see(connection, name, number, nowMs);
  }

  #newSequence({ step, maxChannels }: SequenceSettings): Sequence {
    const { dedupe } = this.#settings;
    const window = dedupe?.by.kind === 'number' ? dedupe.window : quietWindow;
    return new Sequence({ step, window, maxChannels, onGap: this.#onGap });
  }
}

export interface Counts {
  /** Dropped, as they had come before. */
  dropped: number;
  late: number;
  repeated: number;
  restarted: number;
  unnumbered: number;
  forgotten: number;
}

function noCounts(): Counts {
  return { dropped: 0, late: 0, repeated: 0, restarted: 0, unnumbered: 0, forgotten: 0 };
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

/** -1 for what is no whole number that JavaScript holds exactly. */
function numberOf(digits: Uint8Array): number {
  const { length } = digits;
  if (length === 0 || length > 16) return -1;
  let number = 0;
  for (let at = 0; at < length; at++) {
    const digit = digits[at]! - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number <= Number.MAX_SAFE_INTEGER ? number : -1;
}
