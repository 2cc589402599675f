/**
 * Runs one connection: tells the state machine what happens, does what it says, and hands out what the intake holds.
 * Long because every event and every effect of state.ts has its few lines here, and nothing else has.
 */
import { randomUUID } from 'node:crypto';
import { unreachable } from '../../base/assert.ts';
import { TributaryError } from '../../base/errors.ts';
import type { Cause } from '../../net/cause.ts';
import { maskUrl, sameEndpoint } from '../../net/endpoint.ts';
import { TlsTrust } from '../../net/tls-trust.ts';
import { ColumnBatch } from '../../record/column-batch.ts';
import { type Machine, MachineDriver, type Pulled } from '../../source/machine-driver.ts';
import { masker, preview } from '../../telemetry/mask.ts';
import type { ConnectorContext, SourceBatch, SourceMap } from '../contract.ts';
import { type Dial, dial } from './dial.ts';
import type { FrameFault } from './frame-fault.ts';
import { Intake } from './intake.ts';
import { Link } from './link.ts';
import { declareMeters, type Meters } from './meters.ts';
import type { Settings } from './settings.ts';
import { type Effect, type Event, next, type State, wakeAtMs } from './state.ts';
import { taskMetrics } from './task-metrics.ts';
import { targetOf } from './url.ts';

const metricsLogMs = 30_000;

export class WebSocketTask {
  readonly #settings: Settings;
  readonly #context: ConnectorContext;
  readonly #partition: SourceMap;
  readonly #sessionId = randomUUID();
  readonly #mask: (text: string) => string;
  readonly #tls: TlsTrust;
  readonly #meters: Meters;
  readonly #intake: Intake;
  #sequence: number;
  readonly #driver: MachineDriver<State, Event, Effect>;
  readonly #pulled: Pulled<SourceBatch>;
  #dial: Dial | undefined;
  #link: Link | undefined;
  #openedAtMs: number | undefined;
  #metricsTimer: NodeJS.Timeout | undefined;
  #draining = false;

