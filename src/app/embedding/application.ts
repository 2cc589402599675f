/** A script of streaming SQL inside a program of one's own. */
import { describeError, TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import type { StreamPlan } from '../../sql/check/stream-plan.ts';
import { SqlRun } from '../../sql/runtime/run.ts';
import { tryConnections } from '../../sql/runtime/try-connections.ts';
import { checkpointDefaults } from '../sql-checkpoints.ts';
import { checkScript } from '../sql-files.ts';
import type { SqlWorld } from '../sql-world.ts';
import { type Environment, needBroker, openEnvironment } from './environment.ts';
import { type PlainRow, plainRow, valuesOf } from './rows.ts';

export interface ApplicationOptions extends Environment {
  /** Lines of `log` sinks; default: to standard output. */
  readonly print?: (line: string) => void;
  /** Rows, groups, distinct values and partial matches that each query, and each table, may keep; default 250 000. */
  readonly maxState?: number;
  /** Goes on from where it ended when it starts again. Needs a broker. Default: nothing is remembered. */
  readonly checkpoints?: {
    /** Under which they are found again. */
    readonly name: string;
    readonly intervalMs?: number;
    readonly delivery?: 'exactly-once' | 'at-least-once';
    /** Forgets what was. */
    readonly reset?: boolean;
  };
}

export type ApplicationState = 'created' | 'running' | 'stopped' | 'failed';

export interface ApplicationStatus {
  readonly state: ApplicationState;
  /** Why it failed. */
  readonly reason?: string;
  /** What streams say of their connections: `reconnecting: Connection refused …`. */
  readonly streams: Readonly<Record<string, string>>;
}

/** Told of each row of a stream, with its time in milliseconds since 1970. It must not throw. */
export type RowListener = (row: PlainRow, timestampMs: number) => void;

export interface Application extends AsyncDisposable {
  readonly status: ApplicationStatus;
  /** Resolves when it was stopped; rejects with the reason when it fails. */
  readonly finished: Promise<void>;
  /** Opens the connection of each source and sink for a moment. Rejects with all that do not stand. */
  validateConnectivity(): Promise<void>;
  /** Resolves when sources and sinks are open. Rejects with what the script's `websocket.validate = 'true'` found. */
  start(): Promise<void>;
  /** A row enters a stream, whichever it is. Resolves when what it caused has been written. */
  publish(stream: string, row: PlainRow): Promise<void>;
  /** Before the start or while it runs. */
  subscribe(stream: string, listener: RowListener): void;
  /** Looks at the clock: windows whose end has come are closed. Only wanted where the clock is not the system's. */
  advance(): Promise<void>;
  /** Rows and drops of each stream so far. */
  statistics(): Readonly<Record<string, { readonly rows: number; readonly dropped: number }>>;
  /** What has come is worked on and written, and all connections are closed. */
  stop(): Promise<void>;
}

/** Checks the script: what is wrong with it is thrown here, as an error with `sqlCode`, `line`, `column` and `explanation`. */
export function createApplication(sql: string, options: ApplicationOptions = {}): Application {
  const { streams } = checkScript(sql);
  const usesTopics = [...streams.values()].some((stream) => stream.options.extension === 'kafka');
  if (usesTopics || options.checkpoints !== undefined) needBroker(options.broker);
  return new EmbeddedApplication(sql, streams, options);
}

class EmbeddedApplication implements Application {
  readonly #sql: string;
  readonly #streams: ReadonlyMap<string, StreamPlan>;
  readonly #options: ApplicationOptions;
  readonly #listeners: { readonly stream: StreamPlan; readonly listener: RowListener }[] = [];
  readonly #said = new Map<string, string>();
  readonly #stopping = new AbortController();
  readonly #finished = Promise.withResolvers<void>();
  #state: ApplicationState = 'created';
  #reason: string | undefined;
  #run: SqlRun | undefined;
  #ended: Promise<void> | undefined;

  constructor(sql: string, streams: ReadonlyMap<string, StreamPlan>, options: ApplicationOptions) {
    this.#sql = sql;
    this.#streams = streams;
    this.#options = options;
    this.#finished.promise.catch(() => {}); // who does not look at it may look at the status
  }

  get status(): ApplicationStatus {
    const reason = this.#reason === undefined ? {} : { reason: this.#reason };
    return { state: this.#state, ...reason, streams: Object.fromEntries(this.#said) };
  }

  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  async validateConnectivity(): Promise<void> {
    await using opened = await this.#open();
    const problems: string[] = [];
    for await (const { stream, problem } of tryConnections(checkScript(this.#sql), opened.world, this.#stopping.signal))
      if (problem !== undefined) problems.push(`${stream}: ${problem}`);
    if (problems.length > 0) throw new TributaryError('CONNECTION_FAILED', problems.join('; '));
  }

  async start(): Promise<void> {
    if (this.#state !== 'created')
      throw new TributaryError('USAGE', `Cannot start the application: it is ${this.#state}`);
    this.#state = 'running';
    const opening = this.#open();
    this.#ended = this.#runToEnd(opening);
    await opening;
    await (this.#run?.whenOpen ?? this.#finished.promise);
  }

  async #runToEnd(opening: Promise<SqlWorld>): Promise<void> {
    let opened: SqlWorld | undefined;
    try {
      opened = await opening;
      const run = new SqlRun(this.#sql, { ...opened.world, isFed: true, maxState: this.#options.maxState });
      this.#run = run;
      for (const { stream, listener } of this.#listeners) this.#listen(run, stream, listener);
      await run.run(this.#stopping.signal);
      this.#state = 'stopped';
      this.#finished.resolve();
    } catch (error) {
      this.#state = 'failed';
      this.#reason = describeError(error);
      this.#finished.reject(error);
    } finally {
      await opened?.[Symbol.asyncDispose]();
    }
  }

  async publish(stream: string, row: PlainRow): Promise<void> {
    const values = valuesOf(this.#stream(stream), row);
    await this.#running('publish').push(stream, values);
  }

  subscribe(stream: string, listener: RowListener): void {
    const plan = this.#stream(stream);
    if (this.#run === undefined) this.#listeners.push({ stream: plan, listener });
    else this.#listen(this.#run, plan, listener);
  }

  async advance(): Promise<void> {
    await this.#running('advance').lookAtClock();
  }

  statistics(): Readonly<Record<string, { readonly rows: number; readonly dropped: number }>> {
    const streams = this.#run?.application.statistics().streams ?? [];
    return Object.fromEntries(streams.map(({ stream, rows, dropped }) => [stream, { rows, dropped }]));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
    if (this.#state !== 'created') return;
    this.#state = 'stopped';
    this.#finished.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #open(): Promise<SqlWorld> {
    const { checkpoints, print = (line: string) => void process.stdout.write(`${line}\n`) } = this.#options;
    return openEnvironment(this.#options, this.#sql, {
      print,
      status: (stream, detail) => {
        if (detail === undefined) this.#said.delete(stream);
        else this.#said.set(stream, detail);
      },
      ...(checkpoints && {
        checkpoints: {
          application: checkpoints.name,
          intervalMs: checkpoints.intervalMs ?? checkpointDefaults.intervalMs,
          delivery: checkpoints.delivery ?? 'exactly-once',
          reset: checkpoints.reset ?? false,
          generation: '',
          howToReset: 'create it with checkpoints.reset',
          maxBytes: checkpointDefaults.maxBytes,
        },
      }),
    });
  }

  #listen(run: SqlRun, stream: StreamPlan, listener: RowListener): void {
    run.application.subscribe(stream.name, ({ values, timestamp }) => listener(plainRow(stream, values), timestamp));
  }

  #stream(name: string): StreamPlan {
    const stream = this.#streams.get(name);
    if (stream !== undefined) return stream;
    throw new TributaryError('USAGE', `The script has no stream "${name}".${suggest(name, [...this.#streams.keys()])}`);
  }

  #running(what: string): SqlRun {
    if (this.#run !== undefined && this.#state === 'running') return this.#run;
    throw new TributaryError(
      'USAGE',
      `Cannot ${what}: the application is ${this.#state === 'created' ? 'not started' : this.#state}`,
    );
  }
}
