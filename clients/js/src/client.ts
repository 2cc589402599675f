/**
 * Client of Tributary's gateway, for browsers and Node: subscriptions that resume by themselves, publishes that are answered.
 * What decides about the connection is connection-state.ts; here is what obeys, in one place: all of it shares socket and ids.
 */
import {
  type Client,
  type ClientOptions,
  type ConnectionState,
  type Counts,
  GatewayError,
  type Published,
  type PublishOptions,
  type Socket,
  type SubscribeOptions,
  type Subscription,
} from './api.ts';
import {
  begin,
  delay,
  type Effect,
  type Happening,
  next,
  type Policy,
  type State,
  wakeAt,
} from './connection-state.ts';
import { readMessage, type ServerFrame, type ServerLimits, subFrame } from './frames.ts';
import { Publishes } from './publishes.ts';
import { type Line, LiveSubscription } from './subscription.ts';

export type * from './api.ts';
export { GatewayError };

/** What a test replaces. */
export interface Surroundings {
  /** Monotonic. */
  nowMs(): number;
  wallMs(): number;
  random(): number;
  /** Gives how to forget it. */
  later(ms: number, then: () => void): () => void;
}

/**
 * Connects, and connects again until `close()`. `url`: the gateway's, `ws:` or `http:`; of several the next one is tried each
 * time. Default: where the page came from.
 */
export function connect(url?: string | readonly string[], options: ClientOptions = {}): Client {
  return new GatewayClient(url ?? (globalThis as { location?: { origin: string } }).location!.origin, options, real);
}

