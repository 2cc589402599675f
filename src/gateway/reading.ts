/** Whether a socket is read: there may be several reasons not to, and all of them must be over. */
import type { WebSocket } from 'ws';

export type Reason =
  /** Too many publishes are on their way, or a token is being verified. */
  | 'session'
  /** Publishes on their way have too many bytes, or are too many where no session counts them. */
  | 'publishes'
  /** Too many answers wait for the client to take them. */
  | 'answers';

export class Reading {
  readonly #socket: WebSocket;
  readonly #reasons = new Set<Reason>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  hold(reason: Reason, isHeld: boolean): void {
    const before = this.#reasons.size;
    if (isHeld) this.#reasons.add(reason);
    else this.#reasons.delete(reason);
    if (before === 0 && this.#reasons.size > 0) this.#socket.pause();
    if (before > 0 && this.#reasons.size === 0) this.#socket.resume();
  }
}
