/**
 * Which node keeps a group's or a transactional id's state. A worker that takes over hundreds of tasks asks for hundreds of
 * ids at once, and a node answers one request of a connection after the other: so those asked for while a question is on its
 * way go together in the next one.
 */
import { isRetriable } from '../../base/errors.ts';
import { type CoordinatorKind, coordinatorOf, type FoundCoordinator, findCoordinators } from './api/cluster.ts';
import type { Address, Wire } from './connections.ts';
import type { Metadata } from './metadata.ts';
import type { Toolkit } from './toolkit.ts';

type Waiting = PromiseWithResolvers<Address>;

export class Coordinators {
  readonly #toolkit: Toolkit;
  readonly #metadata: Pick<Metadata, 'anyNode'>;
  readonly #known = new Map<string, Address>();
  readonly #waiting: Readonly<Record<CoordinatorKind, Map<string, Waiting>>> = {
    group: new Map(),
    transaction: new Map(),
  };
  readonly #asking = new Set<CoordinatorKind>();

  constructor(toolkit: Toolkit, metadata: Pick<Metadata, 'anyNode'>) {
    this.#toolkit = toolkit;
    this.#metadata = metadata;
  }

  /** Throws what the answer for this key says; what is remembered is given at once. */
  async find(kind: CoordinatorKind, key: string): Promise<Address> {
    const known = this.#known.get(`${kind} ${key}`);
    if (known !== undefined) return known;
    const waiting = this.#waiting[kind];
    const found = waiting.get(key) ?? Promise.withResolvers<Address>();
    waiting.set(key, found);
    if (!this.#asking.has(kind)) void this.#ask(kind);
    return found.promise;
  }

  forget(kind: CoordinatorKind, key: string): void {
    this.#known.delete(`${kind} ${key}`);
  }

  /** Never rejects: each who waits is told. */
  async #ask(kind: CoordinatorKind): Promise<void> {
    this.#asking.add(kind);
    await Promise.resolve(); // those who ask in the same turn go along
    while (this.#waiting[kind].size > 0) {
      const asked = new Map(this.#waiting[kind]);
      this.#waiting[kind].clear();
      try {
        const answers = await this.#answers(kind, [...asked.keys()]);
        for (const [key, waiting] of asked) this.#settle(kind, key, waiting, answers);
      } catch (error) {
        for (const { reject } of asked.values()) reject(error);
      }
    }
    this.#asking.delete(kind);
  }

  /** Of the first node that knows one of them, or of the last that was asked. */
  async #answers(kind: CoordinatorKind, keys: readonly string[]): Promise<readonly FoundCoordinator[]> {
    let answers: readonly FoundCoordinator[] | undefined;
    const ask = async (wire: Wire): Promise<void> => {
      answers = await findCoordinators(this.#toolkit, wire, kind, keys);
      for (const key of keys) {
        try {
          coordinatorOf(answers, kind, key);
          return;
        } catch (error) {
          if (!isRetriable(error)) return;
          if (key === keys.at(-1)) throw error;
        }
      }
    };
    try {
      await this.#metadata.anyNode(ask);
    } catch (error) {
      if (answers === undefined) throw error;
    }
    return answers!;
  }

  #settle(kind: CoordinatorKind, key: string, waiting: Waiting, answers: readonly FoundCoordinator[]): void {
    try {
      const address = coordinatorOf(answers, kind, key);
      this.#known.set(`${kind} ${key}`, address);
      waiting.resolve(address);
    } catch (error) {
      waiting.reject(error);
    }
  }
}
