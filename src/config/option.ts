/**
 * Options of a component. Each is declared once, with these functions; from the declaration come its TypeScript type, its
 * validation, the JSON of Kafka Connect, `--help` and the documentation.
 */

export type OptionType = 'BOOLEAN' | 'STRING' | 'INT' | 'SHORT' | 'LONG' | 'DOUBLE' | 'LIST' | 'CLASS' | 'PASSWORD';
export type Importance = 'HIGH' | 'MEDIUM' | 'LOW';
export type Width = 'NONE' | 'SHORT' | 'MEDIUM' | 'LONG';

/** What is wrong with a value: without its name and itself, which are put before it, or as a whole text. */
export type Problem = string | { readonly text: string };

/**
 * Checks a parsed value; null is "no value". Gives what is wrong, or undefined. It runs even where parsing failed, with
 * null, as Kafka's does.
 */
export type Validator<T> = (value: T | null, name: string) => Problem | undefined;

export interface Option<T> {
  readonly type: OptionType;
  /** undefined: the option is required. null: there is no value by default. */
  readonly default: T | null | undefined;
  readonly validate?: Validator<T>;
  readonly importance: Importance;
  readonly doc: string;
  readonly group: string | null;
  readonly order: number;
  readonly width: Width;
  readonly displayName?: string;
  readonly dependents: readonly string[];
  /** Values that a form may offer, given the values so far. */
  readonly recommend?: (values: Readonly<Record<string, unknown>>) => readonly string[];
}

interface Common<T> {
  readonly doc: string;
  readonly validate?: Validator<T>;
  readonly importance?: Lowercase<Importance>;
  readonly group?: string;
  readonly order?: number;
  readonly width?: Lowercase<Width>;
  readonly displayName?: string;
  readonly dependents?: readonly string[];
  readonly recommend?: Option<T>['recommend'];
}

/** With a default the value is always there; `default: null` makes it optional; without the key it is required. */
interface Required<T> extends Common<T> {
  readonly default?: undefined;
}
interface Defaulted<T> extends Common<T> {
  readonly default: T;
}
interface Nullable<T> extends Common<T> {
  readonly default: null;
}
type Declared<T> = Required<T> | Defaulted<T> | Nullable<T>;

function option<T>(type: OptionType, declared: Declared<T>): Option<T> {
  const { importance = 'medium', width = 'none', group = null, order = -1, dependents = [] } = declared;
  return {
    type,
    default: declared.default,
    validate: declared.validate,
    importance: importance.toUpperCase() as Importance,
    doc: declared.doc,
    group,
    order,
    width: width.toUpperCase() as Width,
    displayName: declared.displayName,
    dependents,
    recommend: declared.recommend,
  };
}

/** An option whose value may be null carries that in its type. */
export interface NullableOption<T> extends Option<T> {
  readonly nullable: true;
}

type Made<T, D> = D extends { readonly default: null } ? NullableOption<T> : Option<T>;

export function string<const D extends Declared<string>>(declared: D): Made<string, D> {
  return option<string>('STRING', declared) as Made<string, D>;
}

export function boolean<const D extends Declared<boolean>>(declared: D): Made<boolean, D> {
  return option<boolean>('BOOLEAN', declared) as Made<boolean, D>;
}

export function password<const D extends Declared<string>>(declared: D): Made<string, D> {
  return option<string>('PASSWORD', declared) as Made<string, D>;
}

export function list<const D extends Declared<readonly string[]>>(declared: D): Made<readonly string[], D> {
  return option<readonly string[]>('LIST', declared) as Made<readonly string[], D>;
}

export function className<const D extends Declared<string>>(declared: D): Made<string, D> {
  return option<string>('CLASS', declared) as Made<string, D>;
}

interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

export function int<const D extends Declared<number> & Bounds>(declared: D): Made<number, D> {
  return option<number>('INT', bounded(declared)) as Made<number, D>;
}

export function short<const D extends Declared<number> & Bounds>(declared: D): Made<number, D> {
  return option<number>('SHORT', bounded(declared)) as Made<number, D>;
}

export function long<const D extends Declared<number> & Bounds>(declared: D): Made<number, D> {
  return option<number>('LONG', bounded(declared)) as Made<number, D>;
}

export function double<const D extends Declared<number> & Bounds>(declared: D): Made<number, D> {
  return option<number>('DOUBLE', bounded(declared)) as Made<number, D>;
}

function bounded(declared: Declared<number> & Bounds): Declared<number> {
  const { min, max } = declared;
  if (min === undefined && max === undefined) return declared;
  const within = range(min, max, declared.default === null);
  const also = declared.validate;
  return { ...declared, validate: (value, name) => within(value, name) ?? also?.(value, name) };
}

/** Numbers between two bounds, both allowed. */
export function range(min: number | undefined, max: number | undefined, nullAllowed = false): Validator<number> {
  return (value) => {
    if (value === null) return nullAllowed ? undefined : 'Value must be non-null';
    if (min !== undefined && value < min) return `Value must be at least ${min}`;
    if (max !== undefined && value > max) return `Value must be no more than ${max}`;
    return undefined;
  };
}

/** One of these words; case counts unless `ignoreCase`. */
export function oneOf(words: readonly string[], options: { readonly ignoreCase?: boolean } = {}): Validator<string> {
  const known = new Set(options.ignoreCase ? words.map((word) => word.toUpperCase()) : words);
  return (value) => {
    if (value !== null && known.has(options.ignoreCase ? value.toUpperCase() : value)) return undefined;
    const kind = options.ignoreCase ? 'String must be one of (case insensitive)' : 'String must be one of';
    return `${kind}: ${[...known].join(', ')}`;
  };
}
