/**
 * Which sequence number each producer sends next to each partition, and where its last batches went: a batch that comes
 * again is answered with its place, one behind a failed batch is turned away. Kept in memory only: a producer id is never
 * used by a second process. Changes of a commit that fails are taken back.
 */
interface Entry {
  readonly epoch: number;
  readonly next: number;
  /** The last five batches, oldest first: more are never in flight. */
  readonly recent: readonly { readonly sequence: number; readonly base: number }[];
}

export type Place =
  | { readonly kind: 'next' }
  | { readonly kind: 'duplicate'; readonly base: number }
  | { readonly kind: 'out-of-order' }
  | { readonly kind: 'fenced' };

const remembered = 5;
const sequences = 2 ** 31;

export class Sequences {
  readonly #entries = new Map<string, Entry>();
  readonly #fenced = new Map<number, number>();
  /** Entries as they were before the commit that is under way. */
  #before = new Map<string, Entry | undefined>();

  check(partition: number, producerId: number, epoch: number, sequence: number, count: number): Place {
    if (producerId < 0) return { kind: 'next' };
    const entry = this.#entries.get(`${producerId}/${partition}`);
    if (epoch <= (this.#fenced.get(producerId) ?? -1)) return { kind: 'fenced' };
    if (entry !== undefined && epoch < entry.epoch) return { kind: 'fenced' };
    if (entry === undefined || epoch > entry.epoch) return sequence === 0 ? { kind: 'next' } : { kind: 'out-of-order' };
    if (sequence === entry.next) return { kind: 'next' };
    const known = entry.recent.find((batch) => batch.sequence === sequence);
    return known === undefined || count === 0 ? { kind: 'out-of-order' } : { kind: 'duplicate', base: known.base };
  }

  add(partition: number, producerId: number, epoch: number, sequence: number, count: number, base: number): void {
    if (producerId < 0) return;
    const key = `${producerId}/${partition}`;
    const entry = this.#entries.get(key);
    if (!this.#before.has(key)) this.#before.set(key, entry);
    const recent = entry?.epoch === epoch ? entry.recent.slice(-(remembered - 1)) : [];
    this.#entries.set(key, { epoch, next: (sequence + count) % sequences, recent: [...recent, { sequence, base }] });
  }

  /** From now on nothing is taken from this producer up to this epoch. A fence stays, whatever becomes of the commit. */
  fence(producerId: number, epoch: number): void {
    this.#fenced.set(producerId, Math.max(epoch, this.#fenced.get(producerId) ?? -1));
  }

  commit(): void {
    this.#before.clear();
  }

  rollBack(): void {
    for (const [key, entry] of this.#before) {
      if (entry === undefined) this.#entries.delete(key);
      else this.#entries.set(key, entry);
    }
    this.#before = new Map();
  }
}
