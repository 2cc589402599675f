import type { Clock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import type { Broker } from '../../broker/broker.ts';
import type { ConnectorContext, SinkConnector, SourceConnector } from '../../connectors/contract.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { type SourceMapper, sourceMapper } from '../mapping/source-mapper.ts';
import { Application } from '../plan/application.ts';
import { connectorConfig } from './connector-config.ts';
import { Failures, type LostRows } from './failures.ts';
import { declareMetrics } from './metrics.ts';
import { connectorDestination, type Destination, lineDestination, Sink, topicDestination } from './sinks.ts';
import { connectorFrames, type Frames, topicReaders } from './sources.ts';

/** What a running application needs of the world. */
export interface World {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A line of a `log` sink. */
  readonly print: (line: string) => void;
  /** The connectors behind an extension; CONFIG_INVALID where there is none. */
  readonly source: (extension: string) => SourceConnector;
  readonly sink: (extension: string) => SinkConnector;
  /** Opened when a script names a topic, and not before. */
  readonly broker: () => Promise<Broker>;
  readonly context: (stream: string, signal: AbortSignal) => ConnectorContext;
}

/** Timers are looked at no later than after so long, whatever the clock says. */
const maxTickMs = 1000;
/** What is still to be written when the end has begun may take so long; then the connections are given up. */
const finishMs = 2000;

/**
 * A script at work on real sources and sinks. It reads a source no faster than its sinks write: what has come is worked on
 * whole, and its rows are written before more is asked for. Nothing is remembered over a restart.
 */
export class SqlRun {
  readonly application: Application;
  private readonly world: World;
  private readonly stopping = new AbortController();
  private readonly givingUp = new AbortController();
  private readonly failures: Failures;
  private readonly sinks = new Map<string, Sink>();
  private readonly mappers = new Map<string, SourceMapper>();
  private timer: NodeJS.Timeout | undefined;
  private patience: NodeJS.Timeout | undefined;
  private failure: unknown;

  constructor(script: string, world: World) {
    this.world = world;
    this.application = new Application(script, { random: world.random });
    const { application } = this;
    const { clock, log } = world;
    this.failures = new Failures({ application, clock, log, fail: (error) => this.fail(error) });
    declareMetrics(this.application, world.metrics);
    const giveUpLater = (): void => {
      this.patience = setTimeout(() => this.givingUp.abort(), finishMs);
    };
    this.stopping.signal.addEventListener('abort', giveUpLater, { once: true });
  }

  /** Runs until the signal aborts, all sources have ended, or something fails for good: then it throws that. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.stopping.abort();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      this.application.advance(this.world.clock.nowMs());
      await this.openSinks();
      const readers = await this.openSources();
      this.tick();
      await Promise.all(readers.map((reader) => this.read(reader.stream, reader.frames)));
    } catch (error) {
      this.fail(error);
    } finally {
      signal.removeEventListener('abort', stop);
      clearTimeout(this.timer);
      this.stopping.abort();
      await this.finish();
    }
    if (this.failure !== undefined) throw this.failure;
  }

  private streamsOf(role: 'source' | 'sink'): StreamPlan[] {
    return [...this.application.plan.streams.values()].filter(({ options }) => options.role === role);
  }

  private async openSinks(): Promise<void> {
    for (const stream of this.streamsOf('sink')) {
      const lost = (rows: LostRows): void => this.failures.ofSink(stream, rows);
      const destination = await this.destinationOf(stream, lost);
      const sink = new Sink({ stream, destination, lost, signal: this.stopping.signal });
      this.sinks.set(stream.name, sink);
      this.application.subscribe(stream.name, (row) => sink.push(row));
    }
  }

  private async destinationOf(stream: StreamPlan, lost: (rows: LostRows) => void): Promise<Destination> {
    const { world } = this;
    const { extension = '' } = stream.options;
    if (extension === 'log') return lineDestination(world.print);
    if (extension === 'kafka') return topicDestination(await world.broker(), stream);
    // A sink is closed after the last row was written, and not by the signal that ends the sources.
    const context = world.context(stream.name, this.givingUp.signal);
    return connectorDestination(world.sink(extension), connectorConfig(stream), context, lost);
  }

  private async openSources(): Promise<{ readonly stream: StreamPlan; readonly frames: AsyncIterable<Frames> }[]> {
    const readers: { readonly stream: StreamPlan; readonly frames: AsyncIterable<Frames> }[] = [];
    for (const stream of this.streamsOf('source')) {
      const { signal } = this.stopping;
      const { extension = '' } = stream.options;
      this.mappers.set(stream.name, sourceMapper(stream, this.application.columnsRead(stream.name)));
      if (extension === 'kafka') {
        const all = await topicReaders(await this.world.broker(), stream, signal);
        readers.push(...all.map((frames) => ({ stream, frames })));
        continue;
      }
      const context = this.world.context(stream.name, signal);
      readers.push({ stream, frames: await connectorFrames(this.world.source(extension), stream, context) });
    }
    if (readers.length === 0)
      throw new TributaryError('CONFIG_INVALID', "Nothing to run: the script has no stream of type 'source'");
    return readers;
  }

  private async read(stream: StreamPlan, frames: AsyncIterable<Frames>): Promise<void> {
    for await (const batch of frames) {
      this.application.advance(this.world.clock.nowMs());
      for (const frame of batch) this.take(stream, frame);
      await this.flush();
      this.tick();
      if (this.failure !== undefined) return;
    }
    if (!this.stopping.signal.aborted)
      this.fail(new TributaryError('CONNECTION_FAILED', `Source "${stream.name}" has ended`));
  }

  private take(stream: StreamPlan, frame: Uint8Array | string): void {
    const { rows, dropped, problem } = this.mappers.get(stream.name)!(frame);
    for (const row of rows) this.application.push(stream.name, row);
    if (dropped > 0) this.failures.ofSource(stream, frame, dropped, problem ?? 'it could not be read');
  }

  private async flush(): Promise<void> {
    await Promise.all([...this.sinks.values()].map((sink) => sink.flush()));
  }

  /** Fires what is due, and comes back when the next timer is. */
  private tick(): void {
    clearTimeout(this.timer);
    if (this.stopping.signal.aborted) return;
    const now = this.world.clock.nowMs();
    try {
      this.application.advance(now);
    } catch (error) {
      this.fail(error);
      return;
    }
    void this.flush();
    const due = this.application.nextDue;
    const waitMs = due === undefined ? maxTickMs : Math.min(Math.max(due - now, 1), maxTickMs);
    this.timer = setTimeout(() => this.tick(), waitMs);
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.stopping.abort();
  }

  private async finish(): Promise<void> {
    this.application.end();
    // What a sink gives up may be a dead letter for another one.
    do await this.flush();
    while ([...this.sinks.values()].some((sink) => !sink.isEmpty));
    for (const sink of this.sinks.values()) {
      try {
        await sink.close();
      } catch (error) {
        this.failure ??= error;
      }
    }
    clearTimeout(this.patience);
  }
}
