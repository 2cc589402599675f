/**
 * Runs one stream: tells the state machine what happens, does what it says, and hands out what the intake holds. Long
 * because every event and every effect of state.ts has its few lines here, and nothing else has.
 */
import type { IncomingMessage } from 'node:http';
import { unreachable } from '../../base/assert.ts';
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import { type Cause, causeOf } from '../../net/cause.ts';
import { maskUrl } from '../../net/endpoint.ts';
import type { Route } from '../../net/open-request.ts';
import { TlsTrust } from '../../net/tls-trust.ts';
import { type Machine, MachineDriver } from '../../source/machine-driver.ts';
import type { Pulled } from '../../source/pull.ts';
import { masker } from '../../telemetry/mask.ts';
import type { ConnectorContext, SourceBatch, SourceContext, SourceMap } from '../contract.ts';
import { Admission } from './admission.ts';
import { type Ask, ask, contentEncoding } from './ask.ts';
import { Batches } from './batches.ts';
import { Body } from './body.ts';
import { idOf } from './event-id.ts';
import { Intake } from './intake.ts';
import { declareMeters, type Meters, type Readings } from './meters.ts';
import type { Answer } from './policy.ts';
import type { Settings } from './settings.ts';
import { type Effect, type Event, next, type State, wakeAtMs } from './state.ts';
import type { StreamSlots } from './stream-slots.ts';
import { StreamStatus } from './stream-status.ts';
import { taskMetrics } from './task-metrics.ts';

const metricsLogMs = 60_000;

export class SseTask {
  readonly #settings: Settings;
  readonly #context: ConnectorContext;
  readonly #route: Route;
  readonly #admission: Admission;
  readonly #meters: Meters;
  readonly #readings: Readings;
  readonly #intake: Intake;
  readonly #batches: Batches;
  readonly #status: StreamStatus;
  #mask: (text: string) => string;
  readonly #driver: MachineDriver<State, Event, Effect>;
  readonly #pulled: Pulled<SourceBatch>;
  /** Of the last event that came, from whichever connection. */
  #lastEventId: Uint8Array | null;
  #retryMs: number | null = null;
  /** Ends what goes on before there is a body. */
  #attempt = new AbortController();
  #ask: Ask | undefined;
  #body: Body | undefined;
  #openedAtMs: number | undefined;
  #reconnectedAtMs: number | undefined;
  #reconnects = 0;
  #errors = 0;
  #trouble: Cause | undefined;
  /** What the writing of an event failed with. */
  #unwritable: unknown;
  #metricsTimer: NodeJS.Timeout | undefined;

