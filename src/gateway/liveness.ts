/** Whether the client of a WebSocket is still there (PROTOCOL.md, section 3.6), whatever protocol it speaks. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Clock } from '../base/clock.ts';

/** How long nothing may come beyond the time between two pings. */
const halfOpenMs = 10_000;
/** How long a closing handshake may take. */
export const flushMs = 5000;

export class Liveness {
  readonly #socket: WebSocket;
  readonly #raw: Duplex & { readonly bytesRead?: number };
  readonly #pingMs: number;
  readonly #clock: Clock;
  #heardAtMs: number;
  #heardBytes = 0;
  #pingedAtMs: number;
  #closingSinceMs: number | undefined;

  /** `raw`: the connection that `socket` speaks on; its bytes tell more than whole messages do. */
  constructor(socket: WebSocket, raw: Duplex, pingMs: number, clock: Clock) {
    this.#socket = socket;
    this.#raw = raw;
    this.#pingMs = pingMs;
    this.#clock = clock;
    this.#heardAtMs = clock.monotonicMs();
    this.#pingedAtMs = this.#heardAtMs;
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
    this.#listen(nowMs);
    if (nowMs - this.#heardAtMs <= this.#pingMs + halfOpenMs) return false;
    this.#socket.terminate();
    return true;
  }

  pingIfSilent(nowMs: number): void {
    if (nowMs - this.#heardAtMs < this.#pingMs || nowMs - this.#pingedAtMs < this.#pingMs) return;
    this.#pingedAtMs = nowMs;
    this.#socket.ping();
  }

  /** A part of a message is a sign of life too. While we do not read, nothing can be heard, and nobody is to blame. */
  #listen(nowMs: number): void {
    const bytes = this.#raw.bytesRead ?? 0;
    if (bytes === this.#heardBytes && !this.#socket.isPaused) return;
    this.#heardBytes = bytes;
    this.#heardAtMs = nowMs;
  }
}
