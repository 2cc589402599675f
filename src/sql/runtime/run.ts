/**
 * A running application: what is opened, read and written, and when a checkpoint may be taken. It is longer than other files
 * because these share one state (who is in the midst of what, and why it ends), which would have to be handed around.
 */
import type { Clock } from '../../base/clock.ts';
import { describeError, TributaryError } from '../../base/errors.ts';
import type { Broker } from '../../broker/broker.ts';
import type { ConnectorContext, SinkConnector, SourceConnector } from '../../connectors/contract.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { sourceMapper } from '../mapping/source-mapper.ts';
import { Application } from '../plan/application.ts';
import type { Values } from '../values/value.ts';
import { type CheckpointSettings, Checkpoints } from './checkpoints.ts';
import { connectorConfig } from './connector-config.ts';
import { Entrance } from './entrance.ts';
import { Exchanges } from './exchanges.ts';
import { Failures, type LostRows } from './failures.ts';
import { Lags } from './lags.ts';
import { declareMetrics } from './metrics.ts';
import { isAligned, keyCheckOf, layoutOf, type Part } from './part.ts';
import { Positions } from './positions.ts';
import { connectorDestination, type Destination, lineDestination, Sink } from './sinks.ts';
import { connectorFrames, type Frames } from './sources.ts';
import { topicDestination, transactionalDestination } from './topic-destination.ts';
import {
  defaultLookMs,
  type TopicInput,
  type TopicReaders,
  type TopicSourceParts,
  topicInputOf,
  topicReaders,
} from './topic-source.ts';

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
  /** Absent: nothing is remembered over a restart. */
  readonly checkpoints?: CheckpointSettings;
  /** Rows, groups and partial matches that each query, and each table, may keep. Absent: the default. */
  readonly maxState?: number;
  /** Rows come by `push`, too: a script without a source of its own has something to run for. */
  readonly isFed?: boolean;
  /** How often partitions are looked for that were added to topics; default: every 30 seconds. */
  readonly partitionsMs?: number;
  /** It is one part of the application. Needs checkpoints. */
  readonly part?: Part;
  /** A part without rows for so long, and nothing left to read, goes along with the others; default: `watermark.idle.ms`, or 10 s. */
  readonly silentMs?: number;
  /** Told when the last checkpoint is being read, and when that is over. */
  readonly onRestoring?: (isRestoring: boolean) => void;
}

/** What is read, and what is done with what comes; false where the application has failed by it. */
interface Reader {
  readonly name: string;
  readonly frames: AsyncIterable<Frames>;
  readonly take: (batch: Frames) => boolean;
}

const restoringHelp = '1 while the last checkpoint is being read';
const restoreLeftHelp =
  'Records of the checkpoint topic that are still to be read, those included that compaction took';
const restoreReadHelp = 'Bytes of the checkpoint topic that the last start has read';
const gapsHelp = 'Restarts after which a source that cannot be read again had missed what came meanwhile';
const missedHelp = 'Records that retention had taken from a topic before they were read';
/** Timers are looked at no later than after so long, whatever the clock says. */
const maxTickMs = 1000;
/** What is still to be written when the end has begun may take so long; then the connections are given up. */
const finishMs = 2000;
const defaultSilentMs = 10_000;

/**
 * A script at work on real sources and sinks. It reads a source no faster than its sinks write: what has come is worked on
 * whole, and its rows are written before more is asked for. While a checkpoint is taken nothing comes in and no timer fires.
 */
