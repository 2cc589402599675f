/** Time, handed in, so that whatever decides by it can be tested exactly. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump: only for timestamps that people and records see. */
  nowMs(): number;
  /** Never goes back: for timeouts and durations. Milliseconds, with fractions, from an arbitrary origin. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** A random number in [0, 1). */
export type Random = () => number;
