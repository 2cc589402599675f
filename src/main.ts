import { runCommandLine } from './cli/command-line.ts';

/** The entry of `bin/tributary.js`. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await runCommandLine(argv, process);
}
