/** Whether a cost keeps pace with the work that grows: "no step worse than linear". */
import { type Spread, showSpread, spread } from './stats.ts';

export interface Step {
  /** How many times the work of the step before. */
  readonly times: number;
  /**
   * How many times its processor time: middle by middle; `min` is what the runs that favour us most would say (least now by most
   * before), `max` what those would that do so least.
   */
  readonly cpu: Spread;
  readonly memory: Spread;
  /** Runs of each side: one has no spread. */
  readonly runs: number;
}

export interface Cost {
  readonly grown: number;
  readonly runs: number;
  /** Processor time of the same work but for what grows. */
  readonly cpu: Spread;
  readonly memoryMb: Spread;
}

export function stepFrom(before: Cost, now: Cost): Step {
  return {
    times: digits(now.grown / before.grown),
    cpu: ratio(before.cpu, now.cpu),
    memory: ratio(before.memoryMb, now.memoryMb),
    runs: Math.min(before.runs, now.runs),
  };
}

/** What each of `grown` takes above the one that was measured first, run by run. */
export function eachAbove(
  base: { readonly grown: number; readonly mb: number },
  grown: number,
  mb: readonly number[],
): Spread {
  return spread(mb.map((one) => (one - base.mb) / (grown - base.grown)));
}

/** `10 times as much takes 1.70 (1.50 – 1.90) times the processor time (less than linear), … times the memory (…)` */
export function describeStep({ times, cpu, memory, runs }: Step): string {
  const told = (ratio: Spread, what: string): string =>
    `${showSpread(ratio, (value) => value.toFixed(2))} times the ${what} (${verdict(ratio, times)})`;
  const end = runs === 1 ? '; one run each, so that the spread is not known' : '';
  return `${times} times as much takes ${told(cpu, 'processor time')}, ${told(memory, 'memory')}${end}`;
}

/** Worse, or less, only where all runs of either side say so, whichever are taken together. */
function verdict({ min, max }: Spread, times: number): string {
  if (min > times) return 'worse than linear';
  return max < times ? 'less than linear' : 'linear within the spread';
}

function ratio(before: Spread, now: Spread): Spread {
  return {
    median: digits(now.median / before.median),
    min: digits(now.min / before.max),
    max: digits(now.max / before.min),
  };
}

function digits(value: number): number {
  return Math.round(value * 100) / 100;
}
