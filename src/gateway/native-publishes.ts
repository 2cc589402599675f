/** Publishes of one connection of the native protocol: from the frame to its answer. */
import { noHeaders } from '../record/record.ts';
import { publishedBinary } from '../wire/gateway/binary-frames.ts';
import type { PublishRequest } from '../wire/gateway/frames.ts';
import { errorFrame, type Placement, publishedFrame } from '../wire/gateway/server-frames.ts';
import type { Rights } from './auth/acl.ts';
import { asFault } from './faults.ts';
import type { GatewayParts } from './gateway-parts.ts';
import { checkMayPublish } from './may-publish.ts';
import type { Traffic } from './metrics.ts';
import { OwnPublishes } from './own-publishes.ts';
import { PendingPublish, type PublishAnswer } from './pending-publish.ts';
import type { Reading } from './reading.ts';

export interface NativePublishesOptions {
  readonly form: 'json' | 'bin';
  readonly reading: Reading;
  /** Sends the answer, of the publish with this id. `nowMs` is monotonic. */
  readonly onAnswer: (id: number, frame: string | Buffer, nowMs: number) => void;
  /** A mistake of ours. */
  readonly onInternal: (error: unknown) => void;
}

/** The token of a publish is its id. */
export class NativePublishes implements PublishAnswer<number> {
  readonly #parts: GatewayParts;
  readonly #options: NativePublishesOptions;
  readonly #own: OwnPublishes;
  /** Counters of the topic that was published to last. */
  #published: { readonly topic: string; readonly traffic: Traffic } | undefined;

  constructor(parts: GatewayParts, options: NativePublishesOptions) {
    this.#parts = parts;
    this.#options = options;
    const { inflight, queue } = parts.settings.limits;
    this.#own = new OwnPublishes(options.reading, inflight, queue);
  }

  /** Of those that are not answered yet. */
  get bytes(): number {
    return this.#own.bytes;
  }

  /** `nowMs`: monotonic, when its frame was read. */
  publish(id: number, publish: PublishRequest, rights: Rights, principal: string | null, nowMs: number): void {
    const { publisher, metrics, clock } = this.#parts;
    const pending = new PendingPublish(publish, noHeaders, nowMs, this, id);
    this.#own.began(pending.bytes);
    try {
      checkMayPublish(rights, publish, metrics);
    } catch (error) {
      queueMicrotask(() => this.failed(error, pending)); // whether the socket is read is decided behind this call
      return;
    }
    if (publish.mid === null) publisher.write(pending);
    else {
      publisher.publish(publish, principal, noHeaders).then(
        (place) => this.stored(place, pending, clock.monotonicMs()),
        (error: unknown) => this.failed(error, pending),
      );
    }
  }

  /** Of one of its publishes. */
  stored(place: Placement, pending: PendingPublish<number>, nowMs: number): void {
    const { form } = this.#options;
    const { topic, value, token: id } = pending;
    if (this.#published?.topic !== topic) {
      this.#published = { topic, traffic: this.#parts.metrics.traffic('in', form, topic) };
    }
    const { records, bytes } = this.#published.traffic;
    records.value++;
    bytes.value += value?.length ?? 0;
    this.#answered(pending, form === 'bin' ? publishedBinary(id, place) : publishedFrame(id, place), nowMs);
  }

  /** Of one of its publishes. */
  failed(error: unknown, pending: PendingPublish<number>): void {
    const { metrics, clock } = this.#parts;
    const fault = asFault(error);
    if (fault.code === 'internal') this.#options.onInternal(error);
    metrics.publishError(fault.code);
    this.#answered(pending, errorFrame(pending.token, fault), clock.monotonicMs());
  }

  #answered({ token: id, bytes, startedMs }: PendingPublish<number>, frame: string | Buffer, nowMs: number): void {
    this.#own.answered(bytes);
    this.#parts.metrics.publishSeconds.observe((nowMs - startedMs) / 1000);
    this.#options.onAnswer(id, frame, nowMs);
  }
}
