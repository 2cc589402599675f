import type { Expression, Query, SelectItem } from '../ast/ast.ts';
import type { Environment } from '../functions/scalar-function.ts';
import { SqlProblem } from '../sql-error.ts';
import { comparison, hasOrder } from '../values/compare.ts';
import type { ExpressionType } from '../values/type.ts';
import type { Evaluate } from '../values/value.ts';
import { bind, bindCondition } from './bind.ts';
import { Aggregates, type Context, type Named } from './context.ts';
import { checkInput, type StreamOf } from './input.ts';
import type { PartitionPlan, QueryPlan } from './query-plan.ts';
import { type RowKey, rowKey } from './row-key.ts';
import { type Column, canonical, columnOf, columnsOf, inputOf, type Scope } from './scope.ts';
import { hasTimes, isBatch, type WindowPlan } from './window.ts';

/** What a query says of itself, before its target is known. */
export type CheckedQuery = Omit<QueryPlan, 'convert' | 'copies'> & {
  /** For each selected column the place in the flat row that it names; undefined where it is computed. */
  readonly outputColumns: readonly (number | undefined)[];
  /** Of the selected columns; NULL where only NULL is selected. */
  readonly outputTypes: readonly ExpressionType[];
  readonly outputPlaces: readonly number[];
};

interface Item {
  readonly name: string;
  readonly at: number;
  readonly value: Expression;
}

export function checkQuery(
  query: Query,
  index: number,
  streamOf: StreamOf,
  environment: Environment,
  partition?: PartitionPlan,
): CheckedQuery {
  if (query.output?.every === 0)
    throw new SqlProblem('E_RATE', query.output.at, 'the number of events must be positive');
  const { input, scope, window } = checkInput(query, streamOf, environment);
  const context: Context = { scope, environment, clause: 'SELECT', hasWindowTimes: false, eventTimeIsWindowEnd: false };
  const where = query.where && bindCondition(query.where, { ...context, clause: 'WHERE' });
  const isLate = !query.whereFirst && (window.kind === 'length' || window.kind === 'lengthbatch');

  const items = expandItems(query, scope, input.kind === 'pattern');
  const batch = isBatch(window) || (input.kind === 'join' && input.tumblingMs !== undefined);
  const withTimes = hasTimes(window.kind) || (input.kind === 'join' && input.tumblingMs !== undefined);
  const groupBy = query.groupBy
    .map((key) => aliased(key, items, scope))
    .filter((key) => !(withTimes && isWindowTime(key)));
  const keys = groupBy.map((key) => bind(key, { ...context, clause: 'GROUP BY' }));
  const aggregates = new Aggregates();
  // Whether there is an aggregate at all is known only after a first look; it decides what a plain column may mean.
  const isGrouped =
    query.groupBy.length > 0 ||
    usesAggregates(query, items, { ...context, aggregates: new Aggregates(), hasWindowTimes: withTimes });
  const mode = isGrouped ? (batch ? 'groups' : 'running') : 'rows';
  checkBounds(query, batch);

  const keySlots = new Map<string, Named>(
    groupBy.map((key, slot) => [canonical(scope, key), { index: slot, type: keys[slot]!.type }]),
  );
  const selected: Context = {
    ...context,
    aggregates,
    keys: mode === 'groups' ? keySlots : undefined,
    hasWindowTimes: withTimes,
    eventTimeIsWindowEnd: mode === 'groups' && withTimes,
  };
  const outputs = items.map(({ value }) => bind(value, selected));
  const columns = outputColumns(
    items,
    outputs.map(({ type }) => type),
  );
  const named = new Map<string, Named>(
    items.map(({ name }, slot) => [name, { index: slot, type: outputs[slot]!.type }]),
  );
  const behind: Context = { ...selected, outputs: named };
  if (query.having !== undefined && !isGrouped)
    throw new SqlProblem('E_AGG_CONTEXT', query.having.at, 'HAVING needs an aggregate or GROUP BY: use WHERE');
  return {
    index,
    query,
    input,
    reads: columnsRead([query, items], scope, input.kind === 'pattern', partition),
    filter: isLate ? undefined : where,
    lateFilter: isLate ? where : undefined,
    window: sessionByGroup(
      window,
      keys.map(({ evaluate }) => evaluate),
    ),
    mode,
    keys: keys.map(({ evaluate }) => evaluate),
    groupKeys: groupBy.flatMap((key, slot) => rowKey(scope, key, keys[slot]!.evaluate) ?? []),
    windowKey: windowKeyOf(query, window, scope),
    outputColumns: items.map(({ value }) => columnOf(scope, value)?.index),
    having: query.having && bindCondition(query.having, { ...behind, clause: 'HAVING' }),
    outputs: outputs.map(({ evaluate }) => evaluate),
    columns,
    outputTypes: outputs.map(({ type }) => type),
    outputPlaces: items.map(({ at }) => at),
    distinct: query.distinct,
    orderBy: query.orderBy.map(({ value, descending, nulls }) => {
      const { type, evaluate } = bind(value, { ...behind, clause: 'ORDER BY' });
      if (!hasOrder(type)) throw new SqlProblem('E_TYPE', query.orderAt, `ORDER BY has no order for ${type}`);
      return {
        evaluate,
        compare: comparison(type, type)!,
        descending,
        nullsFirst: nulls === undefined ? descending : nulls === 'first',
      };
    }),
    aggregates: aggregates.plans,
    limit: query.limit?.count,
    offset: query.offset?.count ?? 0,
    rate: query.output && { kind: query.output.kind, every: query.output.every },
    target: query.target?.text ?? 'OutputStream',
    partition,
  };
}

