import { unreachable } from '../../base/assert.ts';
import type { Condition, Expression } from '../ast/ast.ts';
import type { Bound } from '../functions/scalar-function.ts';
import { SqlProblem } from '../sql-error.ts';
import { type ExpressionType, isNumeric } from '../values/type.ts';
import type { Evaluate, Value } from '../values/value.ts';
import { bindArithmetic, bindConcat, bindSign } from './bind-arithmetic.ts';
import { bindCall, bindExtract } from './bind-call.ts';
import { bindCase, bindCast } from './bind-case.ts';
import { bindBetween, bindComparison, bindIn, bindIs, bindLike, bindLogic, bindNot } from './bind-condition.ts';
import { bindArrow, bindElement, bindField, bindName } from './bind-name.ts';
import type { Context } from './context.ts';
import { canonical } from './scope.ts';

/** Checks an expression and makes one closure of it. Throws SqlProblem at the first thing that is wrong. */
export function bind(expression: Expression, context: Context): Bound {
  // Inside an aggregate a key is an ordinary column of each row.
  const keys = context.insideAggregate === undefined ? context.keys : undefined;
  const key = keys?.get(canonical(context.scope, expression));
  if (key !== undefined) return { type: key.type, evaluate: (frame) => frame.keys[key.index]! };
  switch (expression.kind) {
    case 'null':
      return constant('NULL', null);
    case 'bool':
      return constant('BOOL', expression.value);
    case 'string':
      return constant('STRING', expression.value);
    case 'long':
      return constant('LONG', expression.value);
    case 'double':
      return constant('DOUBLE', expression.value);
    case 'interval':
      return constant('LONG', Math.round(expression.ms));
    case 'name':
      return bindName(expression, context);
    case 'field':
      return bindField(expression, context);
    case 'element':
      return bindElement(expression, context);
    case 'arrow':
      return bindArrow(expression, context);
    case 'sign':
      return bindSign(expression, context);
    case 'not':
      return bindNot(expression, context);
    case 'logic':
      return bindLogic(expression, context);
    case 'arithmetic':
      return bindArithmetic(expression, context);
    case 'concat':
      return bindConcat(expression, context);
    case 'comparison':
      return bindComparison(expression, context);
    case 'is':
      return bindIs(expression, context);
    case 'between':
      return bindBetween(expression, context);
    case 'in':
      return bindIn(expression, context);
    case 'like':
      return bindLike(expression, context);
    case 'case':
      return bindCase(expression, context);
    case 'cast':
      return bindCast(expression, context);
    case 'extract':
      return bindExtract(expression, context);
    case 'call':
      return bindCall(expression, context);
    default:
      return unreachable(expression);
  }
}

function constant(type: ExpressionType, value: Value): Bound {
  return { type, evaluate: () => value };
}

/** A condition of the clause that the context names: it must be BOOL. */
export function bindCondition({ at, value }: Condition, context: Context): Evaluate {
  const { type, evaluate } = bind(value, context);
  if (type !== 'BOOL' && type !== 'NULL')
    throw new SqlProblem('E_TYPE', at, `${context.clause} needs a BOOL condition, not ${type}`);
  return evaluate;
}

/** Refuses an operand that is not a number. */
export function requireNumber(at: number, operator: string, ...types: ExpressionType[]): void {
  for (const type of types) {
    if (!isNumeric(type) && type !== 'NULL')
      throw new SqlProblem('E_TYPE', at, `${operator} needs numbers, not ${type}: use CAST`);
  }
}
