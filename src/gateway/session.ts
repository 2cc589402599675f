/**
 * One connection of the native protocol as a state machine (PROTOCOL.md, section 3.8): frames and answers in, effects out.
 * It knows no socket, no broker and no clock; what it decides, connection.ts does.
 */
import { unreachable } from '../base/assert.ts';
import type { GatewayCode, GatewayFault } from '../wire/gateway/codes.ts';
import type { ClientFrame, PublishRequest, SubscribeRequest } from '../wire/gateway/frames.ts';
import { endFrame, errorFrame, pongFrame, subscribedFrame, welcomeFrame } from '../wire/gateway/server-frames.ts';
import type { Identity } from './auth/identity.ts';

export interface SessionLimits {
  readonly message: number;
  readonly subs: number;
  readonly topics: number;
  readonly window: number;
  readonly inflight: number;
  readonly authMs: number;
  /** 0: unlimited. */
  readonly framesPerSecond: number;
}

export type Effect =
  | { readonly kind: 'send'; readonly frame: string }
  | { readonly kind: 'verify'; readonly token: string }
  | { readonly kind: 'subscribe'; readonly id: number; readonly request: SubscribeRequest }
  /** Its delivery ends; its `end` has been sent. */
  | { readonly kind: 'unsubscribe'; readonly id: number }
  | { readonly kind: 'publish'; readonly id: number; readonly publish: PublishRequest }
  | { readonly kind: 'acknowledged'; readonly id: number; readonly seq: number }
  /** There is credit again, or a new identity: look whether there is something to send. */
  | { readonly kind: 'pump' }
  | { readonly kind: 'pause-reading' }
  | { readonly kind: 'resume-reading' }
  /** Says farewell with the positions of all subscriptions, and closes. */
  | { readonly kind: 'bye'; readonly code: GatewayCode; readonly reconnect: boolean; readonly afterMs: number };

interface Subscription {
  state: 'pending' | 'open';
  /** Ended by the client while its positions were being looked up. */
  isEnding: boolean;
  seq: number;
  window: number | null;
  outstanding: number;
  /** Frames that are not acknowledged, oldest first; only where credit is kept. */
  readonly frames: { readonly seq: number; readonly records: number }[];
}

const defaultGroupWindow = 500;

export class Session {
  readonly id: string;
  readonly #limits: SessionLimits;
  readonly #pingMs: number;
  readonly #subs = new Map<number, Subscription>();
  readonly #pubs = new Set<number>();
  #identity: Identity | undefined;
  #state: 'authenticating' | 'ready' | 'closing' = 'authenticating';
  /** A token is being verified: frames behind it wait. */
  #verifying = false;
  #held: ClientFrame[] = [];
  #isPaused = false;
  #second = Number.NEGATIVE_INFINITY;
  #framesInSecond = 0;

  /** `identity` undefined: the client must show a token first. */
  constructor(id: string, limits: SessionLimits, pingMs: number, identity: Identity | undefined) {
    this.id = id;
    this.#limits = limits;
    this.#pingMs = pingMs;
    this.#identity = identity;
  }

  get state(): 'authenticating' | 'ready' | 'closing' {
    return this.#state;
  }

  get identity(): Identity | undefined {
    return this.#identity;
  }

