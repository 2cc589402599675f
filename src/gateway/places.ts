/** How many connections there may be: over all, of one address and of one principal (PROTOCOL.md, section 11). */
import type { GatewayFault } from '../wire/gateway/codes.ts';
import type { GatewaySettings } from './settings.ts';

export interface Refusal {
  readonly status: number;
  readonly fault: GatewayFault;
}

/** Where connections are counted: in this process, or, where several serve one port, in the one that supervises them. */
export interface Places {
  /** Undefined: there is a place, and it is taken now. */
  take(ip: string, principal: string | null): Refusal | undefined | Promise<Refusal | undefined>;
  /** Who has a place already says who it is; false where that principal has too many, which takes nothing. */
  claim(principal: string): boolean | Promise<boolean>;
  /** Gives back what `take` took, and `claim`. */
  leave(ip: string | null, principal: string | null): void;
}

export type PlaceLimits = Pick<GatewaySettings['limits'], 'connections' | 'perIp' | 'perPrincipal'>;

export class CountedPlaces implements Places {
  readonly #limits: PlaceLimits;
  readonly #byIp = new Map<string, number>();
  readonly #byPrincipal = new Map<string, number>();
  #taken = 0;

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  take(ip: string, principal: string | null): Refusal | undefined {
    const { connections, perIp, perPrincipal } = this.#limits;
    if (this.#taken >= connections) return refusal(503, 'the gateway has no place for another connection');
    if ((this.#byIp.get(ip) ?? 0) >= perIp) return refusal(429, 'too many connections from this address');
    if (principal !== null && (this.#byPrincipal.get(principal) ?? 0) >= perPrincipal) {
      return refusal(429, 'too many connections of this principal');
    }
    this.#taken++;
    count(this.#byIp, ip, 1);
    if (principal !== null) count(this.#byPrincipal, principal, 1);
    return undefined;
  }

  claim(principal: string): boolean {
    if ((this.#byPrincipal.get(principal) ?? 0) >= this.#limits.perPrincipal) return false;
    count(this.#byPrincipal, principal, 1);
    return true;
  }

  leave(ip: string | null, principal: string | null): void {
    if (ip !== null) {
      this.#taken--;
      count(this.#byIp, ip, -1);
    }
    if (principal !== null) count(this.#byPrincipal, principal, -1);
  }
}

function refusal(status: number, message: string): Refusal {
  return { status, fault: { code: 'limit', message, retryAfterMs: 5000 } };
}

function count(counts: Map<string, number>, key: string, change: number): void {
  const now = (counts.get(key) ?? 0) + change;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}
