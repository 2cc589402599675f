import { toDouble } from '../values/cast.ts';
import { commonType, type ExpressionType, isInteger, isNumeric, type Type } from '../values/type.ts';
import type { Evaluate, Frame, Value } from '../values/value.ts';

/** An expression that has been checked. */
export interface Bound {
  readonly type: ExpressionType;
  readonly evaluate: Evaluate;
}

/** What functions may know of the world. */
export interface Environment {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface ScalarFunction {
  /** The first is the one that messages and documentation use. */
  readonly names: readonly string[];
  readonly minArguments: number;
  readonly maxArguments: number;
  /** `refuse` throws the type error at the call. */
  bind(list: readonly Bound[], environment: Environment, refuse: (message: string) => never): Bound;
}

/** `N` any number, `S` STRING, `I` INT or LONG, `B` BOOL, `A` anything. */
export type Parameter = 'N' | 'S' | 'I' | 'B' | 'A';

const wanted: Readonly<Record<Parameter, string>> = {
  N: 'a number',
  S: 'STRING',
  I: 'LONG',
  B: 'BOOL',
  A: 'any value',
};

function fits(type: ExpressionType, parameter: Parameter): boolean {
  if (type === 'NULL' || parameter === 'A') return true;
  if (parameter === 'N') return isNumeric(type);
  if (parameter === 'I') return isInteger(type);
  return type === (parameter === 'S' ? 'STRING' : 'BOOL');
}

export function checkArguments(
  name: string,
  list: readonly Bound[],
  parameters: readonly Parameter[],
  refuse: (message: string) => never,
): void {
  for (const [index, { type }] of list.entries()) {
    const parameter = parameters[Math.min(index, parameters.length - 1)]!;
    if (!fits(type, parameter))
      refuse(`${name} takes ${wanted[parameter]} as argument ${index + 1}, not ${type}: use CAST`);
  }
}

interface Strict {
  readonly names: string;
  /** The last one stands for all that follow. */
  readonly parameters: readonly Parameter[];
  readonly min?: number;
  readonly max?: number;
  readonly type: Type | ((list: readonly Bound[]) => ExpressionType);
  // biome-ignore lint/suspicious/noExplicitAny: the parameters' types have been checked against `parameters`
  readonly compute: (...values: any[]) => Value;
}

/** A function that is NULL when any argument is NULL, and whose numbers arrive as doubles unless it takes them exact. */
export function strict({ names, parameters, min, max, type, compute }: Strict): ScalarFunction {
  const [name = '', ...others] = names.split(' ');
  return {
    names: [name, ...others],
    minArguments: min ?? parameters.length,
    maxArguments: max ?? parameters.length,
    bind(list, _environment, refuse) {
      checkArguments(name, list, parameters, refuse);
      const result = typeof type === 'function' ? type(list) : type;
      return { type: result, evaluate: nullIfAnyNull(list, compute) };
    },
  };
}

/** One closure for each number of arguments, so that the usual calls make no array. */
export function nullIfAnyNull(list: readonly Bound[], compute: (...values: Value[]) => Value): Evaluate {
  const [first, second, third] = list.map(({ evaluate }) => evaluate);
  if (first === undefined) return () => compute();
  if (second === undefined) {
    return (frame) => {
      const a = first(frame);
      return a === null ? null : compute(a);
    };
  }
  if (list.length === 2) {
    return (frame) => {
      const a = first(frame);
      if (a === null) return null;
      const b = second(frame);
      return b === null ? null : compute(a, b);
    };
  }
  if (list.length === 3) {
    return (frame: Frame) => {
      const a = first(frame);
      const b = second(frame);
      const c = third!(frame);
      return a === null || b === null || c === null ? null : compute(a, b, c);
    };
  }
  const all = list.map(({ evaluate }) => evaluate);
  return (frame) => {
    const values = all.map((evaluate) => evaluate(frame));
    return values.includes(null) ? null : compute(...values);
  };
}

/** A double, or NULL where it is not finite: neither NaN nor Infinity ever leaves a function. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** The type that all arguments share, refused where there is none. */
export function sharedType(name: string, list: readonly Bound[], refuse: (message: string) => never): ExpressionType {
  return list.reduce<ExpressionType>(
    (shared, { type }) =>
      commonType(shared, type) ?? refuse(`${name} takes values of one type, not ${shared} and ${type}: use CAST`),
    'NULL',
  );
}

/** A value in the form of a wider type: a LONG that becomes DOUBLE may not stay a bigint. */
export function widened({ type, evaluate }: Bound, to: ExpressionType): Evaluate {
  if (!isInteger(type) || isInteger(to) || !isNumeric(to)) return evaluate;
  return (frame) => toDouble(evaluate(frame));
}
