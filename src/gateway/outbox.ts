/**
 * What waits for one WebSocket: everything of a turn of the event loop becomes one write. Text frames of the native
 * protocol are joined by line feeds, binary ones back to back; messages of the other protocols stay apart.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

export interface OutboxOptions {
  /** Whether frames share messages. */
  readonly joins: boolean;
  /** Everything handed to the socket has left it. */
  readonly onDrain: () => void;
}

/** Bytes of one message at most, where frames are joined; a larger frame alone is sent as it is. */
const maxJoinedBytes = 262_144;

export class Outbox {
  readonly #socket: WebSocket;
  readonly #raw: Duplex;
  readonly #options: OutboxOptions;
  #items: (string | Buffer)[] = [];
  #bytes = 0;
  #scheduled = false;
  #unsent = 0;
  #isClosing = false;

  constructor(socket: WebSocket, raw: Duplex, options: OutboxOptions) {
    this.#socket = socket;
    this.#raw = raw;
    this.#options = options;
  }

  /** Bytes that the peer's TCP has not taken. */
  get waitingBytes(): number {
    return this.#bytes + this.#socket.bufferedAmount;
  }

  push(item: string | Buffer): void {
    if (this.#isClosing) return;
    this.#items.push(item);
    this.#bytes += item.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#items.length === 0) return;
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    this.#raw.cork();
    if (this.#options.joins) for (const message of joined(items)) this.#send(message);
    else for (const item of items) this.#send(item);
    this.#raw.uncork();
  }

  /** Sends what waits, then the close frame. */
  close(code: number, reason: string): void {
    if (this.#isClosing) return;
    this.flush();
    this.#isClosing = true;
    this.#socket.close(code, reason);
  }

  #send(message: string | Buffer): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#unsent++;
    this.#socket.send(message, { binary: typeof message !== 'string' }, () => {
      if (--this.#unsent === 0) this.#options.onDrain();
    });
  }
}

function* joined(items: readonly (string | Buffer)[]): Generator<string | Buffer> {
  for (let start = 0; start < items.length; ) {
    const isText = typeof items[start] === 'string';
    let bytes = items[start]!.length;
    let end = start + 1;
    while (end < items.length && (typeof items[end] === 'string') === isText) {
      bytes += items[end]!.length;
      if (bytes > maxJoinedBytes) break;
      end++;
    }
    const run = items.slice(start, end);
    if (run.length === 1) yield run[0]!;
    else yield isText ? (run as string[]).join('\n') : Buffer.concat(run as Buffer[]);
    start = end;
  }
}
