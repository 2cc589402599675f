/** One source or sink of the language inside a program of one's own, made of a plain map of the options of WITH. */
import { Buffer } from 'node:buffer';
import { describeError, TributaryError } from '../../base/errors.ts';
import type { ConnectorContext } from '../../connectors/contract.ts';
import { ValueColumn } from '../../record/value-column.ts';
import { checkCreate, type StreamPlan } from '../../sql/check/stream-plan.ts';
import { connectorConfig } from '../../sql/runtime/connector-config.ts';
import { Positions } from '../../sql/runtime/positions.ts';
import { connectorDestination, type Destination, lineDestination } from '../../sql/runtime/sinks.ts';
import { connectorFrames, type Frames } from '../../sql/runtime/sources.ts';
import { topicDestination } from '../../sql/runtime/topic-destination.ts';
import { defaultLookMs, type TopicReaders, topicInputOf, topicReaders } from '../../sql/runtime/topic-source.ts';
import { tryConnections } from '../../sql/runtime/try-connections.ts';
import { SqlProblem } from '../../sql/sql-error.ts';
import type { SqlWorld } from '../sql-world.ts';
import { type Environment, needBroker, openEnvironment } from './environment.ts';

/** Keys and values as in WITH: `{ extension: 'websocket', 'websocket.url': 'wss://…' }`. Numbers and booleans are taken by their text. */
export type EndpointOptions = Readonly<Record<string, string | number | boolean>>;

interface Endpoint extends AsyncDisposable {
  /** What its connection is like: `connected`, `reconnecting: …`. */
  readonly status: string;
  /** Opens the connection for a moment; rejects with the reason where it does not stand. */
  validateConnectivity(): Promise<void>;
  stop(): Promise<void>;
}

export interface Source extends Endpoint {
  /** Messages as they come, one at a time: a listener that returns a promise holds back the next. Resolves when it is open. */
  start(listener: (message: Uint8Array) => void | Promise<void>): Promise<void>;
  /** Resolves when it was stopped; rejects with the reason when it ends otherwise. */
  readonly finished: Promise<void>;
}

export interface Sink extends Endpoint {
  /** One try to connect; whether its failure rejects says `websocket.validate`. */
  start(): Promise<void>;
  /** Resolves when the message is delivered; rejects where it cannot be, once the tries to connect are used up. */
  publish(message: string | Uint8Array): Promise<void>;
}

/** Throws SQL_INVALID for options that are wrong, in the words of the language: `Missing required property: websocket.url`. */
export function createSource(options: EndpointOptions, environment: Environment = {}): Source {
  return new EmbeddedSource(streamOf('source', options, environment), options, environment);
}

/** Throws SQL_INVALID for options that are wrong, in the words of the language. */
export function createSink(options: EndpointOptions, environment: Environment = {}): Sink {
  return new EmbeddedSink(streamOf('sink', options, environment), options, environment);
}

/** Messages are handed over as they are, so that the format matters to nobody; `bytes` takes any. */
function streamOf(role: 'source' | 'sink', options: EndpointOptions, { broker }: Environment): StreamPlan {
  const written = { ...options, type: options['type'] ?? role, format: 'bytes' };
  const name = (text: string) => ({ at: 0, text });
  try {
    const stream = checkCreate({
      kind: 'create',
      at: 0,
      what: 'stream',
      name: name(role),
      columns: [{ name: name('message'), type: name('BYTES'), primaryKey: false, notNull: true }],
      options: Object.entries(written).map(([key, value]) => ({ key: name(key), value: name(String(value)) })),
    });
    if (stream.options.role !== role) throw new SqlProblem('E_OPTION_VALUE', 0, `option 'type' must be '${role}'`);
    if (stream.options.extension === 'kafka') needBroker(broker);
    return stream;
  } catch (error) {
    throw error instanceof SqlProblem ? new TributaryError('SQL_INVALID', error.message) : error;
  }
}

/** As the text of a script, for what looks for secrets in one. */
function textOf(options: EndpointOptions): string {
  const list = Object.entries(options).map(([key, value]) => `"${key}" = '${String(value).replaceAll("'", "''")}'`);
  return `CREATE STREAM s (message BYTES) WITH (${list.join(', ')});`;
}

abstract class EmbeddedEndpoint {
  protected readonly stream: StreamPlan;
  protected readonly stopping = new AbortController();
  #detail = 'not started';
  readonly #options: EndpointOptions;
  readonly #environment: Environment;
  #opened: Promise<SqlWorld> | undefined;

  constructor(stream: StreamPlan, options: EndpointOptions, environment: Environment) {
    this.stream = stream;
    this.#options = options;
    this.#environment = environment;
  }

  get status(): string {
    return this.#detail;
  }

  async validateConnectivity(): Promise<void> {
    await using opened = await this.#open(() => {});
    const plan = { streams: new Map([[this.stream.name, this.stream]]), queries: [], partitions: [] };
    for await (const { problem } of tryConnections(plan, opened.world, this.stopping.signal))
      if (problem !== undefined) throw new TributaryError('CONNECTION_FAILED', problem);
  }

  /** Once: a started endpoint keeps it until it is closed. */
  protected begin(): Promise<SqlWorld> {
    if (this.#opened !== undefined || this.stopping.signal.aborted)
      throw new TributaryError('USAGE', `Cannot start the ${this.stream.options.role}: it was started before`);
    this.#opened = this.#open((detail) => {
      this.#detail = detail ?? 'connected';
    });
    this.#detail = 'connecting';
    return this.#opened;
  }

  protected async end(detail: string): Promise<void> {
    this.#detail = detail;
    await (await this.#opened)?.[Symbol.asyncDispose]();
  }

  protected contextOf({ world }: SqlWorld): ConnectorContext {
    return world.context(this.stream.name, this.stopping.signal);
  }

  #open(onStatus: (detail: string | undefined) => void): Promise<SqlWorld> {
    return openEnvironment(this.#environment, textOf(this.#options), {
      print: (line) => void process.stdout.write(`${line}\n`),
      status: (_, detail) => onStatus(detail),
    });
  }
}

