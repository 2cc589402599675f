import { printQuery, printWindow } from '../ast/print.ts';
import { printExpression } from '../ast/print-expression.ts';
import type { ScriptPlan } from '../check/check.ts';
import type { InputPlan, QueryPlan } from '../check/query-plan.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { isBatch, type WindowPlan } from '../check/window.ts';
import { defaultMaxState } from '../operators/operator.ts';
import { eventSourcesOf, streamsRead } from './graph.ts';
import { type Cut, cutOf } from './parts/cut.ts';

/** A plan as plain data, for programs: what `POST /sql/explain` answers. */
export interface PlanDescription {
  readonly streams: readonly StreamDescription[];
  readonly queries: readonly QueryDescription[];
  /** Rows, groups and partial matches that each query, and rows that each table, may keep. */
  readonly maxState: number;
  readonly parts: PartsDescription;
}

/** How it runs where its connector may have several tasks. */
export interface PartsDescription {
  /** Set where it cannot be cut, and runs as one part: why. */
  readonly whole?: string;
  /** How the rows of each query come together; `query` is its number. */
  readonly meetings: readonly { readonly query: number; readonly how: string }[];
  /** Streams that go through a topic from part to part, and by what; by nothing: all rows go to one part. */
  readonly repartitions: readonly { readonly stream: string; readonly by: readonly string[] }[];
}

export interface StreamDescription {
  readonly name: string;
  readonly kind: 'source' | 'sink' | 'table' | 'stream';
  readonly extension?: string;
  readonly format?: string;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly notNull: boolean }[];
  /** Where the rows bring their own time. */
  readonly eventTime?: { readonly column: string; readonly watermarkDelayMs: number };
  /** Number of the query that makes it, where nobody declared it. */
  readonly madeBy?: number;
}

export interface QueryDescription {
  /** From 1, in the order of the script. */
  readonly number: number;
  readonly sql: string;
  readonly target: string;
  /** Streams with a key of their own: there is one instance of the query for each key. */
  readonly partitionedBy?: readonly string[];
  /** From input to output. */
  readonly steps: readonly Step[];
}

export interface Step {
  readonly operator: string;
  readonly detail: string;
}

export function describePlan(plan: ScriptPlan, maxState = defaultMaxState): PlanDescription {
  const sources = eventSourcesOf(plan);
  const queries = plan.queries.map((query) => {
    const timed = new Set(streamsRead(query).flatMap((name) => [...sources.get(name)!]));
    return describeQuery(query, plan, [...timed]);
  });
  const streams = [...plan.streams.values()].map((stream) => describeStream(stream, plan));
  return { streams, queries, maxState, parts: describeCut(cutOf(plan)) };
}

function describeCut(cut: Cut): PartsDescription {
  if (cut.kind === 'whole') return { whole: cut.reason, meetings: [], repartitions: [] };
  return {
    meetings: cut.meetings.map(({ query, how }) => ({ query: query + 1, how })),
    repartitions: cut.exchanges.map(({ stream, keys }) => ({ stream, by: keys.map(({ shown }) => shown) })),
  };
}

function describeStream(stream: StreamPlan, { queries }: ScriptPlan): StreamDescription {
  const { name, options, eventTime, columns } = stream;
  const { extension, format } = options;
  return {
    name,
    kind: stream.isTable ? 'table' : options.role === 'internal' ? 'stream' : options.role,
    ...(extension === undefined ? {} : { extension, format }),
    columns: columns.map((column) => ({ name: column.name, type: column.type, notNull: column.notNull === true })),
    ...(eventTime === undefined
      ? {}
      : { eventTime: { column: columns[eventTime.column]!.name, watermarkDelayMs: eventTime.delayMs } }),
    ...(stream.isDeclared ? {} : { madeBy: queries.findIndex(({ target }) => target === name) + 1 }),
  };
}

