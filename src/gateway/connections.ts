/** All open connections: how many there may be, and what concerns them all. */
import type { Random } from '../base/clock.ts';
import type { GatewayFault } from '../wire/gateway/codes.ts';
import type { GatewayConnection, SubscriptionState } from './gateway-parts.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { GatewaySettings } from './settings.ts';

export interface Refusal {
  readonly status: number;
  readonly fault: GatewayFault;
}

/** A place among the connections, taken before the handshake is answered. */
export interface Place {
  fill(connection: GatewayConnection): void;
  /** As `fill`, by one request: it is none of the connections that metrics count. */
  lend(request: GatewayConnection): void;
  /** Who it is has come out only now; false where that principal has too many already. */
  claim(principal: string): boolean;
  /** `code` of the close; for one that was never filled none. */
  leave(code?: number): void;
}

export class Connections {
  readonly #limits: GatewaySettings['limits'];
  readonly #metrics: GatewayMetrics;
  readonly #open = new Set<GatewayConnection>();
  readonly #byIp = new Map<string, number>();
  readonly #byPrincipal = new Map<string, number>();
  #places = 0;

  constructor(limits: GatewaySettings['limits'], metrics: GatewayMetrics) {
    this.#limits = limits;
    this.#metrics = metrics;
  }

  get size(): number {
    return this.#places;
  }

  /** Bytes that wait for all clients. */
  get waitingBytes(): number {
    let bytes = 0;
    for (const connection of this.#open) bytes += connection.waitingBytes;
    return bytes;
  }

  /** Bytes of publishes whose clients wait for the answer. */
  get publishBytes(): number {
    let bytes = 0;
    for (const connection of this.#open) bytes += connection.publishBytes;
    return bytes;
  }

  /** How many subscriptions are in a state. */
  subscriptions(state: SubscriptionState): number {
    let count = 0;
    for (const connection of this.#open) {
      for (const each of connection.subscriptions()) if (each === state) count++;
    }
    return count;
  }

  /** A place, or the reason why there is none. */
  take(ip: string, principal: string | null): Place | Refusal {
    const { connections, perIp, perPrincipal } = this.#limits;
    if (this.#places >= connections) {
      return {
        status: 503,
        fault: { code: 'limit', message: 'the gateway has no place for another connection', retryAfterMs: 5000 },
      };
    }
    if ((this.#byIp.get(ip) ?? 0) >= perIp) {
      return {
        status: 429,
        fault: { code: 'limit', message: 'too many connections from this address', retryAfterMs: 5000 },
      };
    }
    if (principal !== null && (this.#byPrincipal.get(principal) ?? 0) >= perPrincipal) {
      return {
        status: 429,
        fault: { code: 'limit', message: 'too many connections of this principal', retryAfterMs: 5000 },
      };
    }
    this.#places++;
    count(this.#byIp, ip, 1);
    if (principal !== null) count(this.#byPrincipal, principal, 1);
    let owner = principal;
    let filled: GatewayConnection | undefined;
    let isCounted = false;
    let isLeft = false;
    return {
      claim: (claimed) => {
        if ((this.#byPrincipal.get(claimed) ?? 0) >= perPrincipal) return false;
        owner = claimed;
        count(this.#byPrincipal, claimed, 1);
        return true;
      },
      fill: (connection) => {
        filled = connection;
        isCounted = true;
        this.#open.add(connection);
        this.#metrics.opened(connection.protocol);
      },
      lend: (request) => {
        filled = request;
        this.#open.add(request);
      },
      leave: (code = 1006) => {
        if (isLeft) return;
        isLeft = true;
        this.#places--;
        count(this.#byIp, ip, -1);
        if (owner !== null) count(this.#byPrincipal, owner, -1);
        if (filled === undefined) return;
        this.#open.delete(filled);
        if (isCounted) this.#metrics.closed(filled.protocol, code);
      },
    };
  }

  tick(nowMs: number): void {
    for (const connection of [...this.#open]) connection.tick(nowMs);
  }

  recheck(): void {
    for (const connection of [...this.#open]) connection.recheck();
  }

  /** Farewell to all, told to come back spread over a while. */
  drain(spreadMs: number, random: Random): void {
    for (const connection of [...this.#open]) connection.drain(Math.round(random() * spreadMs));
  }

  /** Ends the connections that hold most, until so many bytes are free. */
  shed(bytes: number): void {
    const held = [...this.#open].map((connection) => ({
      connection,
      bytes: connection.waitingBytes + connection.publishBytes,
    }));
    held.sort((a, b) => b.bytes - a.bytes);
    for (const each of held) {
      if (bytes <= 0) return;
      bytes -= each.bytes;
      each.connection.shed();
    }
  }

  destroy(): void {
    for (const connection of [...this.#open]) connection.destroy();
  }
}

function count(counts: Map<string, number>, key: string, change: number): void {
  const now = (counts.get(key) ?? 0) + change;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}
