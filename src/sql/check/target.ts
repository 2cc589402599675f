import type { Query } from '../ast/ast.ts';
import { SqlProblem } from '../sql-error.ts';
import { cast } from '../values/cast.ts';
import { intFromLong, type Long } from '../values/long.ts';
import { type ExpressionType, isInteger, isNumeric, type Type } from '../values/type.ts';
import type { Value } from '../values/value.ts';
import type { CheckedQuery } from './query.ts';
import type { QueryPlan } from './query-plan.ts';
import type { StreamPlan } from './stream-plan.ts';

/**
 * How selected rows become rows of the target: by name when every selected name is one of its columns, else by place,
 * with the conversions that need no CAST.
 */
export function bindTarget(
  query: Query,
  checked: CheckedQuery,
  target: StreamPlan,
  at: number,
): Pick<QueryPlan, 'convert' | 'copies'> {
  if (target.options.role === 'source')
    throw new SqlProblem('E_INSERT_TARGET', at, `'${target.name}' is a source and cannot be written`);
  const { columns } = checked;
  if (columns.length !== target.columns.length) {
    const counts = `${columns.length} selected, ${target.columns.length} in '${target.name}'`;
    throw new SqlProblem('E_INSERT_ARITY', at, `the number of columns must be equal: ${counts}`);
  }
  const byName = columns.every(({ name }) => target.columns.some((column) => column.name === name));
  const moves = target.columns.map((column, place) => {
    const from = byName ? columns.findIndex(({ name }) => name === column.name) : place;
    const convert = conversion(checked.outputTypes[from]!, column.type);
    if (convert === undefined) {
      const what = `column '${column.name}' of '${target.name}' is ${column.type}, not ${columns[from]!.type}`;
      throw new SqlProblem('E_TYPE', placeOfColumn(query, checked, from), `${what}: use CAST`);
    }
    return { from, convert };
  });
  const copies = moves.map(({ from, convert }) => (convert === same ? checked.outputColumns[from] : undefined));
  if (moves.every(({ from, convert }, place) => from === place && convert === same))
    return { copies, convert: (outputs) => outputs };
  return { copies, convert: (outputs) => moves.map(({ from, convert }) => convert(outputs[from]!)) };
}

const same = (value: Value): Value => value;

/** Silent truncation and silent text are the dearer mistakes: they need CAST. */
function conversion(from: ExpressionType, to: Type): ((value: Value) => Value) | undefined {
  if (from === to || from === 'NULL') return same;
  if (from === 'OBJECT' || to === 'OBJECT') return cast(from, to);
  if (to === 'INT' && from === 'LONG') return (value) => (value === null ? null : intFromLong(value as Long));
  if (to === 'LONG' && from === 'INT') return same;
  if (isNumeric(from) && isNumeric(to) && !isInteger(to)) return isInteger(from) ? cast(from, to) : same;
  return undefined;
}

/** The start of the item that gave a column. */
function placeOfColumn(query: Query, checked: CheckedQuery, column: number): number {
  return checked.outputPlaces[column] ?? query.at;
}
