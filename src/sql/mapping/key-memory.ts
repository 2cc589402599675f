import type { Member } from './json-targets.ts';

/** Keys of an object beyond these are looked up each time, and so are longer ones. */
const maxKeys = 48;
const maxBytes = 24;

/**
 * The keys of the last object of its kind, in their order, with what each of them means. Messages of one feed nearly always
 * have the same keys in the same order; a key that is where it was last time is found by comparing its bytes, quotes and colon
 * included, with no hash and no look for its end. Other keys are only looked up and remembered instead.
 */
export class KeyMemory {
  readonly #bytes = new Uint8Array(maxKeys * maxBytes);
  readonly #lengths = new Uint8Array(maxKeys);
  readonly #members: (Member | undefined)[] = new Array(maxKeys).fill(undefined);
  readonly #exact = new Uint8Array(maxKeys);

  /** How many bytes the key at that place takes, where it is the remembered one; else 0. */
  match(place: number, bytes: Uint8Array, at: number, end: number): number {
    if (place >= maxKeys) return 0;
    const length = this.#lengths[place]!;
    if (at + length > end) return 0;
    const own = this.#bytes;
    const from = place * maxBytes;
    for (let i = 0; i < length; i++) if (own[from + i] !== bytes[at + i]) return 0;
    return length;
  }

  member(place: number): Member | undefined {
    return this.#members[place];
  }

  /** Whether it is the member's key as it is written, and not but for its case. */
  isExact(place: number): boolean {
    return this.#exact[place] === 1;
  }

  /** `begin` to `end`: a key of ASCII without escapes, from its quote to the colon that follows at once. */
  remember(
    place: number,
    bytes: Uint8Array,
    begin: number,
    end: number,
    member: Member | undefined,
    isExact: boolean,
  ): void {
    const length = end - begin;
    if (place >= maxKeys || length > maxBytes) return;
    const from = place * maxBytes;
    for (let i = 0; i < length; i++) this.#bytes[from + i] = bytes[begin + i]!;
    this.#lengths[place] = length;
    this.#members[place] = member;
    this.#exact[place] = isExact ? 1 : 0;
  }
}
