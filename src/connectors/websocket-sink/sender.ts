/** Sends messages over one connection at a time, in order, and says when they are delivered. */
import type { RawData, WebSocket } from 'ws';
import { sleep } from '../../base/abort.ts';
import { backoffMs } from '../../base/backoff.ts';
import { describeError, TributaryError } from '../../base/errors.ts';
import type { ConnectorContext } from '../contract.ts';
import { connect, type Target } from './connect.ts';

const maxBufferedBytes = 4 * 1024 * 1024;

export class Sender {
  readonly #target: Target;
  readonly #context: ConnectorContext;
  readonly #closing = new AbortController();
  #socket: WebSocket | undefined;
  #lastReason = 'never connected';

  constructor(target: Target, context: ConnectorContext) {
    this.#target = target;
    this.#context = context;
    context.signal.addEventListener('abort', () => this.#closing.abort(), { once: true });
  }

  /** One try, whose failure is not fatal: sending tries again. */
  async start(): Promise<void> {
    try {
      await this.#open();
    } catch (error) {
      this.#say(describeError(error));
    }
  }

  /**
   * Resolves when all are delivered. What a lost connection leaves open is sent again on the next one, so that the server
   * may see a message twice but never misses one. Fails when the tries to connect are used up.
   */
  async send(messages: readonly Uint8Array[]): Promise<void> {
    let next = 0;
    while (next < messages.length) {
      const socket = await this.#connected();
      next += await this.#sendOn(socket, messages, next);
    }
  }

  async #connected(): Promise<WebSocket> {
    if (this.#socket !== undefined) return this.#socket;
    const { config } = this.#target;
    if (!config['websocket.reconnect.enabled'])
      throw new TributaryError('CONNECTION_FAILED', 'WebSocket not connected and reconnect is disabled');
    const limit = config['websocket.reconnect.max.attempts'];
    const policy = {
      baseMs: config['websocket.reconnect.interval.ms'],
      maxMs: config['websocket.reconnect.backoff.max.ms'],
      jitter: 0,
    };
    for (let attempt = 1; ; attempt++) {
      if (this.#closing.signal.aborted) throw new TributaryError('ABORTED', 'Sending was stopped before it was done');
      try {
        return await this.#open();
      } catch (error) {
        this.#say(describeError(error));
        if (limit >= 0 && attempt >= Math.max(limit, 1)) throw error;
      }
      await sleep(backoffMs(attempt, policy, this.#context.random), this.#closing.signal);
    }
  }

  async #open(): Promise<WebSocket> {
    const { metrics } = this.#context;
    metrics.counter('tributary_websocket_sink_connects_total', 'Tries to connect of WebSocket sinks').value++;
    const socket = await connect(this.#target, this.#closing.signal);
    this.#socket = socket;
    this.#context.setStatus(undefined);
    socket.on('close', (code, reason) => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#say(`connection closed with code ${code}${reason.length === 0 ? '' : ` (${reason.toString()})`}`);
    });
    return socket;
  }

  /** How many of the messages from `first` on were delivered before the end, or the loss of the connection. */
  async #sendOn(socket: WebSocket, messages: readonly Uint8Array[], first: number): Promise<number> {
    const { config } = this.#target;
    const binary = config['websocket.message.type'].toLowerCase() === 'binary';
    const byReply = config['websocket.ack'] === 'reply';
    const perReply = byReply ? config['websocket.ack.messages'] : messages.length;
    let delivered = 0;
    for (let at = first; at < messages.length; at += perReply) {
      const batch = messages.slice(at, at + perReply);
      const replied = byReply ? this.#reply(socket) : undefined;
      const sent = await this.#flush(socket, batch, binary);
      if (replied !== undefined && (sent < batch.length || !(await replied))) return delivered;
      delivered += sent;
      if (sent < batch.length) return delivered;
    }
    return delivered;
  }

  /** Hands messages to the network. How many it took; fewer than all where the connection is gone. */
  async #flush(socket: WebSocket, messages: readonly Uint8Array[], binary: boolean): Promise<number> {
    let sent = 0;
    let waiting: Promise<boolean> = Promise.resolve(true);
    for (const message of messages) {
      waiting = new Promise((resolve) => {
        socket.send(message, { binary }, (error) => {
          if (error === undefined || error === null) sent++;
          resolve(error === undefined || error === null);
        });
      });
      if (socket.bufferedAmount > maxBufferedBytes && !(await waiting)) return sent;
    }
    await waiting;
    if (sent < messages.length) this.#drop(socket);
    return sent;
  }

  /** True with the next message that is a reply; false where the connection ends, or nothing comes in time. */
  #reply(socket: WebSocket): Promise<boolean> {
    const { config } = this.#target;
    const wanted = config['websocket.ack.pattern'];
    const pattern = wanted === null ? undefined : new RegExp(wanted, 'u');
    return new Promise((resolve) => {
      const done = (answer: boolean): void => {
        clearTimeout(timer);
        socket.off('message', onMessage).off('close', onClose);
        resolve(answer);
      };
      const onMessage = (data: RawData): void => {
        if (pattern === undefined || pattern.test(data.toString())) done(true);
      };
      const onClose = (): void => done(false);
      const timer = setTimeout(() => {
        this.#drop(socket);
        done(false);
      }, config['websocket.ack.timeout.ms']);
      socket.on('message', onMessage).on('close', onClose);
    });
  }

  #drop(socket: WebSocket): void {
    if (this.#socket === socket) this.#socket = undefined;
    socket.terminate();
  }

  #say(reason: string): void {
    if (reason === this.#lastReason) return;
    this.#lastReason = reason;
    this.#context.setStatus(`not connected: ${reason}`);
    this.#context.log.warn('websocket_sink_not_connected', { reason });
  }

  /** Politely: a close frame, and a bound for the answer. */
  async close(): Promise<void> {
    this.#closing.abort();
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
    });
    socket.close(1000);
    const timer = setTimeout(() => socket.terminate(), 2000);
    await closed;
    clearTimeout(timer);
  }
}
