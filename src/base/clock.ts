/** Time, handed in, so that whatever decides by it can be tested exactly. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump: only for timestamps that people and records see. */
  nowMs(): number;
  /** Never goes back: for timeouts and durations. Milliseconds, with fractions, from an arbitrary origin. */
  monotonicMs(): number;
  /** Calls once, after so many milliseconds, and gives what calls that off. Left out: a timer of the system. */
  after?(delayMs: number, wake: () => void): () => void;
}

/** Milliseconds beyond which a timer of the system would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** By the clock's own timer, where it has one. May be early for whoever asks for more than 24 days. */
export function after(clock: Clock, delayMs: number, wake: () => void): () => void {
  if (clock.after !== undefined) return clock.after(delayMs, wake);
  const timer = setTimeout(wake, Math.min(Math.max(Math.ceil(delayMs), 0), longestTimerMs));
  return () => clearTimeout(timer);
}

/** A random number in [0, 1). */
export type Random = () => number;
