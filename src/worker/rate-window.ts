import type { Clock } from '../base/clock.ts';

/** Kafka's rates look back so far. */
const windowMs = 30_000;
/** Samples are not kept closer than this: several who ask often must not shorten the window. */
const spacingMs = 5_000;

interface Sample {
  readonly atMs: number;
  readonly value: number;
}

/** Rates of counters over the last half minute, from the values they had when somebody asked. */
export class RateWindow {
  readonly #clock: Clock;
  readonly #samples = new Map<string, Sample[]>();
  readonly #asked = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Per second; 0 when it is asked for the first time, or where the counter has begun anew. */
  rate(key: string, value: number): number {
    const atMs = this.#clock.monotonicMs();
    this.#asked.add(key);
    let samples = this.#samples.get(key) ?? [];
    if ((samples.at(-1)?.value ?? 0) > value) samples = [];
    const oldEnough = samples.findLastIndex((sample) => atMs - sample.atMs >= windowMs);
    if (oldEnough > 0) samples = samples.slice(oldEnough);
    const first = samples[0];
    if (atMs - (samples.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= spacingMs) samples = [...samples, { atMs, value }];
    this.#samples.set(key, samples);
    return first === undefined || atMs === first.atMs ? 0 : (1000 * (value - first.value)) / (atMs - first.atMs);
  }

  /** Forgets counters that nobody asked for since it was called last: those are gone. */
  prune(): void {
    for (const key of this.#samples.keys()) if (!this.#asked.has(key)) this.#samples.delete(key);
    this.#asked.clear();
  }
}
