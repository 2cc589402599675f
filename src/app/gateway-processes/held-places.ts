/** Places that one process holds of those that all share: what it holds when it dies is given back for it. */
import type { CountedPlaces, Places, Refusal } from '../../gateway/places.ts';

export class HeldPlaces implements Places {
  readonly #shared: CountedPlaces;
  readonly #ips = new Map<string, number>();
  readonly #principals = new Map<string, number>();

  constructor(shared: CountedPlaces) {
    this.#shared = shared;
  }

  take(ip: string, principal: string | null): Refusal | undefined {
    const refusal = this.#shared.take(ip, principal);
    if (refusal === undefined) this.#count(ip, principal, 1);
    return refusal;
  }

  claim(principal: string): boolean {
    const isGranted = this.#shared.claim(principal);
    if (isGranted) this.#count(null, principal, 1);
    return isGranted;
  }

  leave(ip: string | null, principal: string | null): void {
    this.#shared.leave(ip, principal);
    this.#count(ip, principal, -1);
  }

  leaveAll(): void {
    for (const [ip, count] of this.#ips) for (let i = 0; i < count; i++) this.#shared.leave(ip, null);
    for (const [principal, count] of this.#principals) {
      for (let i = 0; i < count; i++) this.#shared.leave(null, principal);
    }
    this.#ips.clear();
    this.#principals.clear();
  }

  #count(ip: string | null, principal: string | null, change: number): void {
    for (const [counts, key] of [
      [this.#ips, ip],
      [this.#principals, principal],
    ] as const) {
      if (key === null) continue;
      const now = (counts.get(key) ?? 0) + change;
      if (now === 0) counts.delete(key);
      else counts.set(key, now);
    }
  }
}
