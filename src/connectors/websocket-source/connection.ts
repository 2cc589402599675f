/**
 * One connection to a server and those that follow when it breaks, a socket at a time: tells the state machine what happens
 * and does what it says. What comes over it goes to the intake.
 */
import { unreachable } from '../../base/assert.ts';
import type { Cause } from '../../net/cause.ts';
import { maskUrl, sameEndpoint } from '../../net/endpoint.ts';
import type { TlsTrust } from '../../net/tls-trust.ts';
import { type Machine, MachineDriver } from '../../source/machine-driver.ts';
import { preview } from '../../telemetry/mask.ts';
import type { ConnectorContext } from '../contract.ts';
import { type Answer, Answers } from './answers.ts';
import { type Dial, dial, type Upgraded } from './dial.ts';
import type { FrameFault } from './frame-fault.ts';
import type { Intake } from './intake.ts';
import { Link } from './link.ts';
import type { Meters } from './meters.ts';
import type { Settings } from './settings.ts';
import { type Effect, type Event, next, type State, wakeAtMs } from './state.ts';
import { targetOf } from './url.ts';

export interface ConnectionOptions {
  /** Tells its messages from those of other connections. */
  readonly number: number;
  /** To which of the servers of a redundant pair. */
  readonly server: number;
  readonly settings: Settings;
  readonly context: Pick<ConnectorContext, 'clock' | 'random' | 'log' | 'outbound'>;
  readonly tls: TlsTrust;
  readonly intake: Intake;
  readonly meters: Meters;
  /** Takes secrets out. */
  readonly mask: (text: string) => string;
  readonly events: ConnectionEvents;
}

export interface ConnectionEvents {
  /** Its state is of another kind now. */
  changed(connection: Connection, before: State): void;
  /** A try to connect has ended: with this problem, or it stands. */
  tried(problem: string | undefined): void;
  /** What people should know of it has changed: `detail`. */
  told(): void;
}

