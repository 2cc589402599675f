/** Changes by name: those of one name take turns, those of different names never wait for each other. */
export class ChangeQueue {
  /** The last change of each name that is under way; the next one waits for it. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs a change behind those of the same name that came before, whether they succeeded or not. */
  async run<T>(name: string, change: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const mine = before.then(change, change);
    this.#last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(name) === mine) this.#last.delete(name);
    }
  }

  /** Resolves when the changes of this name that were asked for before are over, however they ended. */
  async settled(name: string): Promise<void> {
    await this.#last.get(name)?.catch(() => {}); // whoever asked for it is told
  }
}
