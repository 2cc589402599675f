/** A request that is being answered, as one of the gateway's connections: it has a place, and what it holds is counted. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GatewayConnection, GatewayParts } from '../gateway-parts.ts';

export class OpenRequest implements GatewayConnection {
  readonly protocol = 'http';
  readonly publishBytes = 0;
  readonly principal: string | null;
  /** Bytes of its body, or of its answer, until the answer has left. */
  heldBytes = 0;
  readonly #parts: GatewayParts;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #hurry = new AbortController();
  #movedBytes = 0;
  #movedAtMs: number;

  constructor(parts: GatewayParts, request: IncomingMessage, response: ServerResponse, principal: string | null) {
    this.#parts = parts;
    this.#request = request;
    this.#response = response;
    this.principal = principal;
    this.#movedAtMs = parts.clock.monotonicMs();
  }

  /** Aborted when whoever waits for records must answer with what there is. */
  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  get waitingBytes(): number {
    return this.heldBytes;
  }

  subscriptions(): readonly never[] {
    return [];
  }

  /** A body that does not come, or an answer that is not taken, keeps its place no longer than a stalled queue would. */
  tick(nowMs: number): void {
    const { socket } = this.#request;
    const moved = socket.bytesRead + socket.bytesWritten - this.#response.writableLength;
    const isOurTurn = this.#request.complete && !this.#response.writableEnded;
    if (moved !== this.#movedBytes || isOurTurn) {
      this.#movedBytes = moved;
      this.#movedAtMs = nowMs;
    } else if (nowMs - this.#movedAtMs >= this.#parts.settings.limits.stallMs) {
      this.#parts.metrics.slowCloses.value++;
      this.destroy();
    }
  }

  /** What it may read was judged when it came: a long poll is answered now, and the next one judged anew. */
  recheck(): void {
    this.#hurry.abort();
  }

  drain(): void {
    this.#hurry.abort();
  }

  shed(): void {
    this.destroy();
  }

  destroy(): void {
    this.#request.socket.destroy();
  }
}