export class Connection {
  #options: ConnectionOptions;
  readonly #driver: MachineDriver<State, Event, Effect>;
  #dial: Dial | undefined;
  #link: Link | undefined;
  /** Of the server there, to the subscriptions; undefined: nobody can tell them. */
  #answers: Answers | undefined;
  /** While it is open, monotonic. */
  openedAtMs: number | undefined;
  /** A sentence for the status; undefined: it stands. */
  detail: string | undefined = 'connecting';

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#driver = new MachineDriver<State, Event, Effect>({ kind: 'idle' }, this.#machine());
  }

  get state(): State {
    return this.#driver.state;
  }

  get isOver(): boolean {
    return this.state.kind === 'stopped' || this.state.kind === 'failed';
  }

  get isPaused(): boolean {
    return this.#link?.isPaused ?? false;
  }

  /** When a message last came over the socket there is; undefined before the first. */
  get messageAtMs(): number | undefined {
    return this.#link?.messageAtMs;
  }

  start(): void {
    this.#driver.raise({ kind: 'start' });
  }

  stop(): void {
    this.#driver.raise({ kind: 'stop' });
  }

  /** From now on these subscriptions are sent at each open; `messages` make them of those before over an open connection. */
  resubscribe(settings: Settings, messages: readonly string[]): void {
    this.#options = { ...this.#options, settings };
    if (this.state.kind === 'open') this.#send(messages);
  }

  /** Reads on, where the full queue had stopped it. */
  resume(): void {
    this.#link?.resume();
  }

  /** Nobody takes any more: what was not read yet is counted. `now`: nor is the peer waited for. */
  abandon(now: boolean): void {
    this.#link?.abandon(now);
  }

  /** Resolves when its socket is gone for good, which takes closeTimeoutMs at most behind `stop`. */
  async ended(): Promise<void> {
    await this.#driver.until('stopped', 'failed');
  }

  #machine(): Machine<State, Event, Effect> {
    const { context, settings } = this.#options;
    const { policy } = settings;
    const { clock, random } = context;
    return {
      next: (state, event) => next(state, event, { nowMs: clock.monotonicMs(), random }, policy),
      wakeAtMs: (state) => wakeAtMs(state, policy),
      tick: () => ({
        kind: 'tick',
        seen: {
          heardAtMs: this.#link?.heardAtMs ?? 0,
          messageAtMs: Math.max(this.#link?.messageAtMs ?? 0, this.openedAtMs ?? 0),
          paused: this.isPaused,
          unconfirmed: this.#answers?.missing ?? 0,
        },
      }),
      obey: (effect) => this.#obey(effect),
      changed: (before, state) => this.#onChange(before, state),
      clock,
    };
  }

  #onChange(before: State, state: State): void {
    const { log } = this.#options.context;
    if (before.kind === 'open') this.openedAtMs = undefined;
    if (before.kind === 'waiting' && state.kind === 'stopped') this.#skipReconnect('the task is stopping');
    if (state.kind === 'failed') {
      const reason = this.#options.mask(state.reason);
      if (!this.#options.settings.policy.reconnect) this.#skipReconnect('websocket.reconnect.enabled is false');
      log.error('reconnect_failed', { reason });
      this.#tell(`given up: ${reason}`);
    }
    this.#options.events.changed(this, before);
    if (this.isOver) this.#driver.notify();
  }

  #skipReconnect(reason: string): void {
    this.#options.context.log.info('reconnect_skipped', { reason });
  }

  #tell(detail: string | undefined): void {
    this.detail = detail;
    this.#options.events.told();
  }

  #obey(effect: Effect): void {
    const { context, mask, meters, events } = this.#options;
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
        this.#link?.sendText(this.#options.settings.heartbeat ?? '');
        break;
      case 'close':
        context.log.info('websocket_closing', { code: effect.code, reason: mask(effect.reason) });
        this.#link?.close(effect.code, effect.reason);
        break;
      case 'destroy':
        this.#dial?.destroy();
        this.#link?.destroy();
        break;
      case 'scheduled': {
        const { attempt, delayMs, cause } = effect;
        const reason = mask(cause.text);
        meters.reconnects(cause.label).value++;
        context.log.warn('reconnect_scheduled', { attempt, backoff_ms: Math.round(delayMs), reason });
        events.tried(reason);
        this.#tell(`reconnecting: ${reason} (attempt ${attempt} in ${(delayMs / 1000).toFixed(1)} s)`);
        break;
      }
      case 'redirected':
        context.log.info('websocket_redirected', { url: maskUrl(effect.url) });
        break;
      default:
        unreachable(effect);
    }
  }

  #connect(attempt: number, redirect: string | undefined): void {
    const { settings, context, tls } = this.#options;
    if (attempt > 0) context.log.info('reconnect_executing', { attempt });
    const target = redirect === undefined ? settings.target : targetOf(redirect);
    this.#dial = dial({
      url: redirect ?? settings.url,
      target,
      headers: sameEndpoint(settings.target, target) ? settings.headers : [],
      subprotocols: settings.subprotocols,
      subprotocolRequired: settings.subprotocolRequired,
      compression: settings.compression,
      route: { proxy: settings.proxy, tls, outbound: context.outbound },
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
          if (this.state.kind !== 'closing') this.#logFailure(cause.text, undefined);
          this.#driver.raise({ kind: 'ended', cause });
        },
        upgraded: (upgraded) => this.#opened(upgraded),
      },
    });
  }

  #opened({ socket, read, head, deflate, subprotocol }: Upgraded): void {
    const { number, server, settings, context, intake, meters, events } = this.#options;
    this.#dial = undefined;
    this.#answers =
      settings.answers === null ? undefined : new Answers(settings.answers, (answer) => this.#answered(answer));
    this.#link = new Link({
      socket,
      read,
      head,
      deflate,
      maxMessageBytes: settings.maxMessageBytes,
      intake,
      number,
      server,
      answers: this.#answers ?? null,
      monotonicMs: () => context.clock.monotonicMs(),
      events: this.#linkEvents(),
    });
    this.openedAtMs = context.clock.monotonicMs();
    meters.opens.value++;
    context.log.info('websocket_opened', { response_code: 101, compressed: deflate !== null, subprotocol });
    this.#tell(undefined);
    events.tried(undefined);
    this.#driver.raise({ kind: 'opened' });
  }

  #linkEvents(): ConstructorParameters<typeof Link>[0]['events'] {
    const { context, mask, meters } = this.#options;
    return {
      closeReceived: (code, reason) => {
        context.log.info('websocket_closed', { code, reason: mask(reason) });
        this.#driver.raise({ kind: 'close-received', code, reason });
      },
      malformed: (fault: FrameFault) => {
        meters.malformed[fault.label].value++;
        this.#logFailure(fault.message, undefined);
        const cause = { label: 'malformed', text: fault.message };
        this.#driver.raise({ kind: 'malformed', code: fault.closeCode, cause });
      },
      ended: (cause: Cause, withinMessage: boolean) => {
        if (withinMessage) meters.partial.value++;
        this.#link = undefined;
        if (this.state.kind === 'open') this.#logFailure(cause.text, undefined);
        this.#driver.raise({ kind: 'ended', cause });
      },
      paused: () => {
        meters.pauses.value++;
      },
    };
  }

  #greet(): void {
    this.#send(this.#options.settings.subscriptions);
  }

  #answered(answer: Answer): void {
    const { settings, context, meters, mask } = this.#options;
    if (answer.kind === 'confirmed') {
      meters.subscriptions.confirmed.value++;
      return;
    }
    meters.subscriptions.refused.value++;
    const text = `the server refused a subscription: ${mask(preview(answer.text))}`;
    context.log.warn('subscription_refused', { reason: text });
    const refused = settings.answers?.refused;
    if (refused === 'keep') this.#tell(text);
    else {
      const cause = { label: 'subscription_refused', text };
      this.#driver.raise({ kind: 'unserved', cause, forGood: refused === 'fail' });
    }
  }

  #send(messages: readonly string[]): void {
    const { context, mask, settings } = this.#options;
    // What ends a subscription is not one of them.
    const asked = messages.filter((message) => settings.subscriptions.includes(message)).length;
    if (this.#answers !== undefined && asked > 0) {
      this.#answers.expect(asked, context.clock.monotonicMs());
      this.#driver.raise({ kind: 'subscribed' });
    }
    messages.forEach((message, index) => {
      this.#link?.sendText(message);
      const fields = { number: index + 1, of: messages.length };
      context.log.info('subscription_sent', { ...fields, message_preview: mask(preview(message)) });
    });
  }

  #logFailure(message: string, status: number | undefined): void {
    const fields = { error_message: this.#options.mask(message), response_code: status ?? 'N/A' };
    this.#options.context.log.warn('websocket_failure', fields);
  }
}