type MessageListener = (message: Uint8Array) => void | Promise<void>;

const nothing: TopicReaders['added'] = {
  async *[Symbol.asyncIterator]() {},
};

class EmbeddedSource extends EmbeddedEndpoint implements Source {
  readonly #finished = Promise.withResolvers<void>();
  #ended: Promise<void> | undefined;

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  async start(listener: MessageListener): Promise<void> {
    const opened = await this.begin();
    this.#finished.promise.catch(() => {}); // who does not look at it sees the status
    try {
      const readers = await this.#readers(opened);
      this.#ended = this.#readAll(readers, listener);
    } catch (error) {
      this.stopping.abort(); // the connector would go on trying
      await this.end(`failed: ${describeError(error)}`);
      this.#finished.reject(error);
      throw error;
    }
  }

  async #readers(opened: SqlWorld): Promise<TopicReaders> {
    const { stream } = this;
    const { world } = opened;
    const { signal } = this.stopping;
    const positions = new Positions();
    if (stream.options.extension !== 'kafka') {
      const connector = world.source(stream.options.extension!);
      return { readers: [await connectorFrames(connector, stream, this.contextOf(opened), positions)], added: nothing };
    }
    const missed = world.metrics.counter('tributary_sql_source_missed_total', 'Records that were gone', {});
    const { log } = world;
    return topicReaders({
      broker: await world.broker(),
      stream: topicInputOf(stream),
      positions,
      signal,
      log,
      missed,
      lookMs: defaultLookMs,
    });
  }

  async #readAll({ readers, added }: TopicReaders, listener: MessageListener): Promise<void> {
    try {
      await Promise.all([this.#readAdded(added, listener), ...readers.map((frames) => this.#read(frames, listener))]);
      await this.end('stopped');
      this.#finished.resolve();
    } catch (error) {
      this.stopping.abort();
      await this.end(`failed: ${describeError(error)}`);
      this.#finished.reject(error);
    }
  }

  async #readAdded(added: TopicReaders['added'], listener: MessageListener): Promise<void> {
    const reading: Promise<void>[] = [];
    for await (const frames of added) {
      const one = this.#read(frames, listener);
      one.catch(() => this.stopping.abort()); // no more are added then, and it is thrown below
      reading.push(one);
    }
    await Promise.all(reading);
  }

  async #read(frames: AsyncIterable<Frames>, listener: MessageListener): Promise<void> {
    for await (const batch of frames) {
      // A copy: the connector uses its memory again.
      for (const message of messagesOf(batch)) {
        const waiting = listener(Uint8Array.from(typeof message === 'string' ? Buffer.from(message) : message));
        if (waiting !== undefined) await waiting;
      }
    }
    if (!this.stopping.signal.aborted) throw new TributaryError('CONNECTION_FAILED', 'The source has ended');
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.#ended;
    this.#finished.resolve(); // where it had not been started
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

class EmbeddedSink extends EmbeddedEndpoint implements Sink {
  #destination: Destination | undefined;
  #rejected: unknown;
  #last: Promise<void> = Promise.resolve();

  async start(): Promise<void> {
    const opened = await this.begin();
    try {
      this.#destination = await this.#open(opened);
    } catch (error) {
      await this.end(`failed: ${describeError(error)}`);
      throw error;
    }
  }

  async #open(opened: SqlWorld): Promise<Destination> {
    const { stream } = this;
    const { world } = opened;
    const { extension } = stream.options;
    if (extension === 'log') return lineDestination(world.print);
    if (extension === 'kafka') return topicDestination(await world.broker(), stream, this.stopping.signal);
    return connectorDestination(
      world.sink(extension!),
      connectorConfig(stream),
      this.contextOf(opened),
      ({ error }) => {
        this.#rejected = error;
      },
    );
  }

  /** One after the other: the order of what is sent is that of the calls. */
  publish(message: string | Uint8Array): Promise<void> {
    const destination = this.#destination;
    if (destination === undefined || this.stopping.signal.aborted)
      return Promise.reject(new TributaryError('USAGE', 'Cannot publish: the sink does not run'));
    const bytes = typeof message === 'string' ? Buffer.from(message) : message;
    const sent = this.#last.then(async () => {
      this.#rejected = undefined;
      const timestamp = Date.now();
      await destination.write([{ values: [bytes], timestamp }], alone(bytes, timestamp), new Set());
      if (this.#rejected !== undefined) throw this.#rejected;
    });
    this.#last = sent.catch(() => {}); // told to its caller, and the next one is tried
    return sent;
  }

  async stop(): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const patience = setTimeout(() => this.stopping.abort(), 2000);
    await this.#last;
    clearTimeout(patience);
    await this.#destination?.close();
    this.stopping.abort();
    await this.end('stopped');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Tombstones are none. */
function* messagesOf({ columns = [], messages }: Frames): Generator<Uint8Array | string> {
  for (const column of columns) {
    for (let index = 0; index < column.length; index++) {
      const value = column.value(index);
      if (value !== null) yield value;
    }
  }
  yield* messages;
}

function alone(bytes: Uint8Array, timeMs: number): ValueColumn {
  const { buffer, byteOffset, length } = bytes;
  const span = Int32Array.of(0, length);
  return new ValueColumn(Buffer.from(buffer, byteOffset, length), span, 1, length, Float64Array.of(timeMs));
}