export class SqlRun {
  readonly application: Application;
  private readonly script: string;
  private readonly world: World;
  private readonly stopping = new AbortController();
  private readonly givingUp = new AbortController();
  private readonly failures: Failures;
  private readonly sinks = new Map<string, Sink>();
  private readonly entrances = new Map<string, Entrance>();
  private timer: NodeJS.Timeout | undefined;
  private patience: NodeJS.Timeout | undefined;
  private checkpoints: Checkpoints | undefined;
  private positions = new Positions();
  private checkpointTimer: NodeJS.Timeout | undefined;
  /** Set while a checkpoint is taken. */
  private checkpointing: Promise<void> | undefined;
  /** Something has happened since the last checkpoint. */
  private hasMoved = true;
  private failure: unknown;
  /** Streams that get more readers while they run. */
  private readonly growing: (Omit<Reader, 'frames'> & { readonly added: TopicReaders['added'] })[] = [];
  /** Topics of which a part reads its own partition. */
  private readonly inputs: TopicInput[] = [];
  private readonly lags: Lags;
  private exchanges: Exchanges | undefined;
  private isRestoring = false;
  private restoreProgress = { left: 0, bytes: 0 };
  private readonly opened = Promise.withResolvers<void>();
  /** Everything that was read has been worked on, so that a checkpoint may be taken. */
  private isWhole = false;

