/** Values by name, at most so many: the one that was unused for longest gives way. */
export class RecentMap<Value> {
  readonly #size: number;
  readonly #entries = new Map<string, Entry<Value>>();
  // A list beside the map: to move an entry within the map itself would cost a deletion for each message.
  #newest: Entry<Value> | undefined;
  #oldest: Entry<Value> | undefined;

  constructor(size: number) {
    this.#size = size;
  }

  get size(): number {
    return this.#entries.size;
  }

  *values(): Generator<Value> {
    for (const { value } of this.#entries.values()) yield value;
  }

  /** The one used last first. */
  *newestFirst(): Generator<Value> {
    for (let entry = this.#newest; entry !== undefined; entry = entry.older) yield entry.value;
  }

  /** Counts as a use. */
  get(name: string): Value | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    if (entry !== this.#newest) {
      this.#unlink(entry);
      this.#link(entry);
    }
    return entry.value;
  }

  /** A name that is not there yet. What gave way to it. */
  add(name: string, value: Value): Value | undefined {
    const oldest = this.#entries.size >= this.#size ? this.#oldest : undefined;
    if (oldest !== undefined) {
      this.#unlink(oldest);
      this.#entries.delete(oldest.name);
    }
    const entry = { name, value, older: undefined, newer: undefined };
    this.#entries.set(name, entry);
    this.#link(entry);
    return oldest?.value;
  }

  #link(entry: Entry<Value>): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest !== undefined) this.#newest.newer = entry;
    this.#newest = entry;
    this.#oldest ??= entry;
  }

  #unlink({ older, newer }: Entry<Value>): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}

interface Entry<Value> {
  readonly name: string;
  readonly value: Value;
  older: Entry<Value> | undefined;
  newer: Entry<Value> | undefined;
}
