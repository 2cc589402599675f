/** Arguments of one command into values, by what the command declares. What is wrong with them is a USAGE error. */
import { parseArgs } from 'node:util';
import { TributaryError } from '../base/errors.ts';
import { suggest } from '../base/nearest.ts';
import type { Call, Command, OptionSpec } from './command.ts';

export type Parsed = Pick<Call, 'options' | 'operands'> | 'help';

const help: OptionSpec = { kind: 'flag', short: 'h', doc: 'Shows this text' };

/** The command's options and `--help`, which each has. */
export function optionsOf(command: Command): Readonly<Record<string, OptionSpec>> {
  return { ...command.options, help };
}

export function parseCall(command: Command, args: readonly string[]): Parsed {
  const specs = optionsOf(command);
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    allowPositionals: true,
    allowNegative: false,
    options: Object.fromEntries(
      Object.entries(specs).map(([name, { kind, short }]) => [
        name,
        {
          type: kind === 'flag' ? ('boolean' as const) : ('string' as const),
          ...(short === undefined ? {} : { short }),
        },
      ]),
    ),
  });
  const given = new Map<string, (string | true)[]>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name]! : undefined;
    if (spec === undefined) throw unknownOption(command, token.rawName, Object.keys(specs));
    given.set(token.name, [...(given.get(token.name) ?? []), checkedText(token, spec, specs)]);
  }
  if (given.has('help')) return 'help';
  checkOperands(command, operands);
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, spec]) => [name, readValue(name, spec, given.get(name) ?? [])]),
  );
  return { options: options as Call['options'], operands };
}

function unknownOption(command: Command, typed: string, known: readonly string[]): TributaryError {
  const hint = suggest(
    typed,
    known.map((name) => `--${name}`),
  );
  return usage(`Unknown option "${typed}" for "tributary ${command.name}".${hint}`, command);
}

interface OptionToken {
  readonly rawName: string;
  readonly value: string | undefined;
  /** `--name=value`, not `--name value`. */
  readonly inlineValue: boolean | undefined;
}

function checkedText(
  { rawName, value, inlineValue }: OptionToken,
  spec: OptionSpec,
  specs: Readonly<Record<string, OptionSpec>>,
): string | true {
  if (spec.kind === 'flag') {
    if (value !== undefined) throw usage(`Option "${rawName}" takes no value, "${value}" was given`);
    return true;
  }
  // `--listen --demo`: the value was forgotten. A value that begins with two dashes can still be given with "=".
  const forgotten = !inlineValue && value?.startsWith('--') && Object.hasOwn(specs, value.slice(2).split('=')[0]!);
  if (value === undefined || forgotten) throw usage(`Option "${rawName}" needs a value${placeholder(spec)}`);
  if (spec.choices !== undefined && !spec.choices.includes(value)) {
    throw usage(`Cannot use "${value}" for "${rawName}": must be ${spec.choices.join(' or ')}`);
  }
  return value;
}

function readValue(name: string, spec: OptionSpec, given: readonly (string | true)[]): unknown {
  const last = given.at(-1);
  switch (spec.kind) {
    case 'flag':
      return last === true;
    case 'text':
      return last;
    case 'texts':
      return given;
    case 'number': {
      if (last === undefined) return undefined;
      const number = Number(last);
      if (!/^\d+$/.test(String(last)) || !Number.isSafeInteger(number)) {
        throw usage(`Cannot use "${String(last)}" for "--${name}": must be a whole number, 0 or more`);
      }
      return number;
    }
  }
}

function checkOperands(command: Command, operands: readonly string[]): void {
  const missing = command.operands.find((operand, i) => !operand.optional && operands[i] === undefined);
  if (missing !== undefined) throw usage(`"tributary ${command.name}" needs ${missing.name}: ${missing.doc}`, command);
  if (!command.operands.some(({ many }) => many) && operands.length > command.operands.length) {
    throw usage(`"tributary ${command.name}" has no use for "${operands[command.operands.length]!}"`, command);
  }
}

function placeholder(spec: OptionSpec): string {
  return spec.value === undefined ? '' : `: ${spec.value}`;
}

function usage(message: string, command?: Command): TributaryError {
  const more = command === undefined ? '' : ` See "tributary ${command.name} --help".`;
  return new TributaryError('USAGE', /[.?]$/.test(message) ? `${message}${more}` : `${message}.${more}`);
}
