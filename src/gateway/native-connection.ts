/** One connection of the native protocol: does what its session decides, on a socket, for deliveries and the publisher. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { unreachable } from '../base/assert.ts';
import type { TextMemory } from '../wire/gateway/binary.ts';
import { binaryDataFrame, readBinaryFrames } from '../wire/gateway/binary-frames.ts';
import { readClientFrames } from '../wire/gateway/client-frames.ts';
import { type GatewayCode, type GatewayFault, gatewayCodes } from '../wire/gateway/codes.ts';
import type { PublishRequest, SubscribeRequest } from '../wire/gateway/frames.ts';
import { byeFrame, dataFrame, pingFrame, subscribedFrame } from '../wire/gateway/server-frames.ts';
import type { Rights } from './auth/acl.ts';
import { AuthError, type Identity } from './auth/identity.ts';
import { countDelivered } from './count-delivered.ts';
import { type DataFrame, framesOf } from './data-frames.ts';
import type { Taken } from './delivery.ts';
import { asFault, FaultError } from './faults.ts';
import type { GatewayConnection, GatewayParts, SubscriptionState } from './gateway-parts.ts';
import { Liveness } from './liveness.ts';
import { NativePublishes } from './native-publishes.ts';
import { type OpenDelivery, openDelivery } from './open-delivery.ts';
import { Outbox } from './outbox.ts';
import { Reading } from './reading.ts';
import { type Effect, Session } from './session.ts';
import type { TurnTask } from './turn.ts';

export interface NativeOptions {
  readonly socket: WebSocket;
  readonly raw: Duplex;
  readonly form: 'json' | 'bin';
  readonly sessionId: string;
  /** Undefined: a token must come first. */
  readonly identity: Identity | undefined;
  /** A principal that shows its token only now takes its place; false where it has too many. */
  readonly claim: (principal: string) => Promise<boolean>;
  readonly onClosed: (code: number) => void;
}

interface Subscription {
  readonly request: SubscribeRequest;
  /** Undefined while its positions are looked up. */
  open: OpenDelivery | undefined;
  isEnded: boolean;
  /** Position last told, and when: a filtered subscription tells its progress every so often. */
  toldPos: string;
  toldAtMs: number;
}

const notAllowed: GatewayFault = { code: 'forbidden', message: 'it may not be read any more' };
const maxFrameRecords = 500;
const maxFrameBytes = 262_144;
const progressMs = 10_000;

export class NativeConnection implements GatewayConnection, TurnTask {
  readonly protocol: 'json' | 'bin';
  readonly #parts: GatewayParts;
  readonly #options: NativeOptions;
  readonly #session: Session;
  readonly #outbox: Outbox;
  readonly #reading: Reading;
  readonly #publishes: NativePublishes;
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #liveness: Liveness;
  readonly #openedAtMs: number;
  #rights: Rights | undefined;
  #pumpScheduled = false;
  #sentAtMs: number;
  #takenBytes = 0;
  #stalledSinceMs: number | undefined;

