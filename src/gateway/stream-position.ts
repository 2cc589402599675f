/** Position behind each record of a stream, for the ids of its events. */
import { encodePosition, type TopicPosition } from '../wire/gateway/position.ts';
import type { Gap } from '../wire/gateway/server-frames.ts';
import type { SharedDelivery } from './shared-delivery.ts';

export class StreamPosition {
  readonly #topics = new Map<string, TopicPosition & { next: (number | null)[] }>();
  readonly #delivery: SharedDelivery;

  constructor(delivery: SharedDelivery) {
    this.#delivery = delivery;
    this.#learn();
  }

  /** Where the position says nothing but the record's own offset: a stream of one partition. */
  get shared(): { readonly tag: string; readonly partitions: number } | undefined {
    if (this.#topics.size !== 1) return undefined;
    const [{ tag, next }] = this.#topics.values() as unknown as [TopicPosition];
    return next.length === 1 ? { tag, partitions: 1 } : undefined;
  }

  pass(topic: string, partition: number, next: number): void {
    let known = this.#topics.get(topic);
    if (known === undefined || partition >= known.next.length) {
      this.#learn(); // a topic or partition that has come since
      known = this.#topics.get(topic);
    }
    if (known !== undefined) known.next[partition] = next;
  }

  passGap({ topic, partition, to }: Gap): void {
    if (to !== null) this.pass(topic, partition, to);
  }

  text(): string {
    return encodePosition(this.#topics);
  }

  *next(): Iterable<readonly [string, readonly (number | null)[]]> {
    for (const [topic, { next }] of this.#topics) yield [topic, next];
  }

  #learn(): void {
    for (const [topic, { tag, next }] of this.#delivery.positions()) {
      const known = this.#topics.get(topic);
      if (known === undefined) this.#topics.set(topic, { tag, next: [...next] });
      else for (let at = known.next.length; at < next.length; at++) known.next.push(next[at]!);
    }
  }
}
