import type { Expression } from '../ast/ast.ts';
import { remainder } from '../functions/numbers.ts';
import { type Bound, finite, nullIfAnyNull } from '../functions/scalar-function.ts';
import { SqlProblem } from '../sql-error.ts';
import { addLong, type Long, multiplyLong, negateLong, subtractLong } from '../values/long.ts';
import { type ExpressionType, isInteger } from '../values/type.ts';
import type { Value } from '../values/value.ts';
import { bind, requireNumber } from './bind.ts';
import type { Context } from './context.ts';

type Of<Kind extends Expression['kind']> = Extract<Expression, { readonly kind: Kind }>;

const exact: Readonly<Record<string, (a: Long, b: Long) => Long | null>> = {
  '+': addLong,
  '-': subtractLong,
  '*': multiplyLong,
};

/** `+ - *` of integers are LONG, `/` is always DOUBLE. What overflows, or is divided by zero, is NULL. */
export function bindArithmetic({ operator, left, right, at }: Of<'arithmetic'>, context: Context): Bound {
  const operands = [bind(left, context), bind(right, context)];
  const [a, b] = operands.map(({ type }) => type) as [ExpressionType, ExpressionType];
  requireNumber(at, `'${operator}'`, a, b);
  if (operator === '%') return remainder(operands);
  const isExact = operator !== '/' && [a, b].every((type) => isInteger(type) || type === 'NULL');
  if (isExact)
    return { type: 'LONG', evaluate: nullIfAnyNull(operands, exact[operator] as (a: Value, b: Value) => Value) };
  return { type: 'DOUBLE', evaluate: nullIfAnyNull(operands, inexact[operator]!) };
}

/** A LONG may come as a bigint; Number() of what is a number already costs nothing. */
const inexact: Readonly<Record<string, (a: Value, b: Value) => Value>> = {
  '+': (a, b) => finite(Number(a) + Number(b)),
  '-': (a, b) => finite(Number(a) - Number(b)),
  '*': (a, b) => finite(Number(a) * Number(b)),
  '/': (a, b) => finite(Number(a) / Number(b)),
};

export function bindSign({ negative, value, at }: Of<'sign'>, context: Context): Bound {
  const operand = bind(value, context);
  requireNumber(at, negative ? "'-'" : "'+'", operand.type);
  if (!negative) return operand;
  const isLong = isInteger(operand.type) || operand.type === 'NULL';
  const negate = isLong ? (number: Value) => negateLong(number as Long) : (number: Value) => -(number as number);
  return { type: isLong ? 'LONG' : 'DOUBLE', evaluate: nullIfAnyNull([operand], negate) };
}

export function bindConcat({ left, right, at }: Of<'concat'>, context: Context): Bound {
  const operands = [bind(left, context), bind(right, context)];
  for (const { type } of operands) {
    if (type !== 'STRING' && type !== 'NULL')
      throw new SqlProblem('E_TYPE', at, `'||' joins STRING values, not ${type}: use CAST or CONCAT`);
  }
  return { type: 'STRING', evaluate: nullIfAnyNull(operands, (a, b) => (a as string) + (b as string)) };
}