function describeQuery(plan: QueryPlan, { streams }: ScriptPlan, timed: readonly string[]): QueryDescription {
  const { query, window } = plan;
  const where = query.where === undefined ? [] : [`filter: ${printExpression(query.where.value)}`];
  const written = query.from.kind === 'source' ? (query.from.source.window ?? query.window) : query.window;
  const windowed =
    written === undefined ? [] : [`window: ${printWindow(written).slice('WINDOW '.length)}, ${closing(window, timed)}`];
  const steps = [
    ...inputSteps(plan.input, timed),
    ...(plan.lateFilter === undefined ? [...where, ...windowed] : [...windowed, ...where]),
    ...aggregateSteps(plan),
    ...(query.having === undefined ? [] : [`having: ${printExpression(query.having.value)}`]),
    ...(plan.distinct ? ['distinct'] : []),
    ...(plan.orderBy.length === 0 ? [] : [`order by: ${plan.orderBy.length} key(s)`]),
    ...(plan.offset === 0 && plan.limit === undefined
      ? []
      : [`rows: ${plan.offset} to ${plan.limit === undefined ? 'the end' : plan.offset + plan.limit}`]),
    ...(plan.rate === undefined ? [] : [`output: ${plan.rate.kind} every ${plan.rate.every} events`]),
    `write: ${plan.target} (${streams.get(plan.target)!.options.extension ?? 'in memory'})`,
  ];
  return {
    number: plan.index + 1,
    sql: printQuery(query),
    target: plan.target,
    ...(plan.partition === undefined ? {} : { partitionedBy: [...plan.partition.keys.keys()] }),
    steps: steps.map(stepOf),
  };
}

function stepOf(text: string): Step {
  const colon = text.indexOf(': ');
  return colon === -1
    ? { operator: text, detail: '' }
    : { operator: text.slice(0, colon), detail: text.slice(colon + 2) };
}

function inputSteps(input: InputPlan, timed: readonly string[]): string[] {
  switch (input.kind) {
    case 'source':
      return [`read: ${input.input.stream}`];
    case 'lookup':
      return [`look up: ${input.left.stream} in table ${input.table.stream}, ${found(input.tableKeys.length)}`];
    case 'pattern': {
      const elements = input.elements.map(({ kind, leaves }) =>
        leaves.map((leaf) => input.leaves[leaf]!.input.name).join(` ${kind} `),
      );
      const within = input.withinMs === Number.POSITIVE_INFINITY ? '' : `, within ${input.withinMs} ms`;
      return [`${input.sequence ? 'sequence' : 'pattern'}: ${elements.join(' -> ')}${within}; keeps partial matches`];
    }
    case 'join': {
      const windows =
        input.tumblingMs === undefined
          ? 'keeps the rows of both windows'
          : `${closing(input.left.window, timed)}, keeps the rows of open windows`;
      return [
        `${input.type} join: ${input.left.input.stream} with ${input.right.input.stream}, ${found(input.left.keys.length)}; ${windows}`,
      ];
    }
  }
}

function found(keys: number): string {
  return keys === 0 ? 'every pair is tried: ON holds no equality' : `found by ${keys} key(s)`;
}

function closing(window: WindowPlan, timed: readonly string[]): string {
  if (window.kind === 'lengthbatch' || window.kind === 'externaltimebatch') return 'closed by a row';
  if (window.kind === 'delay') return 'by the clock';
  if (!isBatch(window)) return 'a result for each row';
  return timed.length === 0 ? 'closed by the clock' : `closed by the watermark of ${timed.join(' and ')}`;
}

function aggregateSteps({ mode, keys, aggregates, window }: QueryPlan): string[] {
  if (mode === 'rows') return isBatch(window) ? ['state: keeps the rows of open windows'] : [];
  const names = aggregates.map(({ name, distinct }) => (distinct ? `${name} of distinct values` : name));
  const what = names.length === 0 ? 'groups only' : names.join(', ');
  const kept = mode === 'running' ? 'one state for each group' : 'one state for each group of each open window';
  return [`aggregate: ${what}, by ${keys.length} key(s); keeps ${kept}`];
}
