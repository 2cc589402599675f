/** Texts of positions that many subscribers stand at, made once: those of subscriptions with few partitions. */
import { encodePosition, type Position } from '../../wire/gateway/position.ts';

const maxTexts = 256;
const maxPartitions = 8;

export class PositionTexts {
  readonly #texts = new Map<string, string>();

  of(position: Position): string {
    let key = '';
    let partitions = 0;
    for (const [topic, { tag, next }] of position) {
      partitions += next.length;
      if (partitions > maxPartitions) return encodePosition(position);
      key += `${topic} ${tag} ${next.join()};`;
    }
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
