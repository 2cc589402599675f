/** What a command declares: its options once, from which come its values' types, its help and what is refused. */
import type { Io } from './io.ts';

export interface OptionSpec {
  /** `texts` may be given more than once. */
  readonly kind: 'flag' | 'text' | 'texts' | 'number';
  readonly doc: string;
  /** What stands for the value in help: `--listen HOST:PORT`. */
  readonly value?: string;
  readonly short?: string;
  readonly choices?: readonly string[];
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export interface Operand {
  readonly name: string;
  readonly doc: string;
  readonly optional?: boolean;
  readonly many?: boolean;
}

type ValueOf<S extends OptionSpec> = S['kind'] extends 'flag'
  ? boolean
  : S['kind'] extends 'number'
    ? number | undefined
    : S['kind'] extends 'texts'
      ? readonly string[]
      : string | undefined;

export type Values<O extends OptionSpecs> = { readonly [K in keyof O]: ValueOf<O[K]> };

export interface Call<O extends OptionSpecs = OptionSpecs> {
  readonly options: Values<O>;
  readonly operands: readonly string[];
  readonly io: Io;
}

export interface CommandSpec<O extends OptionSpecs> {
  /** One word, or two for a command of a group: `topics list`. */
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  readonly operands: readonly Operand[];
  readonly options: O;
  /** Lines that can be pasted. */
  readonly examples: readonly string[];
  /** Gives the exit code. Imports what is heavy when it is called, never before. */
  run(call: Call<O>): Promise<number>;
}

export type Command = CommandSpec<OptionSpecs>;

export function command<const O extends OptionSpecs>(spec: CommandSpec<O>): Command {
  // The call that reaches `run` was parsed by these very options, so its values have their types.
  return spec as unknown as Command;
}
