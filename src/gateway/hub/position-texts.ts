/** Texts of positions that many subscribers stand at, made once: those of subscriptions with few partitions. */
import { encodePosition, type Position, type TopicPosition } from '../../wire/gateway/position.ts';

const maxTexts = 256;
const maxPartitions = 8;

export class PositionTexts {
  readonly #texts = new Map<string, string>();
  /** The one that was asked for last: subscribers of one topic are served one after the other. */
  #last: readonly (TopicPosition & { readonly topic: string })[] = [];
  #lastText: string | undefined;

  of(position: Position): string {
    if (this.#lastText !== undefined && this.#isLast(position)) return this.#lastText;
    let partitions = 0;
    for (const { next } of position.values()) partitions += next.length;
    if (partitions > maxPartitions) return encodePosition(position);
    this.#last = [...position].map(([topic, { tag, next }]) => ({ topic, tag, next: [...next] }));
    this.#lastText = this.#remembered(position);
    return this.#lastText;
  }

  /** Makes nothing: it is asked for each frame of each subscriber. */
  #isLast(position: Position): boolean {
    if (position.size !== this.#last.length) return false;
    let at = 0;
    for (const [topic, { tag, next }] of position) {
      const last = this.#last[at++]!;
      if (topic !== last.topic || tag !== last.tag || next.length !== last.next.length) return false;
      for (let partition = 0; partition < next.length; partition++) {
        if (next[partition] !== last.next[partition]) return false;
      }
    }
    return true;
  }

  #remembered(position: Position): string {
    let key = '';
    for (const [topic, { tag, next }] of position) key += `${topic} ${tag} ${next.length} ${next.join()};`;
    let text = this.#texts.get(key);
    if (text === undefined) {
      // All at once: who stands together asks again at once, and nobody comes back to a place.
      if (this.#texts.size >= maxTexts) this.#texts.clear();
      text = encodePosition(position);
      this.#texts.set(key, text);
    }
    return text;
  }
}