  constructor(script: string, world: World) {
    this.script = script;
    this.world = world;
    const { part } = world;
    const parts = part && { count: part.count, isAligned: (stream: string) => isAligned(part, stream) };
    this.application = new Application(script, {
      random: world.random,
      maxState: world.maxState,
      ...(parts && { parts }),
    });
    const { application } = this;
    const { clock, log } = world;
    this.failures = new Failures({ application, clock, log, fail: (error) => this.failInside(error) });
    declareMetrics(this.application, world.metrics);
    this.lags = new Lags(world.metrics);
    world.metrics.gauge('tributary_sql_restoring', restoringHelp, () => (this.isRestoring ? 1 : 0));
    world.metrics.gauge('tributary_sql_restore_left_records', restoreLeftHelp, () => this.restoreProgress.left);
    world.metrics.gauge('tributary_sql_restore_read_bytes', restoreReadHelp, () => this.restoreProgress.bytes);
    this.opened.promise.catch(() => {}); // who does not wait for it is told by `run`
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
      await this.restore();
      await this.openSinks();
      this.application.advance(this.world.clock.nowMs());
      this.noteGaps();
      const readers = await this.openSources();
      this.isWhole = true;
      this.tick();
      this.awaitCheckpoint();
      this.opened.resolve();
      if (readers.length === 0) await aborted(this.stopping.signal);
      const growing = this.growing.map((source) => this.readAdded(source));
      await Promise.all([...growing, ...readers.map((reader) => this.read(reader))]);
    } catch (error) {
      this.fail(error);
    } finally {
      signal.removeEventListener('abort', stop);
      clearTimeout(this.timer);
      clearTimeout(this.checkpointTimer);
      this.stopping.abort();
      await this.finish();
    }
    this.opened.reject(this.failure ?? new TributaryError('ABORTED', 'The application was stopped before it ran'));
    if (this.failure !== undefined) throw this.failure;
  }

  /** Resolves when sources and sinks are open; rejects where that fails. */
  get whenOpen(): Promise<void> {
    return this.opened.promise;
  }

  /** A row from outside enters a stream. Resolves when what it caused has been written. */
  async push(stream: string, values: Values): Promise<void> {
    while (this.checkpointing !== undefined) await this.checkpointing;
    if (this.stopping.signal.aborted)
      throw new TributaryError('ABORTED', `Cannot publish to "${stream}": the application does not run any more`);
    this.hasMoved = true;
    try {
      this.application.advance(this.world.clock.nowMs());
      this.application.push(stream, values);
    } catch (error) {
      this.failInside(error);
      throw error;
    }
    await this.lookAtClock();
    if (this.checkpoints?.isFull) await this.checkpoint();
  }

  /** Fires what is due. Without it that happens by itself, as far as the clock moves with the system's. */
  async lookAtClock(): Promise<void> {
    this.tick();
    await this.flush();
  }

  private streamsOf(role: 'source' | 'sink'): StreamPlan[] {
    return [...this.application.plan.streams.values()].filter(({ options }) => options.role === role);
  }

  /** Goes on from the last checkpoint. What neither remembers nor can be read again needs none. */
  private async restore(): Promise<void> {
    const { clock, log, metrics, checkpoints, part } = this.world;
    const cut = part && { index: part.index, count: part.count, layout: layoutOf(this.application, part) };
    const settings = checkpoints && { ...checkpoints, ...(cut && { part: cut }) };
    if (cut !== undefined && settings === undefined)
      throw new TributaryError('INTERNAL', 'A part of an application cannot run without checkpoints');
    const isResumable = this.streamsOf('source').some(({ options }) => options.extension !== 'websocket');
    if (settings === undefined || (!isResumable && !this.application.isStateful)) return;
    const broker = await this.world.broker();
    const { signal } = this.givingUp;
    const onProgress = (left: number, bytes: number): void => {
      this.restoreProgress = { left, bytes };
    };
    const parts = { settings, script: this.script, broker, signal, clock, log, metrics, onProgress };
    this.restoring(true);
    this.checkpoints = await Checkpoints.open(parts);
    this.checkpoints.restore(this.application);
    this.positions = this.checkpoints.positions;
    this.restoring(false);
    if (part === undefined) return;
    this.exchanges = await Exchanges.open({
      ...parts,
      application: this.application,
      checkpoints: this.checkpoints,
      positions: this.positions,
      monotonicMs: () => clock.monotonicMs(),
      fail: (error) => this.failInside(error),
    });
  }

  private restoring(isRestoring: boolean): void {
    this.isRestoring = isRestoring;
    this.world.onRestoring?.(isRestoring);
  }

  /** Messages that a source without positions was sent while nobody ran are lost, and that is said. */
  private noteGaps(): void {
    const since = this.checkpoints?.restoredAtMs;
    if (since === undefined) return;
    for (const { name, options } of this.streamsOf('source')) {
      if (options.extension === 'kafka' || this.positions.has(name)) continue;
      this.world.metrics.counter('tributary_sql_source_gaps_total', gapsHelp, { stream: name }).value++;
      this.world.log.warn('sql_source_gap', { stream: name, since: new Date(since).toISOString() });
    }
  }

  private async openSinks(): Promise<void> {
    for (const stream of this.streamsOf('sink')) {
      const lost = (rows: LostRows): void => this.failures.ofSink(stream, rows);
      const destination = await this.destinationOf(stream, lost);
      const sink = new Sink({ stream, destination, lost, signal: this.stopping.signal });
      this.sinks.set(stream.name, sink);
      this.application.subscribe(stream.name, (row) => {
        this.hasMoved = true;
        sink.push(row);
      });
    }
  }

  private async destinationOf(stream: StreamPlan, lost: (rows: LostRows) => void): Promise<Destination> {
    const { world } = this;
    const { extension = '' } = stream.options;
    if (extension === 'log') return lineDestination(world.print);
    if (extension === 'kafka') {
      const { checkpoints, givingUp } = this;
      const broker = await world.broker();
      if (checkpoints?.isTransactional)
        return transactionalDestination(broker, stream, checkpoints.output, lost, givingUp.signal);
      return topicDestination(broker, stream, givingUp.signal);
    }
    // A sink is closed after the last row was written, and not by the signal that ends the sources.
    const context = world.context(stream.name, this.givingUp.signal);
    return connectorDestination(world.sink(extension), connectorConfig(stream), context, lost);
  }

  private async openSources(): Promise<Reader[]> {
    const { part } = this.world;
    const readers: Reader[] = [];
    for (const stream of this.streamsOf('source')) {
      const { signal } = this.stopping;
      const { name, options } = stream;
      const { extension = '' } = options;
      const take = (batch: Frames): boolean => this.takeAll(stream, batch);
      this.entrances.set(name, this.entranceOf(stream));
      if (extension === 'kafka') {
        const only = part && { partition: part.index, of: part.partitions.get(name) ?? part.count };
        readers.push(...(await this.openTopic(topicInputOf(stream), only, take)));
        continue;
      }
      const context = this.world.context(stream.name, signal);
      const frames = await connectorFrames(this.world.source(extension), stream, context, this.positions);
      readers.push({ name, frames, take });
    }
    for (const input of this.exchanges?.inputs ?? []) {
      // Cut into fewer parts than before, the topic has more partitions.
      const only = { partition: part!.index, of: undefined };
      readers.push(...(await this.openTopic(input, only, (batch) => this.takeBlocks(input.topic, batch))));
    }
    if (readers.length === 0 && this.world.isFed !== true)
      throw new TributaryError('CONFIG_INVALID', "Nothing to run: the script has no stream of type 'source'");
    return readers;
  }

  private entranceOf(stream: StreamPlan): Entrance {
    const { application, failures } = this;
    const check = this.world.part && keyCheckOf(stream, this.world.part);
    const enter = application.entrance(stream.name);
    const push = (values: Values): void => {
      check!(values);
      enter(values);
    };
    const mapper = sourceMapper(stream, application.columnsRead(stream.name));
    return new Entrance(mapper, check === undefined ? enter : push, (message, mapped) => {
      failures.ofSource(stream, message, mapped);
      return this.failure === undefined;
    });
  }

  /** A reader for each of its partitions; for the one that is this part's where it is a part. */
  private async openTopic(stream: TopicInput, only: TopicSourceParts['only'], take: Reader['take']): Promise<Reader[]> {
    const { log, metrics, partitionsMs: lookMs = defaultLookMs } = this.world;
    const { positions } = this;
    const { signal } = this.stopping;
    const missed = metrics.counter('tributary_sql_source_missed_total', missedHelp, { stream: stream.name });
    const broker = await this.world.broker();
    const all = await topicReaders({ broker, stream, positions, signal, log, missed, lookMs, ...(only && { only }) });
    // Nobody waits for the time of a source that has no partition for this part.
    if (all.readers.length === 0) this.application.silence(stream.name);
    else this.inputs.push(stream);
    this.growing.push({ name: stream.name, added: all.added, take });
    return all.readers.map((frames) => ({ name: stream.name, frames, take }));
  }

  private async readAdded({ name, added, take }: SqlRun['growing'][number]): Promise<void> {
    const reading: Promise<void>[] = [];
    for await (const frames of added) reading.push(this.read({ name, frames, take }));
    await Promise.all(reading);
  }

  private async read({ name, frames, take }: Reader): Promise<void> {
    try {
      for await (const batch of frames) {
        while (this.checkpointing !== undefined) await this.checkpointing;
        if (this.failure !== undefined) return;
        this.lags.note(name, batch);
        if (batch.lag !== undefined && batch.offset === undefined) continue; // nothing has come yet
        if (!take(batch)) return;
        await this.flush();
        if (this.checkpoints?.isFull) await this.checkpoint();
        this.tick();
      }
      if (!this.stopping.signal.aborted)
        this.fail(new TributaryError('CONNECTION_FAILED', `Source "${name}" has ended`));
    } catch (error) {
      this.fail(error); // the others still finish what they have begun
    }
  }

  /** False where the application has failed by it. */
  private takeAll(stream: StreamPlan, frames: Frames): boolean {
    this.hasMoved = true;
    // What fails in the midst of a batch leaves the state between two positions.
    const wasWhole = this.isWhole;
    this.isWhole = false;
    this.application.advance(this.world.clock.nowMs());
    const { partition, offset } = frames;
    if (frames.columns?.length !== 0) this.exchanges?.moved();
    if (!this.entrances.get(stream.name)!.take(frames)) {
      // Where nothing can be read again, the message that failed it has been dealt with.
      this.isWhole = wasWhole && offset === undefined;
      return false;
    }
    if (partition !== undefined && offset !== undefined) this.positions.set(stream.name, partition, offset);
    this.isWhole = wasWhole;
    frames.release?.(); // rows and dead letters hold copies alone
    return true;
  }

  private takeBlocks(topic: string, batch: Frames): boolean {
    this.hasMoved = true;
    const wasWhole = this.isWhole;
    this.isWhole = false;
    this.application.advance(this.world.clock.nowMs());
    this.exchanges!.take(topic, batch);
    this.positions.set(topic, batch.partition!, batch.offset!);
    this.isWhole = wasWhole;
    batch.release?.(); // the values of its rows are copies
    return this.failure === undefined;
  }

  private awaitCheckpoint(): void {
    const { checkpoints } = this;
    if (checkpoints === undefined || this.stopping.signal.aborted) return;
    clearTimeout(this.checkpointTimer);
    this.checkpointTimer = setTimeout(() => {
      void this.lookWhetherStill().then(() => {
        if (this.hasMoved || this.exchanges?.hasNews) void this.checkpoint();
        else this.awaitCheckpoint();
      });
    }, checkpoints.waitMs);
  }

  /** Where nothing has come for long, and nothing is left to read, the other parts shall not wait for this one's time. */
  private async lookWhetherStill(): Promise<void> {
    const { exchanges, world, positions, inputs } = this;
    if (exchanges === undefined || !exchanges.isBehind(this.silentMs)) return;
    const { index: partition } = world.part!;
    const { signal } = this.stopping;
    try {
      const broker = await world.broker();
      for (const { name, topic } of inputs) {
        const read = positions.get(name, { kafka_topic: topic, kafka_partition: partition })?.['kafka_offset'];
        const end = await broker.offset(topic, partition, 'latest', { isolation: 'read-committed', signal });
        if (typeof read !== 'number' || read < end) return;
      }
    } catch (error) {
      // Who cannot be asked may have more: the others wait.
      if (!signal.aborted) world.log.debug('sql_silence_unknown', { reason: describeError(error) });
      return;
    }
    exchanges.follow(this.silentMs);
  }

  private get silentMs(): number {
    const idle = this.streamsOf('source').flatMap(({ eventTime }) => eventTime?.idleMs ?? []);
    return this.world.silentMs ?? Math.min(...(idle.length === 0 ? [defaultSilentMs] : idle));
  }

  private checkpoint(): Promise<void> {
    this.checkpointing ??= this.takeCheckpoint().finally(() => {
      this.checkpointing = undefined;
      this.tick();
      this.awaitCheckpoint();
    });
    return this.checkpointing;
  }

  /** Everything that has come is written; then state, positions and what was written to topics are made to last together. */
  private async takeCheckpoint(): Promise<void> {
    const { checkpoints } = this;
    if (checkpoints === undefined) return;
    try {
      // What a sink gives up may be a dead letter for another one.
      do {
        await this.flush();
        await checkpoints.output.settle();
      } while (!this.isFlushed);
      if (!this.isWhole) return;
      this.hasMoved = false;
      this.exchanges?.announce();
      await checkpoints.store(this.application);
      this.exchanges?.deleteRead();
    } catch (error) {
      this.failInside(error);
    }
  }

  private get isFlushed(): boolean {
    return [...this.sinks.values()].every((sink) => sink.isEmpty);
  }

  private async flush(): Promise<void> {
    this.exchanges?.flush();
    await Promise.all([...this.sinks.values()].map((sink) => sink.flush()));
  }

  /** Fires what is due, and comes back when the next timer is. */
  private tick(): void {
    clearTimeout(this.timer);
    if (this.stopping.signal.aborted || this.checkpointing !== undefined) return;
    const now = this.world.clock.nowMs();
    try {
      this.application.advance(now);
    } catch (error) {
      this.failInside(error);
      return;
    }
    void this.flush();
    const due = this.application.nextDue;
    const waitMs = due === undefined ? maxTickMs : Math.min(Math.max(due - now, 1), maxTickMs);
    this.timer = setTimeout(() => this.tick(), waitMs);
  }

  /** Rows were lost by it, or the state is in the midst of something: the last checkpoint stays the last. */
  private failInside(error: unknown): void {
    this.isWhole = false;
    this.fail(error);
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.stopping.abort();
  }

  private async finish(): Promise<void> {
    if (this.checkpoints !== undefined) {
      // What is held back for company stays in the state, and goes on from there.
      await this.checkpointing;
      await this.takeCheckpoint();
    } else {
      this.application.end();
      // What a sink gives up may be a dead letter for another one.
      do await this.flush();
      while (!this.isFlushed);
    }
    for (const sink of this.sinks.values()) {
      try {
        await sink.close();
      } catch (error) {
        this.failure ??= error;
      }
    }
    await this.checkpoints?.close().catch((error: unknown) => {
      this.world.log.warn('sql_producer_not_closed', { reason: describeError(error) });
    });
    clearTimeout(this.patience);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
