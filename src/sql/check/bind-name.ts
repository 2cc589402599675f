import type { Expression, PathKey } from '../ast/ast.ts';
import type { Bound } from '../functions/scalar-function.ts';
import { textOfJson } from '../functions/strings.ts';
import { member } from '../json/path.ts';
import { SqlProblem } from '../sql-error.ts';
import type { Evaluate, Json } from '../values/value.ts';
import { bind } from './bind.ts';
import type { Context } from './context.ts';
import { columnOf, failColumn, failName, failQualifier, inputOf, type Slot } from './scope.ts';

type Of<Kind extends Expression['kind']> = Extract<Expression, { readonly kind: Kind }>;

export function bindName(expression: Of<'name'>, context: Context): Bound {
  const { name, at } = expression;
  const output = context.outputs?.get(name);
  if (output !== undefined && context.insideAggregate === undefined)
    return { type: output.type, evaluate: (frame) => frame.outputs[output.index]! };
  const slot = columnOf(context.scope, expression) ?? failName(context.scope, name, at, context.outputs?.keys());
  return bindSlot(slot, name, at, context);
}

function bindSlot({ index, type }: Slot, name: string, at: number, context: Context): Bound {
  if (context.keys !== undefined && context.insideAggregate === undefined) {
    const rule = 'a batch window gives one row for each group';
    throw new SqlProblem('E_GROUP_BY', at, `column '${name}' must be in GROUP BY or inside an aggregate: ${rule}`);
  }
  return { type, evaluate: (frame) => frame.values[index]! };
}

/** `a.b`: column b of input a; else member b of the OBJECT column a. */
export function bindField(expression: Of<'field'>, context: Context): Bound {
  const { object, name, at } = expression;
  if (object.kind === 'name') {
    const input = inputOf(context.scope, object.name);
    if (input !== undefined) {
      const slot = columnOf(context.scope, expression) ?? failColumn(input, name.text, name.at);
      return bindSlot(slot, name.text, name.at, context);
    }
    const isName = columnOf(context.scope, object) !== undefined || context.outputs?.has(object.name) === true;
    if (!isName) failQualifier(context.scope, object.name, object.at);
  }
  return { type: 'OBJECT', evaluate: memberOf(bindObject(object, at, '.', context), name.text) };
}

export function bindElement({ object, key, at }: Of<'element'>, context: Context): Bound {
  return { type: 'OBJECT', evaluate: memberOf(bindObject(object, at, '[ ]', context), key) };
}

export function bindArrow({ object, key, at, text }: Of<'arrow'>, context: Context): Bound {
  const evaluate = memberOf(bindObject(object, at, text ? '->>' : '->', context), key);
  if (!text) return { type: 'OBJECT', evaluate };
  return { type: 'STRING', evaluate: (frame) => textOfJson(evaluate(frame) as Json) };
}

function bindObject(object: Expression, at: number, operator: string, context: Context): Evaluate {
  const { type, evaluate } = bind(object, context);
  if (type !== 'OBJECT' && type !== 'NULL')
    throw new SqlProblem('E_TYPE', at, `${operator} looks into an OBJECT, not into ${type}`);
  return evaluate;
}

function memberOf(object: Evaluate, key: PathKey): Evaluate {
  if (typeof key !== 'object') return (frame) => member(object(frame) as Json, key);
  return (frame) => {
    const value = object(frame);
    return Array.isArray(value) ? ((value.at(-1) as Json | undefined) ?? null) : null;
  };
}
