/** Sends messages over one connection at a time, in order, and connects again where it breaks. */
import type { WebSocket } from 'ws';
import { sleep } from '../../base/abort.ts';
import { backoffMs } from '../../base/backoff.ts';
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import { PartialWriteError } from '../../base/partial-write.ts';
import { maskUrl } from '../../net/endpoint.ts';
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
  readonly #fatalCodes: ReadonlySet<number>;
  #connection: Connection | undefined;
  /** Tries to connect again since something was acknowledged: those that failed, and connections that ended before that. */
  #tries = 0;
  #lastError: TributaryError | undefined;
  /** The server wants nothing more of us: nothing is tried any more. */
  #refused: TributaryError | undefined;
  #lastReason = '';

  constructor(target: Target, context: ConnectorContext) {
    this.#target = target;
    this.#fatalCodes = new Set(target.config['websocket.fatal.close.codes'].map(Number));
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
   * may see a message twice but never misses one. Fails when the tries to connect are used up, as a PartialWriteError that
   * knows how many messages the server has.
   */
  async send(messages: readonly Uint8Array[]): Promise<void> {
    let next = 0;
    try {
      while (next < messages.length) {
        const { delivery, socket } = await this.#connected();
        const from = next;
        next += await delivery.send(messages, from);
        this.#meters.sent.value += next - from;
        if (next > from) this.#tries = 0;
        if (next === messages.length) return;
        this.#meters.unacknowledged.value += messages.length - next;
        this.#drop(socket);
      }
    } catch (error) {
      throw isError(error) ? new PartialWriteError(error, next) : error;
    }
  }

  async #connected(): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    const { config } = this.#target;
    const limit = config['websocket.reconnect.max.attempts'];
    const policy = {
      baseMs: config['websocket.reconnect.interval.ms'],
      maxMs: config['websocket.reconnect.backoff.max.ms'],
      jitter: config['websocket.reconnect.jitter'],
    };
    for (;;) {
      if (this.#refused !== undefined) throw this.#refused;
      if (!config['websocket.reconnect.enabled'] || limit === 0)
        throw new TributaryError('CONNECTION_FAILED', 'WebSocket not connected and reconnect is disabled');
      if (this.#tries > 0) {
        if (limit > 0 && this.#tries >= limit) throw this.#gaveUp();
        await sleep(backoffMs(this.#tries, policy, this.#context.random), this.#closing.signal);
      }
      if (this.#closing.signal.aborted) throw new TributaryError('ABORTED', 'Sending was stopped before it was done');
      this.#tries++;
      try {
        return await this.#open();
      } catch (error) {
        this.#lastError = error as TributaryError;
        this.#say(describeError(error));
      }
    }
  }

  async #open(): Promise<Connection> {
    const { config } = this.#target;
    this.#meters.tries.value++;
    const { socket, transport } = await connect(this.#target, this.#closing.signal);
    const connection = { socket, delivery: new Delivery(socket, config) };
    this.#connection = connection;
    this.#lastReason = '';
    this.#context.setStatus(undefined);
    let reason: string | undefined;
    watchLiveness(socket, transport, {
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
      this.#lost(
        code,
        reason ?? `connection closed with code ${code}${text.length === 0 ? '' : ` (${text.toString()})`}`,
      );
    });
    return connection;
  }

  #lost(code: number, reason: string): void {
    const text = `Connection to WebSocket ${maskUrl(this.#target.url)} was lost: ${reason}`;
    if (this.#fatalCodes.has(code)) this.#refused = new TributaryError('CONNECTION_REFUSED_FOR_GOOD', text);
    else this.#lastError = new TributaryError('CONNECTION_FAILED', text);
    this.#say(reason);
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

  /** Not retriable: whoever sends would otherwise begin again with the tries that the configuration counts. */
  #gaveUp(): TributaryError {
    const tries = this.#tries;
    this.#tries = 0; // what is sent next has tries of its own
    const text = `${describeError(this.#lastError)} (gave up after ${tries} ${tries === 1 ? 'try' : 'tries'})`;
    return new TributaryError('CONNECTION_FAILED', text, { cause: this.#lastError?.cause });
  }
}
