/** Open streams to each origin, over all connectors that bound them (`rate.limit.max.concurrent`). First come, first served. */
interface Waiting {
  readonly max: number;
  readonly enter: () => void;
}

interface Origin {
  open: number;
  readonly waiting: Set<Waiting>;
}

export class StreamSlots {
  readonly #origins = new Map<string, Origin>();

  /** True where a stream with this bound could be opened at once. */
  hasRoom(origin: string, max: number): boolean {
    const found = this.#origins.get(origin);
    return found === undefined || (found.open < max && found.waiting.size === 0);
  }

  /** Resolves when the stream may be opened, with what gives its place back; undefined where the signal came first. */
  enter(origin: string, max: number, signal: AbortSignal): Promise<(() => void) | undefined> {
    const found = this.#origins.get(origin) ?? { open: 0, waiting: new Set() };
    this.#origins.set(origin, found);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        max,
        enter: () => {
          signal.removeEventListener('abort', leave);
          found.waiting.delete(waiting);
          found.open++;
          resolve(this.#exitOf(origin, found));
        },
      };
      const leave = (): void => {
        found.waiting.delete(waiting);
        this.#forgetIfUnused(origin, found);
        resolve(undefined);
        this.#admit(found);
      };
      if (signal.aborted) {
        this.#forgetIfUnused(origin, found);
        return resolve(undefined);
      }
      signal.addEventListener('abort', leave, { once: true });
      found.waiting.add(waiting);
      this.#admit(found);
    });
  }

  #exitOf(origin: string, found: Origin): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      found.open--;
      this.#admit(found);
      this.#forgetIfUnused(origin, found);
    };
  }

  /** In the order of their coming: one with a low bound holds back those behind it, or it might never get in. */
  #admit({ waiting, open }: Origin): void {
    let room = open;
    for (const next of waiting) {
      if (room >= next.max) return;
      room++;
      next.enter();
    }
  }

  #forgetIfUnused(origin: string, { open, waiting }: Origin): void {
    if (open === 0 && waiting.size === 0) this.#origins.delete(origin);
  }
}
