import type { Value } from '../../values/value.ts';
import { partOf } from './part-of.ts';

/** Hashing a text costs several times what finding it costs: so many keys are remembered, then the memory starts anew. */
const maxKnown = 10_000;

/** The parts of keys that come again and again. */
export class PartFinder {
  readonly parts: number;
  private readonly known = new Map<string, number>();

  constructor(parts: number) {
    this.parts = parts;
  }

  of(keys: readonly Value[]): number {
    const [only] = keys;
    if (keys.length !== 1 || typeof only !== 'string') return partOf(keys, this.parts);
    const known = this.known.get(only);
    if (known !== undefined) return known;
    const part = partOf(keys, this.parts);
    if (this.known.size >= maxKnown) this.known.clear();
    this.known.set(only, part);
    return part;
  }
}
