/** One session of kafka-websocket's protocol (PROTOCOL.md, section 2): publishes and subscribes over one socket. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { ConsumedRecord } from '../record/record.ts';
import { noHeaders } from '../record/record.ts';
import { isTopicName } from '../wire/gateway/names.ts';
import type { Placement } from '../wire/gateway/server-frames.ts';
import { readV2Binary, readV2Text, type V2Form, type V2Input, v2Binary, v2Text } from '../wire/gateway/v2.ts';
import type { Rights } from './auth/acl.ts';
import type { Identity } from './auth/identity.ts';
import { countDelivered } from './count-delivered.ts';
import type { Taken } from './delivery.ts';
import { asFault } from './faults.ts';
import type { GatewayConnection, GatewayParts, SubscriptionState } from './gateway-parts.ts';
import { Liveness } from './liveness.ts';
import { checkMayPublish } from './may-publish.ts';
import type { Traffic } from './metrics.ts';
import type { OpenDelivery } from './open-delivery.ts';
import { Outbox } from './outbox.ts';
import { OwnPublishes } from './own-publishes.ts';
import { PendingPublish, type PublishAnswer } from './pending-publish.ts';
import { Reading } from './reading.ts';
import { StallWatch } from './stall-watch.ts';
import { applyTransform, type Transform, type TransformSession } from './transforms.ts';

export interface V2Options {
  readonly socket: WebSocket;
  readonly raw: Duplex;
  readonly form: V2Form;
  readonly sessionId: string;
  readonly identity: Identity;
  readonly rights: Rights;
  /** Positioned before the handshake was answered; undefined on a session that only produces. */
  readonly open: OpenDelivery | undefined;
  readonly inputTransform: Transform | undefined;
  readonly outputTransform: Transform | undefined;
  readonly onClosed: (code: number) => void;
}

const maxFrameRecords = 500;
const maxFrameBytes = 262_144;

export class V2Connection implements GatewayConnection, PublishAnswer<undefined> {
  readonly protocol: 'v2-text' | 'v2-binary';
  readonly #parts: GatewayParts;
  readonly #options: V2Options;
  readonly #outbox: Outbox;
  readonly #session: TransformSession;
  readonly #liveness: Liveness;
  readonly #stall: StallWatch;
  readonly #publishes: OwnPublishes;
  #rights: Rights;
  #pumpScheduled = false;
  /** Hand-outs of the delivery, as it counts them itself (`Delivery.acknowledged`). */
  #handedOut = 0;
  /** Counters of the topic that was published to last. */
  #published: { readonly topic: string; readonly traffic: Traffic } | undefined;

