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
import { type PublishAnswer, publishBytes } from './pending-publish.ts';
import type { Reading } from './reading.ts';

export interface NativePublishesOptions {
  readonly form: 'json' | 'bin';
  readonly reading: Reading;
  /** Sends the answer, of the publish with this id. */
  readonly onAnswer: (id: number, frame: string | Buffer) => void;
  /** A mistake of ours. */
  readonly onInternal: (error: unknown) => void;
}

interface PublishToken {
  readonly id: number;
  readonly publish: PublishRequest;
  readonly startedMs: number;
}

export class NativePublishes implements PublishAnswer<PublishToken> {
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

  publish(id: number, publish: PublishRequest, rights: Rights, principal: string | null): void {
    const { publisher, metrics, clock } = this.#parts;
    const token: PublishToken = { id, publish, startedMs: clock.monotonicMs() };
    this.#own.began(publishBytes(publish));
    try {
      checkMayPublish(rights, publish, metrics);
    } catch (error) {
      queueMicrotask(() => this.failed(error, token)); // whether the socket is read is decided behind this call
      return;
    }
    if (publish.mid === null) publisher.write(publish, noHeaders, this, token);
    else {
      publisher.publish(publish, principal, noHeaders).then(
        (place) => this.stored(place, token),
        (error: unknown) => this.failed(error, token),
      );
    }
  }

  /** Of one of its publishes. */
  stored(place: Placement, token: PublishToken): void {
    const { form } = this.#options;
    const { id, publish } = token;
    const { topic, value } = publish;
    if (this.#published?.topic !== topic) {
      this.#published = { topic, traffic: this.#parts.metrics.traffic('in', form, topic) };
    }
    const { records, bytes } = this.#published.traffic;
    records.value++;
    bytes.value += value?.length ?? 0;
    this.#answered(token, form === 'bin' ? publishedBinary(id, place) : publishedFrame(id, place));
  }

  /** Of one of its publishes. */
  failed(error: unknown, token: PublishToken): void {
    const fault = asFault(error);
    if (fault.code === 'internal') this.#options.onInternal(error);
    this.#parts.metrics.publishError(fault.code);
    this.#answered(token, errorFrame(token.id, fault));
  }

  #answered({ id, publish, startedMs }: PublishToken, frame: string | Buffer): void {
    const { metrics, clock } = this.#parts;
    this.#own.answered(publishBytes(publish));
    metrics.publishSeconds.observe((clock.monotonicMs() - startedMs) / 1000);
    this.#options.onAnswer(id, frame);
  }
}
