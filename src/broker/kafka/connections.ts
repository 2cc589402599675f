import type { API, Connection, ConnectionOptions, Writer } from '@platformatic/kafka';
import { TributaryError } from '../../base/errors.ts';
import type { ReusedRead } from '../../net/reused-read.ts';
import { type ConnectionFacts, errorOfClient } from './errors.ts';
import { OwnFrames } from './own-frames.ts';
import { connectReusing } from './reused-connect.ts';
import type { Security } from './security.ts';
import { SpareMemory } from './spare-memory.ts';
import type { Toolkit } from './toolkit.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionSettings {
  readonly clientId: string;
  readonly security: Security;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/**
 * Open connections, by what they are for and where they lead. A broker answers the requests of one connection one after
 * the other, so what may wait long (a long poll, a JoinGroup) has a connection of its own: that is the `purpose`.
 */
export class Connections {
  readonly toolkit: Toolkit;
  readonly #settings: ConnectionSettings;
  readonly #entries = new Map<string, Entry>();
  readonly #spare = new SpareMemory();
  #closed = false;

  constructor(toolkit: Toolkit, settings: ConnectionSettings) {
    this.toolkit = toolkit;
    this.#settings = settings;
  }

  /** The open connection for that purpose; it is made where there is none. BROKER_UNAVAILABLE, AUTHENTICATION_FAILED. */
  to(address: Address, purpose: string, options: { readonly requestTimeoutMs?: number } = {}): Promise<Wire> {
    const key = `${purpose} ${address.host}:${address.port}`;
    const known = this.#entries.get(key);
    if (known !== undefined && known.wire?.isOpen !== false) return known.opening;
    const entry: Entry = { opening: this.#open(address, options.requestTimeoutMs ?? this.#settings.requestTimeoutMs) };
    this.#entries.set(key, entry);
    const forget = (): void => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    };
    entry.opening.then((wire) => {
      entry.wire = wire;
      wire.onClose(forget);
    }, forget);
    return entry.opening;
  }

  /** Ends the connections of one purpose, wherever they lead. */
  end(purpose: string): void {
    for (const [key, entry] of this.#entries) {
      if (key.startsWith(`${purpose} `)) endWhenOpen(entry);
    }
  }

  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) endWhenOpen(entry);
    this.#entries.clear();
  }

  async #open(address: Address, requestTimeoutMs: number): Promise<Wire> {
    this.#throwIfClosed();
    const { clientId, security, connectTimeoutMs } = this.#settings;
    const facts: ConnectionFacts = {
      address: `${address.host}:${address.port}`,
      tls: security.tls !== undefined,
      sasl: security.sasl,
    };
    const options: ConnectionOptions = {
      connectTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      // Our own limits stand above it; its default of 5 would let a request wait behind others unseen.
      maxInflights: 64,
      ...security.forConnection(address.host),
    };
    const connection = new this.toolkit.Connection(clientId, options);
    const wire = new Wire(connection, facts);
    try {
      const { connected, read } = connectReusing(async () => connection.connect(address.host, address.port));
      await connected;
      wire.opened(clientId, requestTimeoutMs, this.#spare, read);
    } catch (error) {
      wire.end();
      throw errorOfClient(error, facts);
    }
    if (this.#closed) wire.end();
    this.#throwIfClosed();
    return wire;
  }

  #throwIfClosed(): void {
    if (this.#closed) throw new TributaryError('BROKER_CLOSED', 'Cannot use the broker: it was closed');
  }
}

interface Entry {
  readonly opening: Promise<Wire>;
  /** Once it is open. */
  wire?: Wire;
}

/** One open connection. */
export class Wire {
  readonly address: string;
  readonly #connection: Connection;
  readonly #facts: ConnectionFacts;
  readonly #onClose: (() => void)[] = [];
  #frames: OwnFrames | undefined;
  #ended = false;
  #lastError: unknown;
  /** A listener that wants SASL answers ApiVersions without it, so one answer proves nothing. */
  #answers = 0;

  constructor(connection: Connection, facts: ConnectionFacts) {
    this.#connection = connection;
    this.#facts = facts;
    this.address = facts.address;
    // Without a listener an error after the connect would end the process; what it means is told to each request.
    connection.on('error', (error) => {
      this.#lastError = error;
    });
    connection.on('close', () => this.#closed());
  }

  get isOpen(): boolean {
    return !this.#ended && this.#connection.isConnected();
  }

  /** Called once, when the connection ends, and at once where it has. */
  onClose(listener: () => void): void {
    if (this.#ended) listener();
    else this.#onClose.push(listener);
  }

  /** Ends it; requests in flight fail as if the broker had closed it. */
  end(): void {
    this.#connection.socket?.destroy();
    this.#closed();
  }

  /**
   * Sends a request and gives the answer, also one that holds error codes: whoever asked looks at them. Failures below
   * the answer are BROKER_UNAVAILABLE, AUTHENTICATION_FAILED or PROTOCOL_ERROR.
   */
  call<Arguments extends unknown[], Response>(api: API<Arguments, Response>, ...request: Arguments): Promise<Response> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, response?: Response): void => {
        const answered = error === null ? response : (error as { readonly response?: Response }).response;
        if (answered === undefined) {
          reject(this.#errorOf(error));
        } else {
          this.#answers++;
          resolve(answered);
        }
      };
      api(this.#connection, ...request, done);
    });
  }

  /** The connection is made: from now on requests of our own may use it. */
  opened(clientId: string, requestTimeoutMs: number, spare: SpareMemory, read: ReusedRead | undefined): void {
    const { socket } = this.#connection;
    if (socket === undefined || !this.isOpen) throw new Error('Connection closed');
    this.#frames = new OwnFrames(socket, clientId, requestTimeoutMs, spare, read);
    this.#connection.once('close', () => this.#frames?.end());
  }

  /**
   * A request of our own. What `write` gives is sent as it lies in memory, and must stay so until `done`; `parse` gets the
   * whole answer in one piece.
   */
  send<Response>(
    apiKey: number,
    version: number,
    write: () => Writer,
    parse: (answer: Buffer) => Response,
    done: (error: TributaryError | undefined, response: Response | undefined) => void,
  ): void {
    this.#frames!.send(apiKey, version, write().buffers, (error, answer) => {
      if (answer === undefined) return done(this.#errorOf(error), undefined);
      let response: Response;
      try {
        response = parse(answer);
      } catch (unreadable) {
        return done(this.#errorOf(unreadable), undefined);
      }
      this.#answers++;
      done(undefined, response);
    });
  }

  /** Nobody looks any more at an answer that `send` has parsed; of that, or of a part of it, `bytes` is a view. Said once an answer. */
  recycle(bytes: Buffer): void {
    this.#frames?.recycle(bytes);
  }

  #errorOf(error: unknown): TributaryError {
    return errorOfClient(this.#lastError === undefined ? error : new AggregateError([this.#lastError, error]), {
      ...this.#facts,
      isProven: this.#answers > 1,
    });
  }

  #closed(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const listener of this.#onClose.splice(0)) listener();
  }
}

function endWhenOpen(entry: Entry): void {
  entry.opening.then(
    (wire) => wire.end(),
    () => {}, // it never opened: whoever asked for it was told
  );
}