/** In a pattern a bare name may mean a column of any element: all columns count as read there. */
function columnsRead(
  nodes: unknown,
  scope: Scope,
  isPattern: boolean,
  partition: PartitionPlan | undefined,
): ReadonlyMap<string, ReadonlySet<number>> {
  const named = columnsOf(scope, nodes);
  const reads = new Map<string, Set<number>>();
  for (const { stream, columns, offset } of scope.inputs) {
    const read = reads.get(stream) ?? new Set(partition?.keys.has(stream) ? [partition.keys.get(stream)!] : []);
    for (const place of columns.keys()) if (isPattern || named.has(offset + place)) read.add(place);
    reads.set(stream, read);
  }
  return reads;
}

/** `*` and `name.*` become their columns; each item gets the name of its output column. */
function expandItems(query: Query, scope: Scope, isPattern: boolean): Item[] {
  return query.items.flatMap((item, position) => {
    if (item.kind === 'expression') return [{ name: nameOf(item, position), at: item.at, value: item.value }];
    if (isPattern && item.of === undefined)
      throw new SqlProblem(
        'E_PATTERN',
        item.at,
        "'*' is not possible over a pattern: name the columns of its elements",
      );
    return expandAll(item, scope);
  });
}

function expandAll({ at, of }: SelectItem & { readonly kind: 'all' }, scope: Scope): Item[] {
  const only = of === undefined ? undefined : inputOf(scope, of.text);
  if (of !== undefined && only === undefined)
    throw new SqlProblem('E_UNKNOWN_STREAM', of.at, `this query does not read '${of.text}'`);
  return (only === undefined ? scope.inputs : [only]).flatMap(({ name: input, columns }) =>
    columns.map(({ name }) => {
      const object = { kind: 'name', at, name: input } as const;
      return { name, at, value: { kind: 'field', at, object, name: { at, text: name } } as const };
    }),
  );
}

function nameOf({ value, alias }: SelectItem & { readonly kind: 'expression' }, position: number): string {
  if (alias !== undefined) return alias.text;
  if (value.kind === 'name') return value.name;
  return value.kind === 'field' ? value.name.text : `expr_${position}`;
}

function outputColumns(items: readonly Item[], types: readonly ExpressionType[]): Column[] {
  const columns: Column[] = [];
  for (const [index, { name, at }] of items.entries()) {
    if (columns.some((column) => column.name === name))
      throw new SqlProblem('E_DUPLICATE', at, `output column '${name}' stands twice: use AS`);
    const type = types[index]!;
    columns.push({ name, type: type === 'NULL' ? 'STRING' : type });
  }
  return columns;
}

/** GROUP BY may name a selected column, where no input has one of that name. */
function aliased(key: Expression, items: readonly Item[], scope: Scope): Expression {
  if (key.kind !== 'name' || columnOf(scope, key) !== undefined) return key;
  return items.find(({ name }) => name === key.name)?.value ?? key;
}

/** WINDOW_START() and WINDOW_END() are the same for all rows of a window: grouping by them changes nothing. */
function isWindowTime(key: Expression): boolean {
  return key.kind === 'call' && ['WINDOWSTART', 'WINDOWEND'].includes(key.name.toUpperCase().replaceAll('_', ''));
}

function usesAggregates(
  query: Query,
  items: readonly Item[],
  context: Context & { readonly aggregates: Aggregates },
): boolean {
  const outputs = new Map<string, Named>(
    items.map(({ name, value }, index) => [name, { index, type: bind(value, context).type }]),
  );
  const behind = { ...context, outputs };
  if (query.having !== undefined) bind(query.having.value, behind);
  for (const { value } of query.orderBy) bind(value, behind);
  return context.aggregates.plans.length > 0;
}

/** What orders or counts rows needs an end, which only a batch has. */
function checkBounds(query: Query, batch: boolean): void {
  if (batch) return;
  const refuse = (at: number, what: string): never => {
    throw new SqlProblem('E_UNBOUNDED', at, `${what} needs a batch window: without one the rows never end`);
  };
  if (query.distinct) refuse(query.at, 'DISTINCT');
  if (query.orderBy.length > 0) refuse(query.orderAt, 'ORDER BY');
  if (query.limit !== undefined) refuse(query.limit.at, 'LIMIT');
  if (query.offset !== undefined) refuse(query.offset.at, 'OFFSET');
}

function windowKeyOf({ window, from }: Query, plan: WindowPlan, scope: Scope): RowKey | undefined {
  const written =
    (from.kind === 'source' ? from.source.window : from.kind === 'join' ? from.left.window : undefined) ?? window;
  if (plan.kind === 'session') {
    const own = written?.arguments[1];
    return own === undefined || plan.keys === undefined ? undefined : rowKey(scope, own, plan.keys[0]!);
  }
  if (plan.kind !== 'unique' && plan.kind !== 'firstunique') return undefined;
  return rowKey(scope, written!.arguments[0]!, plan.key);
}

/** A session without a key of its own goes by the groups. */
function sessionByGroup(window: WindowPlan, keys: readonly Evaluate[]): WindowPlan {
  if (window.kind !== 'session' || window.keys !== undefined) return window;
  return { ...window, keys };
}