  constructor(parts: GatewayParts, options: NativeOptions) {
    this.#parts = parts;
    this.#options = options;
    this.protocol = options.form;
    const { settings, clock } = parts;
    this.#session = new Session(options.sessionId, settings.limits, settings.pingMs, options.identity);
    this.#outbox = new Outbox(options.socket, options.raw, { joins: true, onDrain: () => this.#drained() });
    this.#reading = new Reading(options.socket);
    this.#publishes = new NativePublishes(parts, {
      form: options.form,
      reading: this.#reading,
      onAnswer: (id, frame, nowMs) => {
        this.#sentAtMs = nowMs;
        this.#outbox.push(frame);
        this.#obey(this.#session.published(id), nowMs);
      },
      onInternal: (error) => this.#logError('publish', error),
    });
    this.#openedAtMs = clock.monotonicMs();
    this.#liveness = new Liveness(options.socket, options.raw, settings.pingMs, clock);
    this.#sentAtMs = this.#openedAtMs;
    if (options.identity !== undefined) this.#rights = parts.rights(options.identity);
    this.#listen();
    this.#obey(this.#session.opened());
  }

  get principal(): string | null {
    return this.#session.identity?.principal ?? null;
  }

  get waitingBytes(): number {
    let bytes = this.#outbox.waitingBytes;
    for (const { open } of this.#subscriptions.values()) bytes += open?.delivery.waitingBytes ?? 0;
    return bytes;
  }

  get publishBytes(): number {
    return this.#publishes.bytes;
  }

  subscriptions(): readonly SubscriptionState[] {
    return [...this.#subscriptions.values()].map(({ open }) => open?.delivery.state ?? 'pending');
  }

  tick(nowMs: number): void {
    const { settings, clock } = this.#parts;
    if (this.#liveness.isOver(nowMs)) return;
    if (this.#session.state === 'authenticating' && nowMs - this.#openedAtMs >= settings.limits.authMs) {
      this.#obey(this.#session.authDeadline());
      return;
    }
    const expiresMs = this.#session.identity?.expiresMs ?? null;
    if (expiresMs !== null && clock.nowMs() >= expiresMs) {
      this.#obey(this.#session.expired());
      return;
    }
    this.#liveness.pingIfSilent(nowMs);
    if (nowMs - this.#sentAtMs >= settings.pingMs && this.#session.state === 'ready') this.#push(pingFrame);
    if (this.#isStalled(nowMs)) {
      this.#parts.metrics.slowCloses.value++;
      this.#obey(this.#session.slowConsumer());
      return;
    }
    this.#tellProgress(nowMs);
  }

  recheck(): void {
    const { identity } = this.#session;
    if (identity === undefined) return;
    if (!this.#parts.isKnown(identity)) {
      this.#obey(this.#session.expired());
      return;
    }
    this.#rights = this.#parts.rights(identity);
    for (const [id, { open }] of this.#subscriptions) {
      if (open === undefined || open.recheck(this.#rights)) continue;
      this.#obey(this.#session.subscriptionFailed(id, notAllowed));
    }
  }

  drain(afterMs: number): void {
    this.#obey(this.#session.drained(afterMs));
  }

  shed(): void {
    this.#obey(this.#session.outOfMemory());
  }

  destroy(): void {
    this.#options.socket.terminate();
  }

  #listen(): void {
    const { socket } = this.#options;
    const limits = this.#parts.settings.limits;
    const lastTopic: TextMemory = { bytes: new Uint8Array(), text: '' };
    socket.on('message', (data, isBinary) => {
      const now = this.#parts.clock.monotonicMs();
      const bytes = data as Buffer;
      if (!isBinary) this.#obey(this.#session.received(readClientFrames(bytes.toString(), limits), now), now);
      else if (this.protocol === 'bin')
        this.#obey(this.#session.received(readBinaryFrames(bytes, limits, lastTopic), now), now);
      else this.#obey(this.#session.receivedBinaryOnText());
      // Who asks and does not read the answers is not heard any further.
      if (this.#outbox.room(this.#parts.settings.limits.queue) <= 0) this.#reading.hold('answers', true);
    });
    socket.on('close', (code) => {
      this.#endSubscriptions();
      this.#options.onClosed(code);
    });
  }

  #endSubscriptions(): void {
    for (const subscription of this.#subscriptions.values()) {
      subscription.isEnded = true;
      void subscription.open?.close();
    }
    this.#subscriptions.clear();
  }

  /** `nowMs`: monotonic, where it is known. */
  #obey(effects: readonly Effect[], nowMs?: number): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.#push(effect.frame);
          break;
        case 'verify':
          void this.#verify(effect.token);
          break;
        case 'subscribe':
          void this.#subscribe(effect.id, effect.request);
          break;
        case 'unsubscribe':
          this.#unsubscribe(effect.id);
          break;
        case 'publish':
          this.#publish(effect.id, effect.publish, nowMs ?? this.#parts.clock.monotonicMs());
          break;
        case 'acknowledged':
          this.#subscriptions.get(effect.id)?.open?.delivery.acknowledged(effect.seq);
          break;
        case 'pump':
          this.#schedulePump();
          break;
        case 'pause-reading':
          this.#reading.hold('session', true);
          break;
        case 'resume-reading':
          this.#reading.hold('session', false);
          break;
        case 'bye':
          this.#bye(effect.code, effect.reconnect, effect.afterMs);
          break;
        default:
          unreachable(effect);
      }
    }
  }

  #publish(id: number, publish: PublishRequest, nowMs: number): void {
    this.#publishes.publish(id, publish, this.#rights!, this.principal, nowMs);
  }

  async #verify(token: string): Promise<void> {
    let identity: Identity | undefined;
    try {
      identity = await this.#parts.verify(token);
    } catch (error) {
      this.#parts.metrics.authFailure(error instanceof AuthError ? error.reason : 'unknown');
    }
    const before = this.#session.identity;
    const newcomer = before === undefined ? identity?.principal : undefined;
    if (typeof newcomer === 'string' && !(await this.#options.claim(newcomer))) {
      this.#obey(this.#session.tooMany());
      return;
    }
    const effects = this.#session.verified(identity);
    if (this.#session.identity !== before) this.#rights = this.#parts.rights(this.#session.identity!);
    this.#obey(effects);
    if (before !== undefined && this.#session.state === 'ready') this.recheck();
  }

  async #subscribe(id: number, request: SubscribeRequest): Promise<void> {
    const subscription: Subscription = { request, open: undefined, isEnded: false, toldPos: '', toldAtMs: 0 };
    this.#subscriptions.set(id, subscription);
    const rights = this.#rights!;
    const isCurrent = (): boolean => !subscription.isEnded && this.#subscriptions.get(id) === subscription;
    try {
      const open = await openDelivery(request, rights, this.#parts.delivery, {
        onReady: () => this.#schedulePump(),
        onPartitions: (partitions) => {
          if (!isCurrent() || subscription.open === undefined) return;
          this.#push(subscribedFrame(id, partitions, subscription.open.delivery.position()));
        },
        onFailed: (fault) => {
          if (!isCurrent()) return;
          if (fault.code !== 'slow_consumer') {
            this.#pump(); // what led to it comes first
            this.#obey(this.#session.subscriptionFailed(id, fault));
          } else {
            this.#parts.metrics.slowCloses.value++;
            this.#obey(this.#session.slowConsumer());
          }
        },
      });
      if (!isCurrent()) {
        await open.close();
        return;
      }
      subscription.open = open;
      // The rights may have changed while it was being opened.
      if (rights !== this.#rights && !open.recheck(this.#rights!)) throw new FaultError(notAllowed);
      subscription.toldPos = open.delivery.position();
      subscription.toldAtMs = this.#parts.clock.monotonicMs();
      this.#obey(this.#session.subscribed(id, open.partitions, subscription.toldPos));
    } catch (error) {
      if (!isCurrent()) return;
      const fault = asFault(error);
      if (fault.code === 'forbidden') this.#parts.metrics.aclDenial('subscribe');
      if (fault.code === 'internal') this.#logError('subscribe', error);
      this.#obey(this.#session.subscriptionFailed(id, fault));
    }
  }

  #unsubscribe(id: number): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    subscription.isEnded = true;
    this.#subscriptions.delete(id);
    void subscription.open?.close();
  }

  #drained(): void {
    this.#reading.hold('answers', false);
    this.#schedulePump();
  }

  #schedulePump(): void {
    if (this.#pumpScheduled || this.#liveness.isClosing) return;
    this.#pumpScheduled = true;
    this.#parts.turn.add(this);
  }

  runTurn(): void {
    this.#pumpScheduled = false;
    this.#pump();
  }

  /** Takes from all subscriptions in turn until nothing is left, or the client has enough to chew on. */
  #pump(): void {
    const queue = this.#parts.queueBytes();
    this.#outbox.hold();
    for (let isMoving = true; isMoving && !this.#liveness.isClosing; ) {
      isMoving = false;
      for (const [id, { open, request }] of this.#subscriptions) {
        if (open === undefined) continue;
        const room = this.#outbox.room(queue);
        const credit = Math.min(maxFrameRecords, this.#session.credit(id));
        const taken = room > 0 && credit > 0 ? open.delivery.take(credit, Math.min(maxFrameBytes, room)) : undefined;
        if (taken === undefined) {
          if (room <= 0 || credit <= 0) open.delivery.overflow(Math.max(0, room));
          continue;
        }
        this.#deliver(id, request, open, taken);
        isMoving = true;
      }
    }
    this.#outbox.flush();
  }

  #deliver(id: number, { format }: SubscribeRequest, { delivery }: OpenDelivery, taken: Taken): void {
    const { metrics, clock } = this.#parts;
    const pos = delivery.position();
    const nextSeq = (records: number): number => this.#session.delivered(id, records);
    for (const frame of framesOf(taken, pos, { id, format, isBinary: this.protocol === 'bin', nextSeq })) {
      this.#push(frame);
    }
    const subscription = this.#subscriptions.get(id)!;
    const now = clock.monotonicMs();
    subscription.toldPos = pos;
    subscription.toldAtMs = now;
    countDelivered(taken, this.protocol, metrics, now);
  }

  /**
   * A filter, or keys that the rules force, may pass over records for long: the position is told all the same. Not in a
   * group, whose positions the broker keeps: acknowledgements count its frames.
   */
  #tellProgress(nowMs: number): void {
    for (const [id, subscription] of this.#subscriptions) {
      const { open, request, toldAtMs, toldPos } = subscription;
      if (open === undefined || request.group !== null || nowMs - toldAtMs < progressMs) continue;
      const pos = open.delivery.position();
      subscription.toldAtMs = nowMs;
      if (pos === toldPos) continue;
      subscription.toldPos = pos;
      const seq = this.#session.delivered(id, 0);
      this.#push(this.protocol === 'bin' ? binaryDataFrame(id, seq, [], pos, 0) : dataFrame(id, seq, [], pos, 0));
    }
  }

  /** Nothing leaves the socket although something waits. */
  #isStalled(nowMs: number): boolean {
    const written = (this.#options.raw as Duplex & { bytesWritten?: number }).bytesWritten ?? 0;
    const left = written - this.#options.raw.writableLength;
    if (this.#outbox.waitingBytes === 0 || left !== this.#takenBytes) {
      this.#takenBytes = left;
      this.#stalledSinceMs = nowMs;
      return false;
    }
    this.#stalledSinceMs ??= nowMs;
    return nowMs - this.#stalledSinceMs > this.#parts.settings.limits.stallMs;
  }

  #push(frame: string | Buffer | DataFrame): void {
    this.#sentAtMs = this.#parts.clock.monotonicMs();
    this.#outbox.push(frame);
  }

  #bye(code: GatewayCode, reconnect: boolean, afterMs: number): void {
    const resume: Record<number, string> = {};
    for (const [id, { open }] of this.#subscriptions) if (open !== undefined) resume[id] = open.delivery.position();
    this.#push(byeFrame({ code, reconnect, afterMs, resume }));
    this.#liveness.closing();
    this.#outbox.close(gatewayCodes[code].close, code);
    this.#endSubscriptions(); // groups need not wait for a client that takes its time to leave
  }

  #logError(what: string, error: unknown): void {
    this.#parts.log.error(`${what}_failed`, { session: this.#session.id, reason: (error as Error).message });
  }
}
