/** Help texts, from what the commands declare. */
import type { Command, Operand, OptionSpec } from './command.ts';
import { optionsOf } from './parse-call.ts';

export function overview(commands: readonly Command[]): string {
  return [
    'Tributary: live feeds into Kafka, with its own broker or yours.',
    '',
    'Usage: tributary COMMAND [options]',
    '',
    ...columns(commands.map((command) => [synopsis(command), command.summary])),
    '',
    '"tributary COMMAND --help" says more. Exit codes: 0 done, 1 failed, 2 wrong usage.',
  ].join('\n');
}

/** The commands of a group: `tributary topics --help`. */
export function groupHelp(group: string, commands: readonly Command[]): string {
  return [
    `Usage: tributary ${group} COMMAND [options]`,
    '',
    ...columns(commands.map((command) => [synopsis(command), command.summary])),
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const operands = command.operands.map((operand): Row => [shownOperand(operand), operand.doc]);
  const options = Object.entries(optionsOf(command)).map(([name, spec]): Row => [shownOption(name, spec), docOf(spec)]);
  return [
    `${command.summary}.`,
    '',
    `Usage: tributary ${synopsis(command)} [options]`,
    ...(operands.length > 0 ? ['', ...columns(operands)] : []),
    '',
    'Options:',
    ...columns(options),
    ...(command.examples.length > 0 ? ['', 'Examples:', ...command.examples.map((line) => `  ${line}`)] : []),
  ].join('\n');
}

type Row = readonly [left: string, right: string];

function synopsis(command: Command): string {
  return [command.name, ...command.operands.map(shownOperand)].join(' ');
}

function shownOperand({ name, optional, many }: Operand): string {
  const shown = many ? `${name} …` : name;
  return optional ? `[${shown}]` : shown;
}

function shownOption(name: string, { short, value, kind, choices }: OptionSpec): string {
  const shownValue = kind === 'flag' ? '' : ` ${value ?? choices?.join('|') ?? (kind === 'number' ? 'N' : 'TEXT')}`;
  return `${short === undefined ? '    ' : `-${short}, `}--${name}${shownValue}`;
}

function docOf({ doc, kind }: OptionSpec): string {
  return kind === 'texts' ? `${doc}; may be given more than once` : doc;
}

function columns(rows: readonly Row[]): string[] {
  const width = Math.min(36, Math.max(...rows.map(([left]) => left.length)));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
