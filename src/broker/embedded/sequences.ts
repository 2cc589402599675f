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
  /** By producer, then by partition. */
  readonly #entries = new Map<number, Map<number, Entry>>();
  readonly #fenced = new Set<number>();
  /** Entries as they were before the commit that is under way. */
  #before: { readonly producerId: number; readonly partition: number; readonly entry: Entry | undefined }[] = [];

  check(partition: number, producerId: number, epoch: number, sequence: number): Place {
    if (producerId < 0) return { kind: 'next' };
    if (this.#fenced.has(producerId)) return { kind: 'fenced' };
    const entry = this.#entries.get(producerId)?.get(partition);
    if (entry !== undefined && epoch < entry.epoch) return { kind: 'fenced' };
    if (entry === undefined || epoch > entry.epoch) return sequence === 0 ? { kind: 'next' } : { kind: 'out-of-order' };
    if (sequence === entry.next) return { kind: 'next' };
    const known = entry.recent.find((batch) => batch.sequence === sequence);
    return known === undefined ? { kind: 'out-of-order' } : { kind: 'duplicate', base: known.base };
  }

  add(partition: number, producerId: number, epoch: number, sequence: number, count: number, base: number): void {
    if (producerId < 0) return;
    const entry = this.#entries.get(producerId)?.get(partition);
    this.#before.push({ producerId, partition, entry });
    const recent = entry?.epoch === epoch ? entry.recent.slice(-(remembered - 1)) : [];
    this.#set(producerId, partition, {
      epoch,
      next: (sequence + count) % sequences,
      recent: [...recent, { sequence, base }],
    });
  }

  /** From now on nothing is taken from this producer. That stays, whatever becomes of the commit. */
  fence(producerId: number): void {
    this.#fenced.add(producerId);
    this.forget(producerId);
  }

  /** The producer has ended: it sends nothing more. */
  forget(producerId: number): void {
    this.#entries.delete(producerId);
  }

  commit(): void {
    this.#before = [];
  }

  rollBack(): void {
    for (const { producerId, partition, entry } of this.#before.reverse()) {
      if (entry === undefined) this.#entries.get(producerId)?.delete(partition);
      else this.#set(producerId, partition, entry);
    }
    this.#before = [];
  }

  #set(producerId: number, partition: number, entry: Entry): void {
    const entries = this.#entries.get(producerId);
    if (entries === undefined) this.#entries.set(producerId, new Map([[partition, entry]]));
    else entries.set(partition, entry);
  }
}
