/** Runs one task: its connections, one or a redundant pair, over which messages come into one queue, and what is taken from it. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { TributaryError } from '../../base/errors.ts';
import { maskUrl } from '../../net/endpoint.ts';
import { TlsTrust } from '../../net/tls-trust.ts';
import { ColumnBatch } from '../../record/column-batch.ts';
import { GapReport } from '../../source/gap-report.ts';
import { type Pulled, pull, Waiters } from '../../source/pull.ts';
import { masker } from '../../telemetry/mask.ts';
import type { ConnectorContext, SourceBatch, SourceMap } from '../contract.ts';
import { Backfill } from './backfill.ts';
import { Connection, type ConnectionEvents } from './connection.ts';
import { Feed } from './feed.ts';
import { Intake } from './intake.ts';
import { declareMeters, type Meters } from './meters.ts';
import { type NumbersSnapshot, writePositions } from './number-positions.ts';
import type { Gap } from './sequence.ts';
import type { Settings } from './settings.ts';
import { taskMetrics } from './task-metrics.ts';

const metricsLogMs = 30_000;

export class WebSocketTask {
  #settings: Settings;
  readonly #context: ConnectorContext;
  readonly #partition: SourceMap;
  readonly #sessionId = randomUUID();
  #mask: (text: string) => string;
  readonly #meters: Meters;
  readonly #intake: Intake;
  readonly #gaps: GapReport<Gap>;
  readonly #waiters = new Waiters();
  readonly #pulled: Pulled<SourceBatch>;
  /** The server's, and that of the second one where there is one. */
  readonly #feeds: readonly Feed[];
  readonly #backfill: Backfill | undefined;
  #sequence: number;
  #connections = 0;
  #metricsTimer: NodeJS.Timeout | undefined;
  /** Channels that the last offset had no room for. */
  #unsavedChannels = 0;
  #draining = false;
  #status: string | undefined = 'connecting';

  constructor(settings: Settings, context: ConnectorContext, resumeOffset: SourceMap | undefined) {
    this.#settings = settings;
    this.#context = context;
    this.#partition = { websocket_url: settings.url };
    this.#mask = masker(settings.secrets);
    this.#sequence = sequenceOf(resumeOffset);
    this.#gaps = gapReport(context);
    this.#pulled = this.#pulledFrom();
    if (settings.backfill !== null) {
      const mask = (text: string): string => this.#mask(text);
      this.#backfill = new Backfill({
        settings: () => this.#settings,
        context,
        meters: () => this.#meters.backfill,
        mask,
      });
    }
    const backfill = this.#backfill;
    this.#intake = new Intake({
      topic: settings.topic,
      resumeOffset,
      queue: settings.queue,
      messages: settings.messages,
      meters: () => this.#meters,
      log: context.log,
      clock: context.clock,
      onRecords: () => this.#waiters.notify(),
      ...(backfill === undefined ? {} : { fill: (gap, signal) => backfill.fill(gap, signal) }),
      onRepair: () => {
        this.#tellStatus();
        this.#waiters.notify();
      },
      onGap: (gap) => {
        const text = this.#gaps.note(gap);
        this.#tellStatus();
        return text;
      },
    });
    this.#meters = declareMeters(context.metrics, this.#readings());
    const both = settings.redundant === null ? [settings] : [settings, settings.redundant];
    this.#feeds = both.map((own, index) => this.#feed(own, index));
    this.#logStart(resumeOffset);
  }

  start(): void {
    const { signal, log } = this.#context;
    log.info('websocket_client_starting', { url: maskUrl(this.#settings.url) });
    this.#context.setStatus('connecting');
    this.#metricsTimer = setInterval(() => this.#logMetrics(), metricsLogMs).unref();
    if (signal.aborted) this.#stop();
    else {
      signal.addEventListener('abort', this.#stop, { once: true });
      for (const feed of this.#feeds) feed.start();
      log.info('websocket_client_started');
    }
  }

  /** Everything that arrived since the last call, as soon as there is something. undefined: stopped, nothing is left. */
  nextBatch(): Promise<SourceBatch | undefined> {
    return pull(this.#pulled, this.#waiters);
  }

  /**
   * Goes on by other settings, if they concern the topic and the connections alone: other subscriptions go over the socket there is, where all
   * they need can be sent; for the rest a new connection takes the place of the one there is. For another topic, too: what a server
   * sends at the beginning of each connection belongs there.
   */
  change(settings: Settings): boolean {
    const before = this.#settings;
    if (this.#draining || this.#isOver || !isSameFeed(before, settings)) return false;
    this.#settings = settings;
    this.#mask = masker([...before.secrets, ...settings.secrets]);
    this.#intake.writeTo(settings.topic);
    for (const [index, feed] of this.#feeds.entries()) feed.change(index === 0 ? settings : settings.redundant!);
    return true;
  }

  /** Nobody takes any more. Resolves when the sockets are gone, which takes closeTimeoutMs at most. */
  async close(): Promise<void> {
    this.#context.signal.removeEventListener('abort', this.#stop);
    for (const feed of this.#feeds) {
      // Where the worker has asked to stop before, its patience is over by now: no more manners.
      feed.abandon(this.#draining);
      feed.stop();
    }
    await Promise.all(this.#feeds.map((feed) => feed.ended()));
    clearInterval(this.#metricsTimer);
    this.#intake.end(this.#nowMs());
    this.#gaps.flush();
    this.#logMetrics();
    this.#context.log.info('task_stopped', { sequence: this.#sequence });
  }

  #take(): SourceBatch {
    const taken = this.#intake.take();
    const { receivedAtMs, numbers } = taken;
    this.#sequence += 'column' in taken ? taken.column.values.length : taken.records.length;
    const offset = this.#offset(this.#sequence, numbers);
    for (const feed of this.#feeds) feed.resume();
    const partition = this.#partition;
    if ('records' in taken) return { records: taken.records, partition, offset, receivedAtMs };
    const { column } = taken;
    const onRelease = (): void => this.#intake.giveBack(column.values);
    return new ColumnBatch({ column, partition, offset, receivedAtMs, onRelease });
  }

  /** Behind a batch. Numbers are written out only where somebody stores the offset: there may be a thousand channels. */
  #offset(sequence: number, numbers: NumbersSnapshot | undefined): SourceMap {
    const own = { session_id: this.#sessionId, sequence };
    const { sequence: settings } = this.#settings.messages.numbering;
    if (numbers === undefined || settings === null) return own;
    return {
      toJSON: () => {
        const { members, left } = writePositions(numbers, settings);
        this.#unsavedChannels = this.#intake.channels - numbers.channels.length + left;
        return { ...own, ...members };
      },
    };
  }

  readonly #stop = (): void => {
    this.#draining = true;
    this.#context.log.info('message_draining_started', { queue_size: this.#intake.length });
    this.#intake.leave();
    for (const feed of this.#feeds) feed.stop();
    if (this.#isOver) this.#waiters.notify();
  };

  #pulledFrom(): Pulled<SourceBatch> {
    const task = this;
    return {
      get length() {
        return task.#intake.length;
      },
      take: () => this.#take(),
      resume: () => {
        for (const feed of this.#feeds) feed.resume();
      },
      isOver: () => {
        if (!this.#isOver) return false;
        const failed = this.#feeds.find(({ state }) => state.kind === 'failed');
        if (failed?.state.kind === 'failed' && !this.#draining) throw this.#failure(failed, failed.state.reason);
        return true;
      },
    };
  }

  get #isOver(): boolean {
    return this.#feeds.every(({ isOver }) => isOver);
  }

  #feed(settings: Settings, index: number): Feed {
    const context = this.#contextOf(index);
    return new Feed({
      settings,
      connect: (wanted, events) => this.#connection(wanted, context, index, events),
      events: {
        changed: () => this.#onChange(),
        tried: (problem) => context.onConnection?.(problem),
        told: () => this.#tellStatus(),
      },
      renewals: this.#meters.renewals,
      random: context.random,
      log: context.log,
    });
  }

  #contextOf(index: number): ConnectorContext {
    const context = this.#context;
    return index === 0 ? context : { ...context, log: context.log.child({ feed: 'redundant' }) };
  }

  #connection(settings: Settings, context: ConnectorContext, server: number, events: ConnectionEvents): Connection {
    const number = this.#connections++;
    const tls = new TlsTrust(settings.tls);
    if (settings.target.secure) tls.optionsFor(settings.target.host);
    const [intake, meters] = [this.#intake, this.#meters];
    const mask = (text: string): string => this.#mask(text);
    return new Connection({ number, server, settings, context, tls, intake, meters, mask, events });
  }

  #onChange(): void {
    this.#tellStatus();
    if (!this.#isOver) return;
    const { log } = this.#context;
    if (this.#draining) log.info('message_draining_completed', { queue_size: this.#intake.length });
    if (this.#feeds.every(({ state }) => state.kind === 'stopped')) log.info('websocket_client_stopped');
    this.#waiters.notify();
  }

  /** What is wrong with a connection comes first, then what was missing. */
  #tellStatus(): void {
    const details = this.#feeds.map(({ detail }, index) =>
      detail === undefined || index === 0 ? detail : `redundant connection: ${detail}`,
    );
    const { asked } = this.#intake;
    const asking = asked === 0 ? undefined : `asking for ${asked} missing messages`;
    const told = [...details, asking, this.#gaps.summary].filter((detail) => detail !== undefined);
    const status = told.length === 0 || this.#isOver ? undefined : told.join('; ');
    if (status === this.#status) return;
    this.#status = status;
    this.#context.setStatus(status);
  }

  #failure({ settings }: Feed, reason: string): TributaryError {
    const text = `Cannot stay connected to "${maskUrl(settings.url)}": ${this.#mask(reason)}`;
    return new TributaryError('CONNECTION_REFUSED_FOR_GOOD', text);
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs();
  }

  #readings(): Parameters<typeof declareMeters>[1] {
    const { queue, tls, redundant } = this.#settings;
    const secondsSince = (atMs: number): number => Math.max(this.#nowMs() - atMs, 0) / 1000;
    const openConnections = (): number => this.#feeds.reduce((sum, feed) => sum + feed.openConnections, 0);
    return {
      queueRecords: () => this.#intake.length,
      queueBytes: () => this.#intake.bytes,
      queueCapacity: queue.maxRecords,
      queueCapacityBytes: queue.maxBytes,
      isConnected: () => openConnections() > 0,
      openConnections,
      isPaused: () => this.#feeds.some(({ isPaused }) => isPaused),
      sequenceChannels: () => this.#intake.channels,
      backfillAsked: () => this.#intake.asked,
      isHeldForBackfill: () => this.#intake.isHolding,
      unsavedChannels: () => this.#unsavedChannels,
      secondsSinceLastMessage: () => {
        const atMs = this.#intake.messageAtMs;
        return atMs === undefined ? -1 : secondsSince(atMs);
      },
      uptimeSeconds: () => {
        const opened = this.#feeds.flatMap(({ openedAtMs }) => openedAtMs ?? []);
        return opened.length === 0 ? 0 : secondsSince(Math.min(...opened));
      },
      tlsInsecure: tls.insecure || redundant?.tls.insecure === true,
    };
  }

  #logStart(resumeOffset: SourceMap | undefined): void {
    const { log } = this.#context;
    const { skippedHeaders, tls, url } = this.#settings;
    log.info('task_starting', { url: maskUrl(url), topic: this.#settings.topic });
    const before = resumeOffset?.['session_id'];
    log.info('session_initialized', { session_id: this.#sessionId, sequence: this.#sequence });
    if (before !== undefined) {
      log.warn('session_changed', { previous_session_id: String(before).slice(0, 64), session_id: this.#sessionId });
    }
    for (const position of skippedHeaders) log.warn('header_skipped', { position, reason: 'no colon in the pair' });
    if (tls.insecure) log.warn('tls_insecure', { url: maskUrl(url) });
  }

  #logMetrics(): void {
    const attempts = this.#feeds.map(({ state }) => ('attempt' in state ? state.attempt : 0));
    taskMetrics(this.#context.log, {
      meters: this.#meters,
      readings: this.#readings(),
      sessionId: this.#sessionId,
      attempts: Math.max(...attempts),
      isStopped: this.#feeds.every(({ state }) => state.kind === 'stopped'),
    });
  }
}

function gapReport({ connector, task, clock, log }: ConnectorContext): GapReport<Gap> {
  const short = (channel: string): string => channel.slice(0, 64);
  return new GapReport({
    ...{ connector, task, clock, log, things: 'messages' },
    fieldsOf: ({ channel, from, to, missing }) => ({ channel: short(channel), from, to, missing }),
    describe: ({ channel, from, to }) => `${from} to ${to}${channel === '' ? '' : ` of "${short(channel)}"`}`,
  });
}

/** Whether all that differs is how the same messages are come by. */
function isSameFeed(before: Settings, after: Settings): boolean {
  const same = (one: Settings): unknown[] => [one.url, one.queue, one.messages, one.redundant?.url ?? null];
  return isDeepStrictEqual(same(before), same(after));
}

/** Where an earlier task ended; 0 where there was none, or what it left cannot be read. */
function sequenceOf(offset: SourceMap | undefined): number {
  const sequence = offset?.['sequence'];
  return typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence >= 0 ? sequence : 0;
}
