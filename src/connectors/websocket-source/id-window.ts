/** The newest ids, each of them once; the oldest gives way to the next. */
export class IdWindow {
  readonly #ids: string[] = [];
  readonly #known = new Set<string>();
  readonly #size: number;
  #at = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** False: it is there already. */
  add(id: string): boolean {
    if (this.#known.has(id)) return false;
    // A ring beside the set: the oldest of a set that was often added to is found only by walking over what was deleted.
    const oldest = this.#ids[this.#at];
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#ids[this.#at] = id;
    this.#at = (this.#at + 1) % this.#size;
    this.#known.add(id);
    return true;
  }

  /** Undoes the `add` before, which was of this id. */
  forgetNewest(id: string): void {
    this.#known.delete(id);
    this.#at = (this.#at + this.#size - 1) % this.#size;
    delete this.#ids[this.#at];
  }
}
