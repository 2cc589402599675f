/** A WebSocket feed a path, and since when each has had a listener: how long a connector was away, as its feed sees it. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

const tickMs = 100;

interface Listeners {
  readonly open: Set<WebSocket>;
  openedAtMs: number;
  closedAtMs: number;
}

export class FeedPerPath implements AsyncDisposable {
  readonly #server: WebSocketServer;
  readonly #timer: NodeJS.Timeout;
  readonly #feeds = new Map<string, Listeners>();
  #sequence = 0;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket, { url = '' }) => this.#opened(socket, url.slice(1)));
    this.#timer = setInterval(() => this.#send(), tickMs);
  }

  static async listen(): Promise<FeedPerPath> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new FeedPerPath(server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves when each of these has had its last listener come after this time. */
  async allSince(names: readonly string[], sinceMs: number, patienceMs: number): Promise<void> {
    const deadlineMs = performance.now() + patienceMs;
    const isBack = (name: string): boolean => {
      const feed = this.#feeds.get(name);
      return feed !== undefined && feed.open.size > 0 && feed.openedAtMs > sinceMs;
    };
    while (!names.every(isBack)) {
      if (performance.now() > deadlineMs)
        throw new Error(`${names.filter((name) => !isBack(name)).length} connectors did not come back`);
      await new Promise((wake) => setTimeout(wake, 5));
    }
  }

  /** Feeds that somebody listens to. */
  get heard(): number {
    return [...this.#feeds.values()].filter(({ open }) => open.size > 0).length;
  }

  openedAtMs(name: string): number {
    return this.#feeds.get(name)?.openedAtMs ?? Number.NaN;
  }

  closedAtMs(name: string): number {
    return this.#feeds.get(name)?.closedAtMs ?? Number.NaN;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #opened(socket: WebSocket, name: string): void {
    const feed = this.#feeds.get(name) ?? { open: new Set(), openedAtMs: 0, closedAtMs: 0 };
    this.#feeds.set(name, feed);
    feed.open.add(socket);
    feed.openedAtMs = performance.now();
    socket.on('error', () => {}); // its worker was killed
    socket.on('close', () => {
      feed.open.delete(socket);
      feed.closedAtMs = performance.now();
    });
  }

  #send(): void {
    const text = JSON.stringify({ seq: this.#sequence++, pad: 'x'.repeat(150) });
    for (const { open } of this.#feeds.values()) for (const socket of open) socket.send(text);
  }
}