  constructor(
    settings: Settings,
    context: ConnectorContext & Pick<SourceContext, 'writeValue'>,
    resumeOffset: SourceMap | undefined,
    slots: StreamSlots,
  ) {
    this.#settings = settings;
    this.#context = context;
    this.#mask = masker(settings.secrets);
    const tls = new TlsTrust(settings.tls);
    if (settings.target.secure) tls.optionsFor(settings.target.host);
    this.#route = { proxy: settings.proxy, tls, outbound: context.outbound };
    const stored = settings.resumes ? idOf(resumeOffset) : null;
    this.#lastEventId =
      stored ?? (settings.firstEventId === null ? null : Buffer.from(settings.firstEventId, 'latin1'));
    this.#driver = new MachineDriver<State, Event, Effect>({ kind: 'idle' }, this.#machine());
    this.#pulled = this.#pulledFrom();
    this.#status = new StreamStatus(context);
    this.#admission = new Admission({
      ...{ settings, context, slots, route: this.#route, status: this.#status },
      meters: () => this.#meters,
      onToken: (value) => {
        this.#mask = masker([...settings.secrets, value]);
      },
    });
    this.#intake = new Intake({
      topic: settings.topic,
      queue: settings.queue,
      events: settings.events,
      meters: () => this.#meters,
      log: context.log,
      lastEventId: () => this.#newestId,
      onRecords: () => this.#driver.notify(),
      onRetry: (ms) => {
        this.#retryMs = ms;
      },
      onOversize: () => this.#goesOnAfterOversize(),
      writeValue: context.writeValue,
      onUnwritable: (error) => this.#failUnwritable(error),
      onGap: (gap) => this.#status.noteGap(gap),
    });
    this.#batches = new Batches(settings, this.#intake, () => this.#newestId);
    if (stored !== null) this.#intake.gaps.reconnected(stored);
    this.#readings = this.#readingsOf();
    this.#meters = declareMeters(context.metrics, this.#readings);
    const { log } = context;
    log.info('task_starting', { url: this.#url, topic: settings.topic, resumes: stored !== null });
    if (settings.tls.insecure) log.warn('tls_insecure', { url: this.#url });
  }

  start(): void {
    const { signal } = this.#context;
    this.#status.set('connecting');
    this.#metricsTimer = setInterval(() => this.#logMetrics(), metricsLogMs).unref();
    if (signal.aborted) this.#stop();
    else {
      signal.addEventListener('abort', this.#stop, { once: true });
      this.#driver.raise({ kind: 'start' });
    }
  }

  /** Everything that arrived since the last call, as soon as there is something. undefined: stopped, nothing is left. */
  nextBatch(): Promise<SourceBatch | undefined> {
    return this.#driver.pull(this.#pulled);
  }

  /** Nobody takes any more. Resolves when the connection is gone. */
  async close(): Promise<void> {
    this.#context.signal.removeEventListener('abort', this.#stop);
    this.#body?.abandon();
    this.#driver.raise({ kind: 'stop' });
    await this.#driver.until('stopped', 'failed');
    clearInterval(this.#metricsTimer);
    this.#intake.end(this.#nowMs());
    this.#status.end();
    this.#logMetrics();
    this.#context.log.info('task_stopped');
  }

  get #url(): string {
    return maskUrl(this.#settings.target.url);
  }

  get #state(): State {
    return this.#driver.state;
  }

  #take(): SourceBatch {
    const batch = this.#batches.take();
    this.#body?.resume();
    return batch;
  }

  get #newestId(): Uint8Array | null {
    return this.#body?.lastEventId ?? this.#lastEventId;
  }

  readonly #stop = (): void => {
    this.#context.log.info('draining_started', { queue_size: this.#intake.length });
    this.#driver.raise({ kind: 'stop' });
  };

  #machine(): Machine<State, Event, Effect> {
    const { random, log, clock } = this.#context;
    const { policy } = this.#settings;
    return {
      next: (before, event) => {
        const result = next(before, event, { nowMs: clock.monotonicMs(), random, retryMs: this.#retryMs }, policy);
        const [state] = result;
        if (state.kind !== before.kind) log.debug('state_changed', { from: before.kind, to: state.kind });
        return result;
      },
      wakeAtMs,
      tick: () => ({
        kind: 'tick',
        seen: {
          heardAtMs: this.#body?.heardAtMs ?? 0,
          eventAtMs: Math.max(this.#intake.eventAtMs ?? 0, this.#openedAtMs ?? 0),
          paused: this.#body?.isPaused ?? false,
        },
      }),
      obey: (effect) => this.#obey(effect),
      changed: (before, state) => this.#onChange(before, state),
      clock,
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
        if (this.#body?.isPaused) this.#body.resume();
      },
      isOver: () => {
        if (this.#state.kind === 'failed') throw this.#unwritable ?? this.#failure(this.#state.reason);
        return this.#state.kind === 'stopped';
      },
    };
  }

  #onChange(before: State, state: State): void {
    const { log } = this.#context;
    if (before.kind === 'open') this.#openedAtMs = undefined;
    switch (state.kind) {
      case 'failed':
        log.error('reconnect_failed', { reason: this.#mask(state.reason) });
        this.#status.fail();
        break;
      case 'finished':
        log.warn('sse_finished', { reason: 'the server answered with 204: it wants no more requests' });
        this.#context.onConnection?.('the server answered with 204 No Content');
        this.#status.set('ended by the server: it answered with 204 No Content. Restart the connector to ask again');
        break;
      case 'stopped':
        log.info('sse_client_stopped', { queue_size: this.#intake.length });
        break;
    }
    if (state.kind === 'failed' || state.kind === 'stopped') this.#driver.notify();
  }

  #obey(effect: Effect): void {
    switch (effect.kind) {
      case 'admit':
        this.#begin(effect.attempt, effect.url);
        break;
      case 'read':
        this.#body?.read();
        break;
      case 'destroy':
        this.#attempt.abort();
        this.#ask?.destroy();
        this.#body?.destroy();
        break;
      case 'forget':
        this.#forget(effect.what, effect.cause);
        break;
      case 'scheduled': {
        const { attempt, delayMs, cause } = effect;
        const reason = this.#mask(cause.text);
        this.#errors++;
        this.#trouble = { label: cause.label, text: reason };
        this.#reconnects++;
        this.#meters.reconnects(cause.label).value++;
        this.#context.log.warn('reconnect_scheduled', { attempt, backoff_ms: Math.round(delayMs), reason });
        this.#context.onConnection?.(reason);
        this.#status.set(`reconnecting: ${reason} (attempt ${attempt} in ${(delayMs / 1000).toFixed(1)} s)`);
        break;
      }
      case 'redirected':
        this.#context.log.info('sse_redirected', { url: maskUrl(effect.url) });
        break;
      default:
        unreachable(effect);
    }
  }

  #forget(what: 'last-event-id' | 'token', cause: Cause): void {
    const reason = this.#mask(cause.text);
    if (what === 'token') {
      this.#admission.forgetToken();
      this.#context.log.info('token_refused', { reason });
      return;
    }
    this.#meters.resumeRefused.value++;
    this.#context.log.warn('resume_refused', { reason, detail: 'the stream is read from where the server starts it' });
    this.#intake.refused(this.#lastEventId, this.#nowMs());
    this.#lastEventId = null;
  }

  #begin(attempt: number, redirect: string | undefined): void {
    if (attempt > 0) {
      this.#reconnectedAtMs = this.#nowMs();
      this.#context.log.info('reconnect_executing', { attempt });
    }
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    this.#connect(redirect, signal).catch((error: unknown) => {
      if (signal.aborted) return this.#end({ label: 'stopped', text: 'stopped' });
      this.#meters.failures.value++;
      const reason = this.#mask(describeError(error));
      this.#context.log.warn('sse_failure', { error_message: reason, response_code: 'N/A' });
      if (isError(error, 'AUTHENTICATION_FAILED')) this.#driver.raise({ kind: 'hopeless', reason: error.message });
      this.#end(isError(error) ? { label: labelOf(error), text: error.message } : causeOf(error, false));
    });
  }

  /** Waits for what a request needs, and sends it. Throws what keeps it from being sent. */
  async #connect(redirect: string | undefined, signal: AbortSignal): Promise<void> {
    const context = this.#context;
    const admitted = await this.#admission.next(redirect, this.#lastEventId, signal);
    // Asked again: the answer of a promise comes a moment after it was true.
    if (admitted === undefined || signal.aborted) return this.#end({ label: 'stopped', text: 'stopped' });
    const { target, headers, resumes, usedToken } = admitted;
    this.#meters.attempts.value++;
    this.#status.set(this.#trouble === undefined ? 'connecting' : `reconnecting: ${this.#trouble.text}`);
    context.log.info('sse_connecting', { url: maskUrl(target.url), resumes });
    this.#driver.raise({ kind: 'admitted' });
    this.#ask = ask({
      target,
      headers,
      route: this.#route,
      nowMs: () => context.clock.nowMs(),
      events: {
        connected: () => this.#driver.raise({ kind: 'connected' }),
        answered: (head, response) => {
          this.#ask = undefined;
          this.#onAnswer({ ...head, resumed: resumes, usedToken }, response);
        },
        ended: (cause) => {
          this.#ask = undefined;
          this.#meters.failures.value++;
          if (this.#state.kind !== 'closing') this.#logFailure(cause.text, undefined);
          this.#end(cause);
        },
      },
    });
  }

  #onAnswer(answer: Answer, response: IncomingMessage): void {
    const settings = this.#settings;
    const context = this.#context;
    this.#body = new Body({
      response,
      intake: this.#intake,
      maxEventBytes: settings.events.maxBytes,
      lastEventId: this.#lastEventId,
      monotonicMs: () => this.#nowMs(),
      events: {
        paused: () => {
          this.#meters.pauses.value++;
        },
        ended: (cause, withinEvent) => {
          if (withinEvent) this.#meters.partial.value++;
          this.#lastEventId = this.#body?.lastEventId ?? this.#lastEventId;
          this.#body = undefined;
          if (this.#state.kind === 'open') context.log.info('sse_closed', { reason: this.#mask(cause.text) });
          this.#end(cause);
        },
      },
    });
    const { status } = answer;
    this.#driver.raise({ kind: 'answered', answer });
    if (this.#state.kind !== 'open') {
      if (answer.location === undefined && status !== 204) {
        this.#meters.failures.value++;
        this.#logFailure(`server answered with ${status} ${answer.statusText} (${answer.contentType})`, status);
      }
      return;
    }
    this.#openedAtMs = this.#nowMs();
    this.#trouble = undefined;
    this.#meters.opens.value++;
    if (answer.resumed) this.#meters.resumed.value++;
    this.#intake.rearm();
    if (this.#meters.opens.value > 1) this.#intake.gaps.reconnected();
    const encoding = contentEncoding(response);
    context.log.info('sse_opened', { response_code: status, resumed: answer.resumed, content_encoding: encoding });
    this.#status.set(undefined);
    context.onConnection?.(undefined);
  }

  #goesOnAfterOversize(): boolean {
    const { failsOnOversize, maxBytes } = this.#settings.events;
    if (!failsOnOversize) return true;
    this.#driver.raise({ kind: 'hopeless', reason: `an event is longer than sse.event.max.bytes (${maxBytes})` });
    this.#body?.abandon();
    return false;
  }

  #failUnwritable(error: unknown): void {
    this.#unwritable = error;
    this.#driver.raise({ kind: 'hopeless', reason: describeError(error) });
    this.#body?.abandon();
  }

  /** What `admit` began is over. */
  #end(cause: Cause): void {
    this.#admission.leave();
    this.#driver.raise({ kind: 'ended', cause });
  }

  #failure(reason: string): TributaryError {
    const text = `Cannot read the event stream "${this.#url}": ${this.#mask(reason)}`;
    return new TributaryError('CONNECTION_REFUSED_FOR_GOOD', text);
  }

  #logFailure(message: string, status: number | undefined): void {
    this.#context.log.warn('sse_failure', { error_message: this.#mask(message), response_code: status ?? 'N/A' });
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs();
  }

  #readingsOf(): Readings {
    const { queue, tls } = this.#settings;
    const secondsSince = (atMs: number): number => Math.max(this.#nowMs() - atMs, 0) / 1000;
    return {
      queueRecords: () => this.#intake.length,
      queueBytes: () => this.#intake.bytes,
      queueCapacity: queue.maxRecords,
      queueCapacityBytes: queue.maxBytes,
      isConnected: () => this.#state.kind === 'open',
      isPaused: () => this.#body?.isPaused ?? false,
      isFinished: () => this.#state.kind === 'finished',
      secondsSinceLastEvent: () => {
        const atMs = this.#intake.eventAtMs;
        return atMs === undefined ? -1 : secondsSince(atMs);
      },
      uptimeSeconds: () => (this.#openedAtMs === undefined ? 0 : secondsSince(this.#openedAtMs)),
      secondsSinceLastReconnect: () => (this.#reconnectedAtMs === undefined ? -1 : secondsSince(this.#reconnectedAtMs)),
      tlsInsecure: tls.insecure,
    };
  }

  #logMetrics(): void {
    taskMetrics(this.#context.log, {
      meters: this.#meters,
      readings: this.#readings,
      state: this.#state.kind,
      url: this.#url,
      reconnects: this.#reconnects,
      errors: this.#errors,
      eventsByName: this.#intake.countsByName(),
      trouble: this.#trouble,
      isStopped: this.#state.kind === 'stopped',
    });
  }
}

function labelOf({ code }: TributaryError): string {
  return code === 'OUTBOUND_FORBIDDEN' ? 'forbidden' : 'token_failed';
}
