import type { ComparisonOperator, Expression } from '../ast/ast.ts';
import type { Bound } from '../functions/scalar-function.ts';
import { SqlProblem } from '../sql-error.ts';
import { type Compare, comparison, hasOrder } from '../values/compare.ts';
import type { ExpressionType } from '../values/type.ts';
import type { Evaluate, Value } from '../values/value.ts';
import { bind } from './bind.ts';
import type { Context } from './context.ts';
import { likePattern } from './like.ts';

type Of<Kind extends Expression['kind']> = Extract<Expression, { readonly kind: Kind }>;

const bool = (evaluate: Evaluate): Bound => ({ type: 'BOOL', evaluate });

const holds: Readonly<Record<ComparisonOperator, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

export function bindComparison({ operator, left, right, at }: Of<'comparison'>, context: Context): Bound {
  return bool(compared(operator, bind(left, context), bind(right, context), at));
}

/** Checks that two operands compare. `name` is the operator as the message shows it. */
function comparisonFor(a: ExpressionType, b: ExpressionType, needsOrder: boolean, name: string, at: number): Compare {
  const compare = comparison(a, b);
  if (compare === undefined) throw new SqlProblem('E_TYPE', at, `${name} cannot compare ${a} with ${b}: use CAST`);
  const unordered = [a, b].find((type) => !hasOrder(type));
  if (needsOrder && unordered !== undefined)
    throw new SqlProblem('E_TYPE', at, `${name} has no meaning for ${unordered}, which has only = and !=`);
  return compare;
}

function compared(operator: ComparisonOperator, left: Bound, right: Bound, at: number): Evaluate {
  const isEquality = operator === '=' || operator === '!=';
  const compare = comparisonFor(left.type, right.type, !isEquality, `'${operator}'`, at);
  const test = holds[operator];
  const [first, second] = [left.evaluate, right.evaluate];
  return (frame) => {
    const a = first(frame);
    if (a === null) return null;
    const b = second(frame);
    if (b === null) return null;
    const order = compare(a, b);
    return order === null ? null : test(order);
  };
}

export function bindLogic({ operator, left, right, at }: Of<'logic'>, context: Context): Bound {
  const [a, b] = [bind(left, context), bind(right, context)];
  for (const { type } of [a, b]) {
    if (type !== 'BOOL' && type !== 'NULL')
      throw new SqlProblem('E_TYPE', at, `${operator} needs BOOL on both sides, not ${type}`);
  }
  return bool(operator === 'AND' ? and(a.evaluate, b.evaluate) : or(a.evaluate, b.evaluate));
}

/** Three-valued: FALSE wins over NULL. */
function and(first: Evaluate, second: Evaluate): Evaluate {
  return (frame) => {
    const a = first(frame);
    if (a === false) return false;
    const b = second(frame);
    if (b === false) return false;
    return a === null || b === null ? null : true;
  };
}

/** Three-valued: TRUE wins over NULL. */
function or(first: Evaluate, second: Evaluate): Evaluate {
  return (frame) => {
    const a = first(frame);
    if (a === true) return true;
    const b = second(frame);
    if (b === true) return true;
    return a === null || b === null ? null : false;
  };
}

function negation(negated: boolean, evaluate: Evaluate): Evaluate {
  if (!negated) return evaluate;
  return (frame) => {
    const value = evaluate(frame);
    return value === null ? null : !value;
  };
}

export function bindNot({ value, at }: Of<'not'>, context: Context): Bound {
  const { type, evaluate } = bind(value, context);
  if (type !== 'BOOL' && type !== 'NULL') throw new SqlProblem('E_TYPE', at, `NOT needs BOOL, not ${type}`);
  return bool(negation(true, evaluate));
}

export function bindIs({ value, negated, what, at }: Of<'is'>, context: Context): Bound {
  const { type, evaluate } = bind(value, context);
  if (what !== 'NULL' && type !== 'BOOL' && type !== 'NULL')
    throw new SqlProblem('E_TYPE', at, `IS ${what} needs BOOL, not ${type}`);
  const wanted: Value = what === 'NULL' ? null : what === 'TRUE';
  return bool((frame) => (evaluate(frame) === wanted) !== negated);
}

/** The AND of two comparisons, with their NULLs. */
export function bindBetween({ value, negated, low, high, at }: Of<'between'>, context: Context): Bound {
  const [subject, least, most] = [bind(value, context), bind(low, context), bind(high, context)];
  for (const bound of [least, most]) comparisonFor(subject.type, bound.type, true, 'BETWEEN', at);
  return bool(negation(negated, and(compared('>=', subject, least, at), compared('<=', subject, most, at))));
}

/** A match is TRUE; without one, a NULL in the list makes the result NULL. */
export function bindIn({ value, negated, list, at }: Of<'in'>, context: Context): Bound {
  const subject = bind(value, context);
  const elements = list.map((element) => bind(element, context));
  for (const { type } of elements) comparisonFor(subject.type, type, false, 'IN', at);
  const tests = elements.map((element) => compared('=', subject, element, at));
  const isIn: Evaluate = (frame) => {
    let result: boolean | null = false;
    for (const test of tests) {
      const equal = test(frame);
      if (equal === true) return true;
      if (equal === null) result = null;
    }
    return result;
  };
  return bool(negation(negated, isIn));
}

export function bindLike(
  { value, negated, pattern, escape: escapeCharacter, at }: Of<'like'>,
  context: Context,
): Bound {
  const [subject, mask] = [bind(value, context), bind(pattern, context)];
  for (const { type } of [subject, mask]) {
    if (type !== 'STRING' && type !== 'NULL')
      throw new SqlProblem('E_TYPE', at, `LIKE needs STRING on both sides, not ${type}: use CAST`);
  }
  let known: { readonly text: string; readonly matches: (value: string) => boolean } | undefined;
  const like: Evaluate = (frame) => {
    const text = subject.evaluate(frame);
    const wanted = mask.evaluate(frame);
    if (text === null || wanted === null) return null;
    // Patterns are nearly always constant: the last one is kept.
    if (known?.text !== wanted)
      known = { text: wanted as string, matches: likePattern(wanted as string, escapeCharacter) };
    return known.matches(text as string);
  };
  return bool(negation(negated, like));
}
