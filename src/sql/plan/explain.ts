import { printQuery, printWindow } from '../ast/print.ts';
import { printExpression } from '../ast/print-expression.ts';
import type { ScriptPlan } from '../check/check.ts';
import type { InputPlan, QueryPlan } from '../check/query-plan.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { isBatch, type WindowPlan } from '../check/window.ts';
import { eventSourcesOf, streamsRead } from './graph.ts';

/** A plan for people: the streams, then each query with its operators from input to output and what they keep. */
export function explain(plan: ScriptPlan, maxState = 1_000_000): string {
  const sources = eventSourcesOf(plan);
  const streams = [...plan.streams.values()].map((stream) => explainStream(stream, plan));
  const queries = plan.queries.map((query) => {
    const timed = new Set(streamsRead(query).flatMap((name) => [...sources.get(name)!]));
    return explainQuery(query, plan, [...timed]);
  });
  const bound = `Each query keeps at most ${maxState} rows, groups and partial matches; a row that needs one more is refused and counted.`;
  return [...streams, ...queries, bound].join('\n\n');
}

function explainStream(stream: StreamPlan, { queries }: ScriptPlan): string {
  const { options, eventTime, columns } = stream;
  const what = stream.isTable ? 'table' : options.role === 'internal' ? 'stream' : options.role;
  const where = options.extension === undefined ? '' : ` (${options.extension}, ${options.format})`;
  const time =
    eventTime === undefined
      ? []
      : [`  time: column ${columns[eventTime.column]!.name}, watermark ${eventTime.delayMs} ms behind`];
  const origin = stream.isDeclared
    ? []
    : [`  made by query ${queries.findIndex(({ target }) => target === stream.name) + 1}`];
  const list = columns.map(({ name, type, notNull }) => `${name} ${type}${notNull === true ? ' NOT NULL' : ''}`);
  return [`${what} ${stream.name}${where}`, `  columns: ${list.join(', ')}`, ...time, ...origin].join('\n');
}

function explainQuery(plan: QueryPlan, { streams }: ScriptPlan, timed: readonly string[]): string {
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
    ...(plan.orderBy.length === 0 ? [] : [`order by ${plan.orderBy.length} key(s)`]),
    ...(plan.offset === 0 && plan.limit === undefined
      ? []
      : [`rows ${plan.offset} to ${plan.limit === undefined ? 'the end' : plan.offset + plan.limit}`]),
    ...(plan.rate === undefined ? [] : [`output: ${plan.rate.kind} every ${plan.rate.every} events`]),
    `write: ${plan.target} (${streams.get(plan.target)!.options.extension ?? 'in memory'})`,
  ];
  const partition =
    plan.partition === undefined ? '' : `, one instance for each key of ${[...plan.partition.keys.keys()].join(', ')}`;
  return [`query ${plan.index + 1}${partition}: ${printQuery(query)}`, ...steps.map((step) => `  ${step}`)].join('\n');
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
  if (mode === 'rows') return isBatch(window) ? ['keeps the rows of open windows'] : [];
  const names = aggregates.map(({ name, distinct }) => (distinct ? `${name} of distinct values` : name));
  const what = names.length === 0 ? 'groups only' : names.join(', ');
  const kept = mode === 'running' ? 'one state for each group' : 'one state for each group of each open window';
  return [`aggregate: ${what}, by ${keys.length} key(s); keeps ${kept}`];
}