  constructor(settings: Settings, context: ConnectorContext, resumeOffset: SourceMap | undefined) {
    this.#settings = settings;
    this.#context = context;
    this.#partition = { websocket_url: settings.url };
    this.#mask = masker(settings.secrets);
    this.#tls = new TlsTrust(settings.tls);
    if (settings.target.secure) this.#tls.optionsFor(settings.target.host);
    this.#sequence = sequenceOf(resumeOffset);
    this.#driver = new MachineDriver<State, Event, Effect>({ kind: 'idle' }, this.#machine());
    this.#pulled = this.#pulledFrom();
    this.#intake = new Intake({
      topic: settings.topic,
      queue: settings.queue,
      messages: settings.messages,
      meters: () => this.#meters,
      log: context.log,
      onRecords: () => this.#driver.notify(),
    });
    this.#meters = declareMeters(context.metrics, this.#readings());
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
      this.#driver.raise({ kind: 'start' });
      log.info('websocket_client_started');
    }
  }

  /** Everything that arrived since the last call, as soon as there is something. undefined: stopped, nothing is left. */
  nextBatch(): Promise<SourceBatch | undefined> {
    return this.#driver.pull(this.#pulled);
  }

  /** Nobody takes any more. Resolves when the socket is gone, which takes closeTimeoutMs at most. */
  async close(): Promise<void> {
    this.#context.signal.removeEventListener('abort', this.#stop);
    // Where the worker has asked to stop before, its patience is over by now: no more manners.
    this.#link?.abandon(this.#draining);
    this.#driver.raise({ kind: 'stop' });
    await this.#driver.until('stopped', 'failed');
    clearInterval(this.#metricsTimer);
    this.#intake.end(this.#nowMs());
    this.#logMetrics();
    this.#context.log.info('task_stopped', { sequence: this.#sequence });
  }

  get #state(): State {
    return this.#driver.state;
  }

  #take(): SourceBatch {
    const taken = this.#intake.take();
    const { receivedAtMs } = taken;
    this.#sequence += 'column' in taken ? taken.column.values.length : taken.records.length;
    const offset = { session_id: this.#sessionId, sequence: this.#sequence };
    this.#link?.resume();
    const partition = this.#partition;
    if ('records' in taken) return { records: taken.records, partition, offset, receivedAtMs };
    const { column } = taken;
    const onRelease = (): void => this.#intake.giveBack(column.values);
    return new ColumnBatch({ column, partition, offset, receivedAtMs, onRelease });
  }

  readonly #stop = (): void => {
    this.#draining = true;
    this.#context.log.info('message_draining_started', { queue_size: this.#intake.length });
    this.#driver.raise({ kind: 'stop' });
  };

  #machine(): Machine<State, Event, Effect> {
    const { random } = this.#context;
    const { policy } = this.#settings;
    const nowMs = (): number => this.#nowMs();
    return {
      next: (state, event) => next(state, event, { nowMs: nowMs(), random }, policy),
      wakeAtMs: (state) => wakeAtMs(state, policy),
      tick: () => ({
        kind: 'tick',
        seen: {
          heardAtMs: this.#link?.heardAtMs ?? 0,
          messageAtMs: Math.max(this.#intake.messageAtMs ?? 0, this.#openedAtMs ?? 0),
          paused: this.#link?.isPaused ?? false,
        },
      }),
      obey: (effect) => this.#obey(effect),
      changed: (before, state) => this.#onChange(before, state),
      nowMs,
    };
  }

  #pulledFrom(): Pulled<SourceBatch> {
    const task = this;
    return {
      get length() {
        return task.#intake.length;
      },
      take: () => this.#take(),
      resume: () => {
        if (this.#link?.isPaused) this.#link.resume();
      },
      isOver: () => {
        if (this.#state.kind === 'failed') throw this.#failure(this.#state.reason);
        return this.#state.kind === 'stopped';
      },
    };
  }

  #onChange(before: State, state: State): void {
    if (before.kind === 'open') this.#openedAtMs = undefined;
    if (before.kind === 'waiting' && state.kind === 'stopped') this.#skipReconnect('the task is stopping');
    if (state.kind === 'failed') {
      if (!this.#settings.policy.reconnect) this.#skipReconnect('websocket.reconnect.enabled is false');
      this.#context.log.error('reconnect_failed', { reason: this.#mask(state.reason) });
      this.#context.setStatus(undefined);
    }
    if (state.kind === 'stopped') {
      if (this.#draining) this.#context.log.info('message_draining_completed', { queue_size: this.#intake.length });
      this.#context.log.info('websocket_client_stopped');
    }
    if (state.kind === 'failed' || state.kind === 'stopped') this.#driver.notify();
  }

  #skipReconnect(reason: string): void {
    this.#context.log.info('reconnect_skipped', { reason });
  }

  #obey(effect: Effect): void {
    switch (effect.kind) {
      case 'connect':
        this.#connect(effect.attempt, effect.url);
        break;
      case 'greet':
        this.#greet();
        break;
      case 'ping':
        this.#link?.ping();
        if (effect.paused) this.#link?.pong();
        break;
      case 'heartbeat':
        this.#link?.sendText(this.#settings.heartbeat ?? '');
        break;
      case 'close':
        this.#context.log.info('websocket_closing', { code: effect.code, reason: this.#mask(effect.reason) });
        this.#link?.close(effect.code, effect.reason);
        break;
      case 'destroy':
        this.#dial?.destroy();
        this.#link?.destroy();
        break;
      case 'scheduled': {
        const { attempt, delayMs, cause } = effect;
        const reason = this.#mask(cause.text);
        this.#meters.reconnects(cause.label).value++;
        const backoffMs = Math.round(delayMs);
        this.#context.log.warn('reconnect_scheduled', { attempt, backoff_ms: backoffMs, reason });
        this.#context.onConnection?.(reason);
        this.#context.setStatus(`reconnecting: ${reason} (attempt ${attempt} in ${(delayMs / 1000).toFixed(1)} s)`);
        break;
      }
      case 'redirected':
        this.#context.log.info('websocket_redirected', { url: maskUrl(effect.url) });
        break;
      default:
        unreachable(effect);
    }
  }

  #connect(attempt: number, redirect: string | undefined): void {
    const settings = this.#settings;
    const context = this.#context;
    if (attempt > 0) context.log.info('reconnect_executing', { attempt });
    const url = redirect ?? settings.url;
    const target = redirect === undefined ? settings.target : targetOf(redirect);
    this.#dial = dial({
      url,
      target,
      headers: sameEndpoint(settings.target, target) ? settings.headers : [],
      subprotocols: settings.subprotocols,
      subprotocolRequired: settings.subprotocolRequired,
      compression: settings.compression,
      route: {
        proxy: settings.proxy,
        tls: this.#tls,
        outbound: context.outbound,
      },
      nowMs: () => context.clock.nowMs(),
      events: {
        connected: () => this.#driver.raise({ kind: 'connected' }),
        refused: (refusal) => {
          this.#logFailure(`server answered with ${refusal.status} ${refusal.statusText}`, refusal.status);
          this.#driver.raise({ kind: 'refused', refusal });
        },
        invalid: (problem) => {
          this.#logFailure(problem, 101);
          this.#driver.raise({ kind: 'malformed', code: 1002, cause: { label: 'handshake_invalid', text: problem } });
        },
        ended: (cause) => {
          this.#dial = undefined;
          if (this.#state.kind !== 'closing') this.#logFailure(cause.text, undefined);
          this.#driver.raise({ kind: 'ended', cause });
        },
        upgraded: ({ socket, read, head, deflate, subprotocol }) => {
          this.#dial = undefined;
          this.#link = new Link({
            socket,
            read,
            head,
            deflate,
            maxMessageBytes: settings.maxMessageBytes,
            intake: this.#intake,
            monotonicMs: () => this.#nowMs(),
            events: this.#linkEvents(),
          });
          this.#openedAtMs = this.#nowMs();
          this.#meters.opens.value++;
          this.#intake.rearm();
          context.log.info('websocket_opened', { response_code: 101, compressed: deflate !== null, subprotocol });
          context.setStatus(undefined);
          context.onConnection?.(undefined);
          this.#driver.raise({ kind: 'opened' });
        },
      },
    });
  }

  #linkEvents(): ConstructorParameters<typeof Link>[0]['events'] {
    return {
      closeReceived: (code, reason) => {
        this.#context.log.info('websocket_closed', { code, reason: this.#mask(reason) });
        this.#driver.raise({ kind: 'close-received', code, reason });
      },
      malformed: (fault: FrameFault) => {
        this.#meters.malformed[fault.label].value++;
        this.#logFailure(fault.message, undefined);
        const cause = { label: 'malformed', text: fault.message };
        this.#driver.raise({ kind: 'malformed', code: fault.closeCode, cause });
      },
      ended: (cause: Cause, withinMessage: boolean) => {
        if (withinMessage) this.#meters.partial.value++;
        this.#link = undefined;
        if (this.#state.kind === 'open') this.#logFailure(cause.text, undefined);
        this.#driver.raise({ kind: 'ended', cause });
      },
      paused: () => {
        this.#meters.pauses.value++;
      },
    };
  }

  #greet(): void {
    const { subscriptions } = this.#settings;
    subscriptions.forEach((message, index) => {
      this.#link?.sendText(message);
      const fields = { number: index + 1, of: subscriptions.length };
      this.#context.log.info('subscription_sent', { ...fields, message_preview: this.#mask(preview(message)) });
    });
  }

  #failure(reason: string): TributaryError {
    const text = `Cannot stay connected to "${maskUrl(this.#settings.url)}": ${this.#mask(reason)}`;
    return new TributaryError('CONNECTION_REFUSED_FOR_GOOD', text);
  }

  #logFailure(message: string, status: number | undefined): void {
    const fields = { error_message: this.#mask(message), response_code: status ?? 'N/A' };
    this.#context.log.warn('websocket_failure', fields);
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs();
  }

  #readings(): Parameters<typeof declareMeters>[1] {
    const { queue, tls } = this.#settings;
    const secondsSince = (atMs: number): number => Math.max(this.#nowMs() - atMs, 0) / 1000;
    return {
      queueRecords: () => this.#intake.length,
      queueBytes: () => this.#intake.bytes,
      queueCapacity: queue.maxRecords,
      queueCapacityBytes: queue.maxBytes,
      isConnected: () => this.#state.kind === 'open',
      isPaused: () => this.#link?.isPaused ?? false,
      secondsSinceLastMessage: () => {
        const atMs = this.#intake.messageAtMs;
        return atMs === undefined ? -1 : secondsSince(atMs);
      },
      uptimeSeconds: () => (this.#openedAtMs === undefined ? 0 : secondsSince(this.#openedAtMs)),
      tlsInsecure: tls.insecure,
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
    taskMetrics(this.#context.log, {
      meters: this.#meters,
      readings: this.#readings(),
      sessionId: this.#sessionId,
      attempts: 'attempt' in this.#state ? this.#state.attempt : 0,
      isStopped: this.#state.kind === 'stopped',
    });
  }
}

/** Where an earlier task ended; 0 where there was none, or what it left cannot be read. */
function sequenceOf(offset: SourceMap | undefined): number {
  const sequence = offset?.['sequence'];
  return typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence >= 0 ? sequence : 0;
}