const real: Surroundings = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: Math.random,
  later(ms, then) {
    const timer = setTimeout(then, Math.min(ms, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

/** A message that is none of the protocol's: another version speaks there, and would again. */
const notUnderstood = 1002;

export class GatewayClient implements Client {
  readonly counts: Counts = { reconnects: 0, retries: 0, gaps: 0, skipped: 0 };
  readonly #urls: readonly string[];
  readonly #options: ClientOptions;
  readonly #around: Surroundings;
  readonly #policy: Policy;
  readonly #publishes: Publishes;
  readonly #subscriptions = new Set<LiveSubscription>();
  readonly #byId = new Map<number, LiveSubscription>();
  #state: State;
  #failure: GatewayError | undefined;
  #socket: Socket | undefined;
  #limits: ServerLimits = { message: 1, window: 1, inflight: 1 };
  #attempts = 0;
  #heardMs = 0;
  #forgetTick: () => void = () => {};
  #tickAtMs = Number.POSITIVE_INFINITY;
  #ids = 0;
  readonly #pauses = new Set<() => void>();

  constructor(urls: string | readonly string[], options: ClientOptions, around: Surroundings) {
    this.#urls = (typeof urls === 'string' ? [urls] : urls).map(endpoint);
    this.#options = options;
    this.#around = around;
    const { minDelayMs = 250, maxDelayMs = 15_000, token } = options;
    this.#policy = { minDelayMs, maxDelayMs, canRenew: typeof token === 'function', random: around.random };
    const prefix = [0, 0].map(() => around.random().toString(36).slice(2, 10)).join('');
    const line = {
      newId: () => this.#newId(),
      send: (frame: string) => this.#socket?.send(frame),
      later: (failures: number, again: () => void) => this.#later(delay(failures, this.#policy), again),
    };
    this.#publishes = new Publishes(line, options.maxWaiting ?? 10_000, prefix);
    const [state, effects] = begin(around.nowMs());
    this.#state = state;
    this.#obey(effects);
  }

  get state(): ConnectionState {
    const state = this.#state;
    if (state.kind === 'waiting') {
      const delayMs = Math.max(0, state.untilMs - this.#around.nowMs());
      return { kind: 'waiting', reason: state.reason, delayMs };
    }
    return state.kind === 'closed' ? { kind: 'closed', error: this.#failure } : { kind: state.kind };
  }

  subscribe(options: SubscribeOptions): Subscription {
    const line: Line = {
      acknowledge: (id, seq) => {
        if (this.#byId.has(id)) this.#socket?.send(JSON.stringify({ type: 'ack', id, seq }));
      },
      ready: (again) => this.#ask(again),
      ended: (over) => this.#end(over),
    };
    const subscription = new LiveSubscription(options, line, this.counts);
    if (this.#state.kind === 'closed') subscription.fail(this.#whyClosed());
    if (!subscription.isOver) {
      this.#subscriptions.add(subscription);
      this.#ask(subscription);
    }
    return subscription;
  }

  async publish(topic: string, value: unknown, options: PublishOptions = {}): Promise<Published> {
    if (this.#state.kind === 'closed') throw this.#whyClosed();
    const published = this.#publishes.add(topic, value, options);
    this.#pump();
    return published;
  }

  close(): void {
    this.#happens({ kind: 'close' });
    for (const subscription of [...this.#subscriptions]) subscription.close();
    this.#publishes.fail(this.#whyClosed());
  }

  #happens(event: Happening): void {
    const before = this.#state;
    const [state, effects] = next(before, event, this.#around.nowMs(), this.#policy);
    this.#state = state;
    if (state.kind === 'closed' && state.code !== null) {
      this.#failure ??= new GatewayError(state.code, `The gateway ends the connection: ${state.code}`);
    }
    this.#obey(effects);
    this.#schedule();
    if (state.kind !== before.kind) this.#tell();
  }

  /** What a listener throws is its own: it comes up as that of any other listener would, and the connection goes on. */
  #tell(): void {
    try {
      this.#options.onState?.(this.state);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #obey(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect) {
        case 'connect':
          this.#connect();
          break;
        case 'authenticate':
        case 'renew':
          void this.#authenticate(effect);
          break;
        case 'resume':
          for (const subscription of this.#subscriptions) this.#ask(subscription);
          this.#pump();
          break;
        case 'drop':
          this.#drop();
          break;
        case 'fail':
          for (const subscription of [...this.#subscriptions]) subscription.fail(this.#failure);
          this.#publishes.fail(this.#failure);
          break;
      }
    }
  }

  #connect(): void {
    const { WebSocket: Given, form } = this.#options;
    const Class = Given ?? (globalThis as unknown as { WebSocket: NonNullable<ClientOptions['WebSocket']> }).WebSocket;
    const url = this.#urls[this.#attempts % this.#urls.length]!;
    if (this.#attempts++ > 0) this.counts.reconnects++;
    const socket = new Class(url, [form === 'binary' ? 'tributary.v1.bin' : 'tributary.v1.json']);
    const mine =
      <E>(handle: (event: E) => void) =>
      (event: E): void => {
        if (this.#socket === socket) handle(event);
      };
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = mine(() => this.#happens({ kind: 'opened' }));
    socket.onclose = mine(({ code }: { code: number }) => this.#happens({ kind: 'lost', code }));
    socket.onerror = () => {}; // its close follows, and says more
    socket.onmessage = mine(({ data }: { data: string | ArrayBuffer }) => this.#received(data));
    this.#schedule();
  }

  async #authenticate(effect: 'authenticate' | 'renew'): Promise<void> {
    const { token } = this.#options;
    if (token === undefined) return;
    const socket = this.#socket;
    try {
      const text = typeof token === 'string' ? token : await token();
      if (socket === this.#socket) socket?.send(JSON.stringify({ type: 'auth', token: text }));
    } catch {
      // A renewal that fails leaves the old token, until the gateway says that it is over.
      if (socket === this.#socket && effect === 'authenticate') this.#happens({ kind: 'no-token' });
    }
  }

  #received(data: string | ArrayBuffer): void {
    this.#heardMs = this.#around.nowMs();
    const socket = this.#socket;
    try {
      for (const frame of readMessage(data)) {
        this.#frame(frame);
        if (this.#socket !== socket) return;
      }
    } catch {
      this.#happens({ kind: 'lost', code: notUnderstood });
    }
  }

  #frame(frame: ServerFrame): void {
    switch (frame.type) {
      case 'welcome': {
        this.#limits = frame.limits;
        const lifeMs = frame.expires === null ? null : frame.expires - this.#around.wallMs();
        this.#happens({ kind: 'welcomed', pingMs: frame.pingMs, lifeMs });
        break;
      }
      case 'data':
        this.#byId.get(frame.id)?.data(frame);
        break;
      case 'gap':
        this.#byId.get(frame.id)?.gap(frame.gap);
        break;
      case 'ok':
        if (frame.partitions === undefined) {
          this.#publishes.answered(frame.id, frame);
          this.#pump();
        } else this.#byId.get(frame.id)?.opened(frame.partitions, frame.pos);
        break;
      case 'error':
        this.#refused(frame);
        break;
      case 'bye':
        this.#happens({ ...frame, kind: 'bye' });
        break;
      default:
        break; // `end` was asked for; ping and pong only show that the gateway lives
    }
  }

  #refused({ id = 0, code, message, retryable, retryAfterMs }: ServerFrame & { readonly type: 'error' }): void {
    const reason = new GatewayError(code, message);
    const subscription = this.#byId.get(id);
    if (subscription !== undefined) {
      this.#byId.delete(id);
      subscription.lost();
      if (!retryable) {
        subscription.fail(reason);
        return;
      }
      this.counts.retries++;
      const pauseMs = Math.max(retryAfterMs ?? 0, delay(subscription.failures++, this.#policy));
      this.#later(pauseMs, () => this.#ask(subscription));
    } else if (this.#publishes.has(id)) {
      if (this.#publishes.refused(id, reason, retryable, () => this.#pump())) this.counts.retries++;
      this.#pump();
    }
  }

  /** Asks for a subscription, where that can be done now; else something else will call again. */
  #ask(subscription: LiveSubscription): void {
    if (this.#state.kind !== 'ready' || subscription.isOver || subscription.id !== 0 || !subscription.isIdle) return;
    subscription.id = this.#newId();
    this.#byId.set(subscription.id, subscription);
    const { options, received } = subscription;
    const window = Math.min(options.window!, this.#limits.window);
    this.#socket!.send(
      subFrame(subscription.id, { ...options, window }, options.group === undefined ? received : null),
    );
  }

  #end(subscription: LiveSubscription): void {
    this.#subscriptions.delete(subscription);
    if (!this.#byId.delete(subscription.id)) return;
    if (this.#state.kind === 'ready') this.#socket!.send(JSON.stringify({ type: 'end', id: subscription.id }));
  }

  #pump(): void {
    if (this.#state.kind !== 'ready') return;
    this.#publishes.pump(Math.min(this.#limits.inflight, this.#options.maxInflight ?? 1000), this.#limits.message);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.#byId.clear();
    for (const subscription of this.#subscriptions) subscription.lost();
    this.counts.retries += this.#publishes.lost();
    socket?.close(1000);
  }

  #whyClosed(): GatewayError {
    return this.#failure ?? new GatewayError('closed', 'The client is closed');
  }

  #newId(): number {
    do this.#ids = (this.#ids % 0xffff_ffff) + 1;
    while (this.#byId.has(this.#ids) || this.#publishes.has(this.#ids));
    return this.#ids;
  }

  /** A pause that the end of the client ends: nothing keeps a process alive that has closed it. */
  #later(ms: number, then: () => void): void {
    const forget = this.#around.later(ms, () => {
      this.#pauses.delete(forget);
      then();
    });
    this.#pauses.add(forget);
  }

  /** One timer, for the moment at which time alone changes something. Messages do not touch it: it looks again when it fires. */
  #schedule(): void {
    const atMs = wakeAt(this.#state, this.#heardMs);
    if (this.#state.kind === 'closed') {
      for (const forget of [this.#forgetTick, ...this.#pauses]) forget();
      this.#pauses.clear();
    }
    if (atMs >= this.#tickAtMs) return;
    this.#forgetTick();
    this.#tickAtMs = atMs;
    this.#forgetTick = this.#around.later(Math.max(0, atMs - this.#around.nowMs()), () => {
      this.#tickAtMs = Number.POSITIVE_INFINITY;
      this.#happens({ kind: 'tick', heardMs: this.#heardMs });
    });
  }
}

function endpoint(url: string): string {
  const { href } = new URL('v1/ws', url.endsWith('/') ? url : `${url}/`);
  return href.replace(/^http/, 'ws');
}
