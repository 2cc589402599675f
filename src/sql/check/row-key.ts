import type { Expression } from '../ast/ast.ts';
import { printExpression } from '../ast/print-expression.ts';
import type { Evaluate } from '../values/value.ts';
import { canonical, columnOf, type Scope } from './scope.ts';

/** Something that rows have in common which must be looked at together: an expression over one row, and nothing else. */
export interface RowKey {
  readonly evaluate: Evaluate;
  /** Its place in the query's flat row, where it is a plain column. */
  readonly column?: number;
  /** The same for keys that mean the same. */
  readonly text: string;
  /** For people. */
  readonly shown: string;
}

/** What these give depends on more than the row: the clock, chance, the window. */
const fleeting = new Set(['NOW', 'CURRENTTIMESTAMP', 'UUID', 'WINDOWSTART', 'WINDOWEND', 'EVENTTIMESTAMP']);

/** Undefined where the expression depends on more than the row. */
export function rowKey(scope: Scope, expression: Expression, evaluate: Evaluate): RowKey | undefined {
  const column = columnOf(scope, expression)?.index;
  if (column === undefined && isFleeting(expression)) return undefined;
  return { evaluate, column, text: canonical(scope, expression), shown: shownAs(expression) };
}

function isFleeting(node: unknown): boolean {
  if (typeof node !== 'object' || node === null) return false;
  const { kind, name } = node as Partial<Expression & { readonly kind: 'call' }>;
  if (kind === 'call' && fleeting.has(String(name).toUpperCase().replaceAll('_', ''))) return true;
  return Object.values(node).some(isFleeting);
}

function shownAs(expression: Expression): string {
  if (expression.kind === 'name') return expression.name;
  if (expression.kind === 'field') return expression.name.text;
  return printExpression(expression);
}