  constructor(parts: GatewayParts, options: V2Options) {
    this.#parts = parts;
    this.#options = options;
    this.#rights = options.rights;
    this.protocol = options.form === 'kafka-text' ? 'v2-text' : 'v2-binary';
    const { principal } = options.identity;
    this.#session = {
      id: options.sessionId,
      principal,
      form: options.form === 'kafka-text' ? 'text' : 'binary',
    };
    this.#outbox = new Outbox(options.socket, options.raw, { joins: false, onDrain: () => this.ready() });
    this.#liveness = new Liveness(options.socket, options.raw, parts.settings.pingMs, parts.clock);
    this.#stall = new StallWatch(parts.clock.monotonicMs());
    const { inflight, queue } = parts.settings.limits;
    this.#publishes = new OwnPublishes(new Reading(options.socket), inflight, queue);
    this.#listen();
    this.ready();
  }

  get principal(): string | null {
    return this.#options.identity.principal;
  }

  get waitingBytes(): number {
    return this.#outbox.waitingBytes + (this.#options.open?.delivery.waitingBytes ?? 0);
  }

  get publishBytes(): number {
    return this.#publishes.bytes;
  }

  subscriptions(): readonly SubscriptionState[] {
    const { open } = this.#options;
    return open === undefined ? [] : [open.delivery.state];
  }

  /** There may be records to send. */
  ready(): void {
    if (this.#pumpScheduled || this.#isEnding || this.#options.open === undefined) return;
    this.#pumpScheduled = true;
    this.#parts.turn.add(this);
  }

  runTurn(): void {
    this.#pumpScheduled = false;
    this.#pump();
  }

  /** The subscription cannot go on. */
  subscriptionFailed(): void {
    this.close(1011, 'subscription failed');
  }

  close(code: number, reason: string): void {
    if (this.#liveness.isClosing) return;
    this.#liveness.closing();
    this.#outbox.close(code, reason);
    void this.#options.open?.close(); // a group need not wait for a client that takes its time to leave
  }

  tick(nowMs: number): void {
    const { settings, clock, metrics } = this.#parts;
    const { identity } = this.#options;
    if (this.#isEnding && !this.#liveness.isClosing) this.#peerClosed();
    if (this.#liveness.isOver(nowMs)) return;
    if (identity.expiresMs !== null && clock.nowMs() >= identity.expiresMs) {
      this.close(1008, 'token expired');
      return;
    }
    this.#liveness.pingIfSilent(nowMs);
    if (this.#stall.isStalled(this.#outbox.waitingBytes, nowMs, settings.limits.stallMs)) {
      metrics.slowCloses.value++;
      this.close(4408, 'slow_consumer');
    }
  }

  recheck(): void {
    const { identity, open } = this.#options;
    if (!this.#parts.isKnown(identity)) {
      this.close(1008, 'token not accepted any more');
      return;
    }
    this.#rights = this.#parts.rights(identity);
    if (open !== undefined && !open.recheck(this.#rights)) this.close(1008, 'not allowed any more');
  }

  drain(): void {
    this.close(1012, 'shutting down');
  }

  shed(): void {
    this.close(1013, 'out of memory');
  }

  destroy(): void {
    this.#options.socket.terminate();
  }

  #listen(): void {
    const { socket } = this.#options;
    socket.on('message', (data, isBinary) => {
      if (this.#liveness.isClosing) return;
      const bytes = data as Buffer;
      this.#receive(isBinary ? readV2Binary(bytes) : readV2Text(bytes.toString()), isBinary);
    });
    socket.on('pong', (bytes) => this.#confirmed(bytes));
    socket.on('close', (code) => this.#options.onClosed(code));
  }

  /** Whoever has said goodbye takes nothing more: what is handed out now would be counted as delivered, and lost. */
  get #isEnding(): boolean {
    const { socket } = this.#options;
    return this.#liveness.isClosing || socket.readyState !== socket.OPEN;
  }

  #receive(input: V2Input, isBinary: boolean): void {
    if (input.kind === 'ignored') {
      this.#parts.metrics.ignored.value++;
      return;
    }
    if (input.kind === 'refused') {
      this.close(1011, input.reason);
      return;
    }
    const { topic, key, message } = input.message;
    let result: ReturnType<typeof applyTransform>;
    try {
      const form = isBinary ? 'binary' : 'text';
      const before = { topic, key, message, discard: false };
      result = applyTransform(this.#options.inputTransform, before, { ...this.#session, form });
    } catch (error) {
      this.#transformFailed('input', error);
      this.close(1011, 'transform failed');
      return;
    }
    if (result === null) return;
    if (!isTopicName(result.topic)) {
      this.close(1011, 'illegal topic name');
      return;
    }
    this.#publish(result.topic, result.key, result.message);
  }

  #publish(topic: string, key: string | null, message: string | Uint8Array | null): void {
    const { publisher, metrics, clock } = this.#parts;
    const record = {
      topic,
      partition: null,
      timestampMs: null,
      mid: null,
      key: key === null ? null : Buffer.from(key),
      value: typeof message === 'string' ? Buffer.from(message) : message,
      headers: noHeaders,
    };
    const pending = new PendingPublish(record, noHeaders, clock.monotonicMs(), this, undefined);
    this.#publishes.began(pending.bytes);
    try {
      checkMayPublish(this.#rights, record, metrics);
    } catch (error) {
      this.failed(error, pending);
      return;
    }
    publisher.write(pending);
  }

  /** Of one of its publishes. */
  stored(_: Placement, { topic, value, bytes }: PendingPublish): void {
    if (this.#published?.topic !== topic) {
      this.#published = { topic, traffic: this.#parts.metrics.traffic('in', this.protocol, topic) };
    }
    const { traffic } = this.#published;
    traffic.records.value++;
    traffic.bytes.value += value?.length ?? 0;
    this.#publishes.answered(bytes);
  }

  /** Of one of its publishes. */
  failed(error: unknown, { bytes }: PendingPublish): void {
    const { metrics, settings, log } = this.#parts;
    const fault = asFault(error);
    metrics.publishError(fault.code);
    if (fault.code === 'internal')
      log.error('publish_failed', { session: this.#session.id, reason: (error as Error).message });
    if (fault.code === 'forbidden') this.close(1008, 'forbidden');
    else if (fault.code === 'shutting_down') this.drain();
    else if (settings.v2.onPublishError === 'close') this.close(1011, fault.message);
    this.#publishes.answered(bytes);
  }

  #pump(): void {
    const delivery = this.#options.open?.delivery;
    const queue = this.#parts.queueBytes();
    const before = this.#handedOut;
    while (delivery !== undefined && !this.#isEnding) {
      const room = this.#outbox.room(queue);
      if (room <= 0) break;
      const taken = delivery.take(maxFrameRecords, Math.min(maxFrameBytes, room));
      if (taken === undefined) break;
      this.#deliver(taken);
      if (taken.records > 0) this.#handedOut++;
    }
    if (delivery?.state === 'group' && this.#handedOut > before) this.#askWhetherItCame();
  }

  /** A client that has said goodbye and does not hang up keeps no partitions from its group. */
  #peerClosed(): void {
    this.#liveness.closing();
    void this.#options.open?.close();
  }

  /**
   * The protocol has no acknowledgement, but whoever answers a ping has received all that stood before it; a client that
   * has closed, or is cut off, answers none. In the same write as the records, so that the answer is there before its close.
   */
  #askWhetherItCame(): void {
    const { socket, raw } = this.#options;
    raw.cork();
    this.#outbox.flush();
    socket.ping(`${this.#handedOut}`);
    raw.uncork();
  }

  #confirmed(pong: Buffer): void {
    const handedOut = Number(pong.toString('latin1'));
    if (pong.length > 0 && Number.isSafeInteger(handedOut)) this.#options.open?.delivery.acknowledged(handedOut);
  }

  #deliver(taken: Taken): void {
    const { outputTransform } = this.#options;
    const { v2 } = this.#parts.settings;
    const isText = this.#options.form === 'kafka-text';
    const form = isText ? `v2-text ${v2.emitKey}` : 'v2-binary';
    const make = isText
      ? (record: ConsumedRecord, topic: string) => textOf(record, topic, v2.emitKey)
      : (record: ConsumedRecord, topic: string) => v2Binary(topic, record.value);
    for (const item of taken.items) {
      if (item.kind === 'gap') continue; // the protocol has no word for it; it is counted
      const { chunk, start, end } = item;
      if (outputTransform === undefined) {
        const forms = chunk.forms<string | Buffer>(form, make);
        for (let at = start; at < end; at++) this.#outbox.push(forms[at]!);
      } else {
        for (let at = start; at < end; at++) this.#deliverTransformed(outputTransform, chunk.topic, chunk.records[at]!);
      }
    }
    countDelivered(taken, this.protocol, this.#parts.metrics, this.#parts.clock.monotonicMs());
  }

  #deliverTransformed(transform: Transform, topic: string, record: ConsumedRecord): void {
    const isText = this.#session.form === 'text';
    const { key, value } = record;
    try {
      const message = value === null || !isText ? value : Buffer.from(value).toString();
      const before = { topic, key: key === null ? null : Buffer.from(key).toString(), message, discard: false };
      const result = applyTransform(transform, before, this.#session);
      if (result === null) return;
      const { emitKey } = this.#parts.settings.v2;
      this.#outbox.push(
        isText
          ? v2Text(result.topic, emitKey ? result.key : null, textOrNull(result.message))
          : v2Binary(result.topic, typeof result.message === 'string' ? Buffer.from(result.message) : result.message),
      );
    } catch (error) {
      this.#transformFailed('output', error);
    }
  }

  #transformFailed(direction: string, error: unknown): void {
    this.#parts.metrics.transformErrors.value++;
    this.#parts.log.warn('transform_failed', {
      direction,
      session: this.#session.id,
      reason: (error as Error).message,
    });
  }
}

function textOf({ key, value }: ConsumedRecord, topic: string, emitKey: boolean): string {
  return v2Text(topic, emitKey && key !== null ? textOrNull(key) : null, textOrNull(value));
}

function textOrNull(value: string | Uint8Array | null): string | null {
  return value === null || typeof value === 'string' ? value : Buffer.from(value).toString();
}
