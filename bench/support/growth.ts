/** Whether a cost keeps pace with the work that grows: "no step worse than linear". */

export interface Step {
  /** How many times the work of the step before. */
  readonly times: number;
  /** How many times its processor time. */
  readonly cpu: number;
  readonly memory: number;
}

export interface Cost {
  readonly grown: number;
  /** Processor time of the same work but for what grows. */
  readonly cpu: number;
  readonly memoryMb: number;
}

export function stepFrom(before: Cost, now: Cost): Step {
  const digits = (value: number): number => Math.round(value * 100) / 100;
  return {
    times: digits(now.grown / before.grown),
    cpu: digits(now.cpu / before.cpu),
    memory: digits(now.memoryMb / before.memoryMb),
  };
}

/** `10 times as many cost 1.7 times the processor time (less than linear) and 2.8 times the memory (less than linear)` */
export function describeStep({ times, cpu, memory }: Step): string {
  const told = (ratio: number, what: string): string => `${ratio} times the ${what} (${verdict(ratio, times)})`;
  return `${times} times as much takes ${told(cpu, 'processor time')}, ${told(memory, 'memory')}`;
}

function verdict(ratio: number, times: number): string {
  if (ratio > times) return 'worse than linear';
  return ratio === times ? 'linear' : 'less than linear';
}
