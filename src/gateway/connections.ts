/** All open connections: how many there may be, and what concerns them all. */
import type { Random } from '../base/clock.ts';
import type { GatewayConnection, SubscriptionState } from './gateway-parts.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Places, Refusal } from './places.ts';

/** A place among the connections, taken before the handshake is answered. */
export interface Place {
  fill(connection: GatewayConnection): void;
  /** As `fill`, by one request: it is none of the connections that metrics count. */
  lend(request: GatewayConnection): void;
  /** Who it is has come out only now; false where that principal has too many already. */
  claim(principal: string): Promise<boolean>;
  /** `code` of the close; for one that was never filled none. */
  leave(code?: number): void;
}

export class Connections {
  readonly #places: Places;
  readonly #metrics: GatewayMetrics;
  readonly #open = new Set<GatewayConnection>();
  #size = 0;

  constructor(places: Places, metrics: GatewayMetrics) {
    this.#places = places;
    this.#metrics = metrics;
  }

  /** Of this process. */
  get size(): number {
    return this.#size;
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
  async take(ip: string, principal: string | null): Promise<Place | Refusal> {
    const refusal = await this.#places.take(ip, principal);
    if (refusal !== undefined) return refusal;
    this.#size++;
    let owner = principal;
    let filled: GatewayConnection | undefined;
    let isCounted = false;
    let isLeft = false;
    return {
      claim: async (claimed) => {
        if (isLeft || !(await this.#places.claim(claimed))) return false;
        if (isLeft) this.#places.leave(null, claimed);
        else owner = claimed;
        return !isLeft;
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
        this.#size--;
        this.#places.leave(ip, owner);
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
