/** Finds the command, runs it, and turns what it throws into a sentence and an exit code. */
import { describeError, isError, TributaryError } from '../base/errors.ts';
import { suggest } from '../base/nearest.ts';
import type { Command } from './command.ts';
import { commands } from './commands.ts';
import { commandHelp, groupHelp, overview } from './help.ts';
import type { Io } from './io.ts';
import { writeLine } from './io.ts';
import { parseCall } from './parse-call.ts';

export const exitCodes = { done: 0, failed: 1, wrongUsage: 2 } as const;

export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  endQuietlyWithReader(io);
  try {
    const [first] = argv;
    if (first === undefined) {
      writeLine(io.stderr, overview(commands));
      return exitCodes.wrongUsage;
    }
    if (first === '--help' || first === '-h' || first === 'help') return show(io, overview(commands));
    const { command, args } = find(first === '--version' || first === '-V' ? ['version'] : argv);
    if (typeof command === 'string') return show(io, groupHelp(command, ofGroup(command)));
    const parsed = parseCall(command, args);
    if (parsed === 'help') return show(io, commandHelp(command));
    return await command.run({ ...parsed, io });
  } catch (error) {
    writeLine(io.stderr, isError(error, 'CONFIG_INVALID') ? error.message : describeError(error));
    if (io.env['TRIBUTARY_DEBUG'] !== undefined && error instanceof Error) writeLine(io.stderr, error.stack ?? '');
    return isError(error, 'USAGE') ? exitCodes.wrongUsage : exitCodes.failed;
  }
}

/** A command has one word or two; of a group's name alone the group is shown. */
function find(argv: readonly string[]): { command: Command | string; args: readonly string[] } {
  const [first = '', second = ''] = argv;
  const one = commands.find(({ name }) => name === first);
  if (one !== undefined) return { command: one, args: argv.slice(1) };
  const group = ofGroup(first);
  if (group.length === 0) {
    const known = new Set(commands.map(({ name }) => name.split(' ')[0]!));
    throw new TributaryError('USAGE', `Unknown command "${first}".${suggest(first, known)} See "tributary --help".`);
  }
  const two = group.find(({ name }) => name === `${first} ${second}`);
  // A script in place of a verb is run.
  const run =
    two === undefined && /\.sql$/i.test(second) ? group.find(({ name }) => name === `${first} run`) : undefined;
  if (run !== undefined) return { command: run, args: argv.slice(1) };
  if (two !== undefined) return { command: two, args: argv.slice(2) };
  if (second === '' || second === '--help' || second === '-h') return { command: first, args: [] };
  const known = group.map(({ name }) => name.slice(first.length + 1));
  throw new TributaryError(
    'USAGE',
    `Unknown command "${first} ${second}".${suggest(second, known)} See "tributary ${first} --help".`,
  );
}

function ofGroup(group: string): readonly Command[] {
  return commands.filter(({ name }) => name.startsWith(`${group} `));
}

function show(io: Io, text: string): number {
  writeLine(io.stdout, text);
  return exitCodes.done;
}

/** `tributary tap trades | head`: when the reader has seen enough, that is no failure. */
function endQuietlyWithReader(io: Io): void {
  io.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.done);
    throw error;
  });
}
