import type { Expression } from '../ast/ast.ts';
import type { Evaluate } from '../values/value.ts';
import { bind } from './bind.ts';
import type { Context } from './context.ts';
import { type RowKey, rowKey } from './row-key.ts';
import { columnsOf, type Input } from './scope.ts';

export interface Equality {
  readonly left: Evaluate;
  readonly right: Evaluate;
  /** Undefined where a side depends on more than its row. */
  readonly rowKeys: { readonly left: RowKey | undefined; readonly right: RowKey | undefined };
}

/**
 * The parts of ON that say `something of the left = something of the right`: by them rows find each other without looking
 * at all of the other side. The whole of ON is still asked for each pair that is found.
 */
export function equalities(on: Expression, left: Input, right: Input, context: Context): Equality[] {
  if (on.kind === 'logic' && on.operator === 'AND')
    return [...equalities(on.left, left, right, context), ...equalities(on.right, left, right, context)];
  if (on.kind !== 'comparison' || on.operator !== '=') return [];
  const [a, b] = [on.left, on.right].map((side) => sideOf(side, left, right, context)) as [Side, Side];
  if (a === 'left' && b === 'right') return pair(on.left, on.right, left, right, context);
  if (a === 'right' && b === 'left') return pair(on.right, on.left, left, right, context);
  return [];
}

type Side = 'left' | 'right' | 'both';

function sideOf(expression: Expression, left: Input, right: Input, { scope }: Context): Side {
  const columns = [...columnsOf(scope, expression)];
  const isOf = ({ offset, columns: own }: Input) =>
    columns.every((index) => index >= offset && index < offset + own.length);
  if (columns.length === 0) return 'both';
  if (isOf(left)) return 'left';
  return isOf(right) ? 'right' : 'both';
}

/** Each side is bound to rows of its own alone. OBJECT values of different kinds are neither equal nor not: left to ON. */
function pair(ofLeft: Expression, ofRight: Expression, left: Input, right: Input, context: Context): Equality[] {
  const alone = (input: Input): Context => ({
    ...context,
    scope: { ...context.scope, inputs: [{ ...input, offset: 0 }] },
  });
  const [a, b] = [bind(ofLeft, alone(left)), bind(ofRight, alone(right))];
  if (a.type === 'OBJECT' || b.type === 'OBJECT') return [];
  const rowKeys = {
    left: rowKey(alone(left).scope, ofLeft, a.evaluate),
    right: rowKey(alone(right).scope, ofRight, b.evaluate),
  };
  return [{ left: a.evaluate, right: b.evaluate, rowKeys }];
}
