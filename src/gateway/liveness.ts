/** Whether the client of a WebSocket is still there (PROTOCOL.md, section 3.6), whatever protocol it speaks. */
import type { WebSocket } from 'ws';
import type { Clock } from '../base/clock.ts';

/** How long nothing may come beyond the time between two pings. */
const halfOpenMs = 10_000;
/** How long a closing handshake may take. */
const flushMs = 5000;

export class Liveness {
  readonly #socket: WebSocket;
  readonly #pingMs: number;
  readonly #clock: Clock;
  #heardAtMs: number;
  #pingedAtMs: number;
  #closingSinceMs: number | undefined;

  constructor(socket: WebSocket, pingMs: number, clock: Clock) {
    this.#socket = socket;
    this.#pingMs = pingMs;
    this.#clock = clock;
    this.#heardAtMs = clock.monotonicMs();
    this.#pingedAtMs = this.#heardAtMs;
    const heard = (): void => {
      this.#heardAtMs = clock.monotonicMs();
    };
    for (const event of ['message', 'ping', 'pong']) socket.on(event, heard);
  }

  get isClosing(): boolean {
    return this.#closingSinceMs !== undefined;
  }

  /** From now on only the end is waited for. */
  closing(): void {
    this.#closingSinceMs ??= this.#clock.monotonicMs();
  }

  /** True where nothing more is to be done for the connection: it is closing, or dead. Cuts it off when its time is over. */
  isOver(nowMs: number): boolean {
    if (this.#closingSinceMs !== undefined) {
      if (nowMs - this.#closingSinceMs > flushMs) this.#socket.terminate();
      return true;
    }
    if (nowMs - this.#heardAtMs <= this.#pingMs + halfOpenMs) return false;
    this.#socket.terminate();
    return true;
  }

  pingIfSilent(nowMs: number): void {
    if (nowMs - this.#heardAtMs < this.#pingMs || nowMs - this.#pingedAtMs < this.#pingMs) return;
    this.#pingedAtMs = nowMs;
    this.#socket.ping();
  }
}
