import { TributaryError } from '../base/errors.ts';
import { suggest } from '../base/nearest.ts';
import type { NullableOption, Option, Problem } from './option.ts';
import { parseValue } from './parse-value.ts';
import type { RawConfig, RawConfigWithNulls } from './raw.ts';

export type { RawConfig, RawConfigWithNulls } from './raw.ts';

// biome-ignore lint/suspicious/noExplicitAny: an option's value type is invariant; only `any` stands for "whichever"
export type AnyOption = Option<any>;
export type Options = Readonly<Record<string, AnyOption>>;

/** Options by name, in the order of their declaration. */
export interface ConfigDef<O extends Options = Options> {
  readonly options: O;
}

type ValueOf<X> = X extends NullableOption<infer T> ? T | null : X extends Option<infer T> ? T : never;

/** The values a definition gives: `type WebSocketConfig = Config<typeof config>`. */
export type Config<D extends ConfigDef> = { readonly [K in keyof D['options']]: ValueOf<D['options'][K]> };

export function define<const O extends Options>(options: O): ConfigDef<O> {
  return { options };
}

/** Several definitions as one; a name in two of them is a programmer's mistake. */
export function merge(...definitions: readonly ConfigDef[]): ConfigDef {
  const all: Record<string, AnyOption> = {};
  for (const { options } of definitions) {
    for (const [name, option] of Object.entries(options)) {
      if (name in all) throw new TypeError(`Option "${name}" is declared twice`);
      all[name] = option;
    }
  }
  return { options: all };
}

export interface ValidatedValue {
  readonly name: string;
  readonly option: AnyOption;
  /** Parsed, or the default, or null where there is none or it cannot be parsed. */
  readonly value: unknown;
  readonly errors: readonly string[];
}

/**
 * Every option of the definition with its value and what is wrong with it, in the order of the definition. Error texts are
 * those that clients of Kafka Connect know. A value that cannot be parsed is checked by its validator as null, too, as
 * Kafka's ConfigDef does. Keys without an option are not looked at: see `unknownKeys`.
 */
export function validate(definition: ConfigDef, raw: RawConfigWithNulls): ValidatedValue[] {
  return Object.entries(definition.options).map(([name, option]) => {
    const errors: string[] = [];
    let value: unknown = null;
    if (Object.hasOwn(raw, name)) {
      const parsed = parseValue(option.type, raw[name]);
      if (parsed.ok) value = parsed.value;
      else errors.push(invalidValue(name, option, raw[name], parsed.problem));
    } else if (option.default === undefined) {
      errors.push(`Missing required configuration "${name}" which has no default value.`);
    } else {
      value = option.default;
    }
    const problem = option.validate?.(value as never, name);
    if (problem !== undefined) errors.push(invalidValue(name, option, value, problem));
    return { name, option, value, errors };
  });
}

/** Values of a configuration, typed. CONFIG_INVALID names every option that is wrong. */
export function parse<D extends ConfigDef>(definition: D, raw: RawConfigWithNulls): Config<D> {
  const validated = validate(definition, raw);
  const errors = validated.flatMap(({ errors }) => errors);
  if (errors.length > 0) throw new TributaryError('CONFIG_INVALID', errors.join('\n'));
  return Object.fromEntries(validated.map(({ name, value }) => [name, value])) as Config<D>;
}

export interface UnknownKey {
  readonly key: string;
  /** ` Did you mean "x"?`, or empty. */
  readonly hint: string;
}

/** Keys that no option has, with the nearest name that one has. `known` also accepts keys by prefix (`producer.override.`). */
export function unknownKeys(
  definition: ConfigDef,
  raw: RawConfig,
  knownPrefixes: readonly string[] = [],
): UnknownKey[] {
  const names = Object.keys(definition.options);
  return Object.keys(raw)
    .filter((key) => !Object.hasOwn(definition.options, key) && !knownPrefixes.some((prefix) => key.startsWith(prefix)))
    .map((key) => ({ key, hint: suggest(key, names) }));
}

/** The text that clients of Kafka Connect know; lists as Java prints them, passwords hidden. */
export function invalidValue(name: string, option: AnyOption, value: unknown, problem: Problem): string {
  if (typeof problem !== 'string') return problem.text;
  const text = Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
  const shown = option.type === 'PASSWORD' && value !== null ? '[hidden]' : text;
  return `Invalid value ${shown} for configuration ${name}: ${problem}`;
}
