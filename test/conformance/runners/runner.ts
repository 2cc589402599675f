/** What a file of this folder exports. */
export interface Runner {
  /** `connect FILE [--broker ADDRESS]` */
  readonly usage: string;
  /** Plays what the arguments name. Throws where they are wrong. `print` takes a line for people. */
  run(args: readonly string[], print: (line: string) => void): Promise<Tally>;
}

export interface Tally {
  readonly passed: number;
  readonly failed: number;
}
