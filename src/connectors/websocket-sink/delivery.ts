/** One open connection: sends messages in order and knows how many of them the server has for certain. */
import type { RawData, WebSocket } from 'ws';
import type { WebSocketSinkConfig } from './spec.ts';

const maxBufferedBytes = 4 * 1024 * 1024;
/** Few enough for a slow server to answer within websocket.ack.timeout.ms, many enough for pings to cost nothing. */
const messagesPerPing = 64;

export class Delivery {
  readonly #socket: WebSocket;
  readonly #isBinary: boolean;
  readonly #ack: string;
  readonly #perAck: number;
  readonly #window: number;
  readonly #timeoutMs: number;
  readonly #pattern: RegExp | undefined;
  /** What was sent and waits for its acknowledgement, the oldest first. */
  #units: { readonly id: number; readonly size: number }[] = [];
  #nextId = 1;
  #acknowledged = 0;
  #isOpen = true;
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket, config: WebSocketSinkConfig) {
    this.#socket = socket;
    this.#isBinary = config['websocket.message.type'].toLowerCase() === 'binary';
    this.#ack = config['websocket.ack'];
    this.#window = config['websocket.message.queue.size'];
    this.#perAck = this.#ack === 'reply' ? config['websocket.ack.messages'] : Math.min(messagesPerPing, this.#window);
    this.#timeoutMs = config['websocket.ack.timeout.ms'];
    const pattern = config['websocket.ack.pattern'];
    this.#pattern = pattern === null ? undefined : new RegExp(pattern, 'u');
    socket.on('message', (data) => this.#onMessage(data));
    socket.on('pong', (data) => this.#onPong(data));
    socket.on('close', () => this.end());
  }

  /** Nothing more is waited for: what is open counts as lost. */
  end(): void {
    this.#isOpen = false;
    this.#notify();
  }

  /**
   * How many of the messages from `first` on were acknowledged: all, unless the connection ended. At most so many as the
   * window holds are under way; with replies, one unit, as nothing else tells which message a reply is about.
   */
  async send(messages: readonly Uint8Array[], first: number): Promise<number> {
    const total = messages.length - first;
    this.#units = [];
    this.#acknowledged = 0;
    let sent = 0;
    let unit = 0;
    while (this.#isOpen && this.#acknowledged < total) {
      while (sent < total && this.#hasRoom(sent)) {
        this.#socket.send(messages[first + sent]!, { binary: this.#isBinary }, this.#onSent);
        sent++;
        unit++;
        if (this.#ack === 'sent' || (unit < this.#perAck && sent < total)) continue;
        const id = this.#nextId++;
        this.#units.push({ id, size: unit });
        unit = 0;
        if (this.#ack === 'pong') this.#socket.ping(String(id));
      }
      if (this.#acknowledged < total) await this.#progress();
    }
    return this.#acknowledged;
  }

  #hasRoom(sent: number): boolean {
    if (!this.#isOpen || this.#socket.bufferedAmount > maxBufferedBytes) return false;
    if (this.#ack === 'reply') return this.#units.length === 0;
    return sent - this.#acknowledged < this.#window;
  }

  /** Resolves when something was acknowledged or sent, or the connection is over: also because nothing came in time. */
  #progress(): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    return new Promise((resolve) => {
      // What only waits for the network waits for the server to read: that is back-pressure, and no fault.
      const timer =
        this.#units.length === 0 || this.#socket.bufferedAmount > 0
          ? undefined
          : setTimeout(() => this.#socket.terminate(), this.#timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** One function for all messages. They are taken by the network in order. */
  readonly #onSent = (error?: Error | null): void => {
    if (error !== undefined && error !== null) return; // the connection ends by it, and is told so by its own event
    if (this.#ack === 'sent') this.#acknowledged++;
    this.#notify();
  };

  /** A pong stands for all pings before it, too (RFC 6455, 5.5.3). Those that only ask for a sign of life carry no number. */
  #onPong(data: Buffer): void {
    const id = Number(data.toString());
    while (this.#ack === 'pong' && this.#units.length > 0 && this.#units[0]!.id <= id) this.#takeUnit();
  }

  #onMessage(data: RawData): void {
    if (this.#ack === 'reply' && (this.#pattern === undefined || this.#pattern.test(data.toString()))) this.#takeUnit();
  }

  #takeUnit(): void {
    this.#acknowledged += this.#units.shift()?.size ?? 0;
    this.#notify();
  }
}
