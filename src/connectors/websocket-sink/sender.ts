/** Sends messages over one connection at a time, in order, and connects again where it breaks. */
import type { WebSocket } from 'ws';
import { sleep } from '../../base/abort.ts';
import { backoffMs } from '../../base/backoff.ts';
import { describeError, TributaryError } from '../../base/errors.ts';
import type { ConnectorContext } from '../contract.ts';
import { connect, type Target } from './connect.ts';
import { Delivery } from './delivery.ts';
import { watchLiveness } from './liveness.ts';
import { declareMeters, type Meters } from './meters.ts';

interface Connection {
  readonly socket: WebSocket;
  readonly delivery: Delivery;
}

const closeMs = 2000;

export class Sender {
  readonly #target: Target;
  readonly #context: ConnectorContext;
  readonly #closing = new AbortController();
  readonly #meters: Meters;
  #connection: Connection | undefined;
  #lastReason = '';

  constructor(target: Target, context: ConnectorContext) {
    this.#target = target;
    this.#context = context;
    this.#meters = declareMeters(context.metrics, () => this.#connection !== undefined);
    const stop = (): void => this.#stop();
    if (context.signal.aborted) stop();
    context.signal.addEventListener('abort', stop, { once: true });
  }

  /** One try. Whether its failure is fatal, or there is a try at all, says websocket.validate. */
  async start(): Promise<void> {
    const validate = this.#target.config['websocket.validate'].toLowerCase();
    if (validate === 'false') return;
    try {
      await this.#open();
    } catch (error) {
      if (validate === 'true') throw error;
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
      const { delivery, socket } = await this.#connected();
      const from = next;
      next += await delivery.send(messages, from);
      this.#meters.sent.value += next - from;
      if (next === messages.length) return;
      this.#meters.unacknowledged.value += messages.length - next;
      this.#drop(socket);
    }
  }

  async #connected(): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    const { config } = this.#target;
    const limit = config['websocket.reconnect.max.attempts'];
    if (!config['websocket.reconnect.enabled'] || limit === 0)
      throw new TributaryError('CONNECTION_FAILED', 'WebSocket not connected and reconnect is disabled');
    const policy = {
      baseMs: config['websocket.reconnect.interval.ms'],
      maxMs: config['websocket.reconnect.backoff.max.ms'],
      jitter: config['websocket.reconnect.jitter'],
    };
    for (let attempt = 1; ; attempt++) {
      if (this.#closing.signal.aborted) throw new TributaryError('ABORTED', 'Sending was stopped before it was done');
      try {
        return await this.#open();
      } catch (error) {
        this.#say(describeError(error));
        if (limit > 0 && attempt >= limit) throw gaveUp(error, attempt);
      }
      await sleep(backoffMs(attempt, policy, this.#context.random), this.#closing.signal);
    }
  }

  async #open(): Promise<Connection> {
    const { config } = this.#target;
    this.#meters.tries.value++;
    const socket = await connect(this.#target, this.#closing.signal);
    const connection = { socket, delivery: new Delivery(socket, config) };
    this.#connection = connection;
    this.#lastReason = '';
    this.#context.setStatus(undefined);
    let reason: string | undefined;
    watchLiveness(socket, {
      pingIntervalMs: config['websocket.ping.interval.ms'],
      idleTimeoutMs: config['websocket.idle.timeout.ms'],
      clock: this.#context.clock,
      onDead: (why) => {
        reason = why;
      },
    });
    socket.once('close', (code, text) => {
      if (this.#connection === connection) this.#connection = undefined;
      if (this.#closing.signal.aborted) return;
      this.#meters.losses.value++;
      const closed = `connection closed with code ${code}${text.length === 0 ? '' : ` (${text.toString()})`}`;
      this.#say(reason ?? closed);
    });
    return connection;
  }

  #drop(socket: WebSocket): void {
    if (this.#connection?.socket === socket) this.#connection = undefined;
    socket.terminate();
  }

  #say(reason: string): void {
    this.#context.setStatus(`not connected: ${reason}`);
    if (reason === this.#lastReason) return;
    this.#lastReason = reason;
    this.#context.log.warn('websocket_sink_not_connected', { reason });
  }

  #stop(): void {
    this.#closing.abort();
    this.#connection?.delivery.end();
  }

  /** Politely: a close frame, and a bound for the answer. */
  async close(): Promise<void> {
    this.#stop();
    const socket = this.#connection?.socket;
    this.#connection = undefined;
    if (socket === undefined || socket.readyState === socket.CLOSED) return;
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
    });
    socket.close(1000);
    const timer = setTimeout(() => socket.terminate(), closeMs);
    await closed;
    clearTimeout(timer);
  }
}

/** Not retriable: whoever sends would otherwise begin again with the tries that the configuration counts. */
function gaveUp(error: unknown, tries: number): TributaryError {
  const text = `${describeError(error)} (gave up after ${tries} ${tries === 1 ? 'try' : 'tries'})`;
  return new TributaryError('CONNECTION_FAILED', text, { cause: (error as Error).cause });
}