  opened(): Effect[] {
    if (this.#identity === undefined) return [];
    this.#state = 'ready';
    return [this.#welcome(this.#identity)];
  }

  /** Frames of one message. `nowMs`: monotonic. */
  received(frames: readonly ClientFrame[], nowMs: number): Effect[] {
    const effects: Effect[] = [];
    for (const frame of frames) {
      if (this.#state === 'closing') break;
      if (this.#verifying) this.#held.push(frame);
      else if (this.#isTooFast(nowMs)) effects.push(...this.#bye('limit', true));
      else if (frame.type === 'pub' && this.#state === 'ready') this.#publish(frame.id, frame.publish, effects);
      else effects.push(...this.#frame(frame));
    }
    return effects;
  }

  /** A binary message where only text is spoken. */
  receivedBinaryOnText(): Effect[] {
    return this.#state === 'closing' ? [] : this.#bye('unsupported', false);
  }

  /** The answer to `verify`: who it is, or undefined where the token is refused. */
  verified(identity: Identity | undefined): Effect[] {
    this.#verifying = false;
    if (this.#state === 'closing') return [];
    const effects = identity === undefined ? this.#tokenRefused() : this.#tokenAccepted(identity);
    const held = this.#held;
    this.#held = [];
    for (const frame of held) {
      if (this.state === 'closing') break;
      if (this.#verifying) this.#held.push(frame);
      else effects.push(...this.#frame(frame));
    }
    effects.push(...this.#reading());
    return effects;
  }

  /** The token is good, but its principal has too many connections already. */
  tooMany(): Effect[] {
    this.#verifying = false;
    return this.#state === 'closing' ? [] : [...this.#bye('limit', true), ...this.#reading()];
  }

  /** No token came in time. */
  authDeadline(): Effect[] {
    return this.#state === 'authenticating' ? this.#bye('unauthorized', false) : [];
  }

  /** The identity's time is over. */
  expired(): Effect[] {
    return this.#state === 'ready' ? this.#bye('unauthorized', true) : [];
  }

  subscribed(id: number, partitions: Readonly<Record<string, number>>, pos: string): Effect[] {
    const subscription = this.#subs.get(id);
    if (subscription === undefined || this.#state === 'closing') return [];
    subscription.state = 'open';
    const ok: Effect = { kind: 'send', frame: subscribedFrame(id, partitions, pos) };
    return subscription.isEnding ? [ok, ...this.#end(id)] : [ok, { kind: 'pump' }];
  }

  /** A subscription could not begin, or cannot go on. */
  subscriptionFailed(id: number, fault: GatewayFault): Effect[] {
    const subscription = this.#subs.get(id);
    if (subscription === undefined || this.#state === 'closing') return [];
    this.#subs.delete(id);
    const error: Effect = { kind: 'send', frame: errorFrame(id, fault) };
    const end: Effect[] = subscription.isEnding ? [{ kind: 'send', frame: endFrame(id) }] : [];
    return [error, ...end, { kind: 'unsubscribe', id }];
  }

  /** A publish was answered (the answer itself is sent by whoever knows its form). */
  published(id: number): readonly Effect[] {
    this.#pubs.delete(id);
    return this.#reading();
  }

  slowConsumer(): Effect[] {
    return this.#state === 'closing' ? [] : this.#bye('slow_consumer', true);
  }

  /** `afterMs`: when the client should come back. */
  drained(afterMs: number): Effect[] {
    return this.#state === 'closing' ? [] : this.#bye('shutting_down', true, afterMs);
  }

  outOfMemory(): Effect[] {
    return this.#state === 'closing' ? [] : this.#bye('unavailable', true);
  }

  /** Records that may be sent now; 0 while positions are looked up, and when it is over. */
  credit(id: number): number {
    const subscription = this.#subs.get(id);
    if (subscription?.state !== 'open' || this.#state === 'closing') return 0;
    return subscription.window === null ? Number.POSITIVE_INFINITY : subscription.window - subscription.outstanding;
  }

  /** Number of the next data frame, which holds so many records. */
  delivered(id: number, records: number): number {
    const subscription = this.#subs.get(id)!;
    subscription.seq++;
    if (subscription.window !== null) {
      subscription.outstanding += records;
      subscription.frames.push({ seq: subscription.seq, records });
    }
    return subscription.seq;
  }

  #frame(frame: ClientFrame): Effect[] {
    if (frame.type === 'fatal') return this.#bye(frame.fault.code, false);
    if (this.#state === 'authenticating' && frame.type !== 'auth') return this.#bye('unauthorized', false);
    switch (frame.type) {
      case 'auth':
        this.#verifying = true;
        return [{ kind: 'verify', token: frame.token }, ...this.#reading()];
      case 'sub':
        return this.#subscribe(frame.id, frame.request);
      case 'pub': {
        const effects: Effect[] = [];
        this.#publish(frame.id, frame.publish, effects);
        return effects;
      }
      case 'ack':
        return this.#acknowledge(frame.id, frame.seq, frame.window);
      case 'end':
        return this.#endByClient(frame.id);
      case 'ping':
        return [{ kind: 'send', frame: pongFrame }];
      case 'refused':
        return [{ kind: 'send', frame: errorFrame(frame.id, this.#isOpen(frame.id) ? inUse : frame.fault) }];
      default:
        return unreachable(frame);
    }
  }

  #subscribe(id: number, request: SubscribeRequest): Effect[] {
    if (this.#isOpen(id)) return [{ kind: 'send', frame: errorFrame(id, inUse) }];
    if (this.#subs.size >= this.#limits.subs) {
      const message = `at most ${this.#limits.subs} subscriptions are open on one connection`;
      return [{ kind: 'send', frame: errorFrame(id, { code: 'limit', message }) }];
    }
    const window = request.window ?? (request.group === null ? null : defaultGroupWindow);
    this.#subs.set(id, { state: 'pending', isEnding: false, seq: 0, window, outstanding: 0, frames: [] });
    return [{ kind: 'subscribe', id, request }];
  }

  /** Of these there are very many: its effects are put behind those there are. */
  #publish(id: number, publish: PublishRequest, effects: Effect[]): void {
    if (this.#isOpen(id)) {
      effects.push({ kind: 'send', frame: errorFrame(id, inUse) });
      return;
    }
    this.#pubs.add(id);
    effects.push({ kind: 'publish', id, publish });
    const reading = this.#reading();
    if (reading.length > 0) effects.push(...reading);
  }

  #acknowledge(id: number, seq: number, window: number | null): Effect[] {
    const subscription = this.#subs.get(id);
    if (subscription === undefined || seq > subscription.seq) return [];
    if (window !== null) subscription.window = window;
    const { frames } = subscription;
    let isNews = false;
    while (frames.length > 0 && frames[0]!.seq <= seq) {
      subscription.outstanding -= frames.shift()!.records;
      isNews = true;
    }
    if (!isNews && window === null) return [];
    return [{ kind: 'acknowledged', id, seq }, { kind: 'pump' }];
  }

  #endByClient(id: number): Effect[] {
    const subscription = this.#subs.get(id);
    if (subscription === undefined) return [];
    if (subscription.state === 'open') return this.#end(id);
    subscription.isEnding = true; // its ok or error comes first
    return [];
  }

  #end(id: number): Effect[] {
    this.#subs.delete(id);
    return [
      { kind: 'unsubscribe', id },
      { kind: 'send', frame: endFrame(id) },
    ];
  }

  #tokenAccepted(identity: Identity): Effect[] {
    if (this.#state === 'authenticating') {
      this.#identity = identity;
      this.#state = 'ready';
      return [this.#welcome(identity)];
    }
    // A renewal changes how long, never who.
    if (identity.principal !== this.#identity?.principal) return this.#bye('unauthorized', false);
    this.#identity = identity;
    return [this.#welcome(identity), { kind: 'pump' }];
  }

  #tokenRefused(): Effect[] {
    if (this.#state === 'authenticating') return this.#bye('unauthorized', false);
    const fault: GatewayFault = {
      code: 'unauthorized',
      message: 'the token is not accepted; the one before still holds',
    };
    return [{ kind: 'send', frame: errorFrame(null, fault) }];
  }

  #welcome({ principal, expiresMs }: Identity): Effect {
    const { message, subs, topics, window, inflight, authMs } = this.#limits;
    const limits = { message, subs, topics, window, inflight, auth: authMs };
    return {
      kind: 'send',
      frame: welcomeFrame({ session: this.id, principal, expires: expiresMs, pingMs: this.#pingMs, limits }),
    };
  }

  #bye(code: GatewayCode, reconnect: boolean, afterMs = 0): Effect[] {
    this.#state = 'closing';
    return [{ kind: 'bye', code, reconnect, afterMs }];
  }

  #isOpen(id: number | null): boolean {
    return id !== null && (this.#subs.has(id) || this.#pubs.has(id));
  }

  #isTooFast(nowMs: number): boolean {
    const { framesPerSecond } = this.#limits;
    if (framesPerSecond === 0) return false;
    if (nowMs - this.#second >= 1000) {
      this.#second = nowMs;
      this.#framesInSecond = 0;
    }
    return ++this.#framesInSecond > framesPerSecond;
  }

  /** Whether the socket is read follows from what is unanswered; an effect only where that changes. */
  #reading(): readonly Effect[] {
    const shouldPause = this.#verifying || this.#pubs.size >= this.#limits.inflight;
    if (shouldPause === this.#isPaused) return nothing;
    this.#isPaused = shouldPause;
    return [{ kind: shouldPause ? 'pause-reading' : 'resume-reading' }];
  }
}

const nothing: readonly Effect[] = [];
const inUse: GatewayFault = { code: 'conflict', message: 'the id is in use' };
