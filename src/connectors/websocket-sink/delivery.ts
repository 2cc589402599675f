/** One open connection: sends messages in order and knows how many of them the server has for certain. */
import type { RawData, WebSocket } from 'ws';
import type { WebSocketSinkConfig } from './spec.ts';

const maxBufferedBytes = 4 * 1024 * 1024;
/** Few enough for a slow server to answer within websocket.ack.timeout.ms, many enough for pings to cost nothing. */
const messagesPerPing = 64;

/** All numbers of messages are counted from the beginning of the connection. */
export class Delivery {
  readonly #socket: WebSocket;
  readonly #isBinary: boolean;
  readonly #ack: string;
  readonly #perReply: number;
  readonly #perPing: number;
  readonly #window: number;
  readonly #timeoutMs: number;
  readonly #pattern: RegExp | undefined;
  #sent = 0;
  /** Taken by the network. */
  #handedOver = 0;
  #replied = 0;
  /** Up to which message a ping was sent, and answered. */
  #pinged = 0;
  #ponged = 0;
  #isOpen = true;
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket, config: WebSocketSinkConfig) {
    this.#socket = socket;
    this.#isBinary = config['websocket.message.type'].toLowerCase() === 'binary';
    this.#ack = config['websocket.ack'];
    this.#window = config['websocket.message.queue.size'];
    this.#perReply = config['websocket.ack.messages'];
    this.#perPing = Math.min(messagesPerPing, this.#window);
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

  /** How many of the messages from `first` on were acknowledged: all, unless the connection ended. */
  async send(messages: readonly Uint8Array[], first: number): Promise<number> {
    const before = this.#sent;
    const end = before + messages.length - first;
    while (this.#isOpen && this.#acknowledged < end) {
      while (this.#sent < end && this.#hasRoom) {
        const message = messages[first + this.#sent - before]!;
        this.#socket.send(message, { binary: this.#isBinary }, this.#onSent);
        this.#sent++;
        if (this.#wantsPing(this.#sent === end)) this.#ping();
      }
      if (this.#acknowledged < end) await this.#progress();
    }
    return Math.max(0, Math.min(this.#acknowledged, end) - before);
  }

  get #acknowledged(): number {
    switch (this.#ack) {
      case 'sent':
        return this.#handedOver;
      case 'pong':
        return this.#ponged;
      default: {
        // A pong stands for what is left behind the last whole number of messages that is replied to, and for nothing else.
        const whole = this.#ponged - (this.#ponged % this.#perReply);
        return this.#replied >= whole ? Math.max(this.#replied, this.#ponged) : this.#replied;
      }
    }
  }

  get #hasRoom(): boolean {
    if (!this.#isOpen || this.#socket.bufferedAmount > maxBufferedBytes) return false;
    return this.#sent - this.#acknowledged < Math.max(this.#window, this.#ack === 'reply' ? this.#perReply : 1);
  }

  #wantsPing(isLast: boolean): boolean {
    if (this.#ack === 'pong') return isLast || this.#sent - this.#pinged >= this.#perPing;
    return this.#ack === 'reply' && isLast && this.#sent % this.#perReply > 0;
  }

  #ping(): void {
    this.#pinged = this.#sent;
    this.#socket.ping(String(this.#sent));
  }

  /** Resolves when something was acknowledged or sent, or the connection is over: also because nothing came in time. */
  #progress(): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const wait = (): void => {
        // What waits for the network waits for the server to read: that is back-pressure. How long it may do so is
        // for those to say who watch the connection.
        const wasHeldUp = this.#socket.bufferedAmount > 0;
        timer = setTimeout(() => {
          if (wasHeldUp || this.#socket.bufferedAmount > 0) wait();
          else this.#socket.terminate();
        }, this.#timeoutMs);
      };
      if (this.#ack !== 'sent') wait();
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
    this.#handedOver++;
    this.#notify();
  };

  /** A pong stands for all pings before it, too (RFC 6455, 5.5.3). Those that only ask for a sign of life carry no number. */
  #onPong(data: Buffer): void {
    const upTo = Number(data.toString());
    if (!(upTo > this.#ponged && upTo <= this.#pinged)) return;
    this.#ponged = upTo;
    this.#notify();
  }

  #onMessage(data: RawData): void {
    if (this.#ack !== 'reply' || this.#pattern?.test(data.toString()) === false) return;
    this.#replied = Math.min(this.#replied + this.#perReply, this.#sent);
    this.#notify();
  }
}
