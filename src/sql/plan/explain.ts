import type { ScriptPlan } from '../check/check.ts';
import { describePlan, type PartsDescription, type QueryDescription, type StreamDescription } from './describe.ts';

/** A plan for people: the streams, then each query with its operators from input to output and what they keep. */
export function explain(plan: ScriptPlan): string {
  const { streams, queries, maxState, parts } = describePlan(plan);
  const bound = `Each query keeps at most ${maxState} rows, groups and partial matches; a row that needs one more is refused and counted.`;
  return [...streams.map(explainStream), ...queries.map(explainQuery), explainParts(parts), bound].join('\n\n');
}

function explainStream({ name, kind, extension, format, columns, eventTime, madeBy }: StreamDescription): string {
  const where = extension === undefined ? '' : ` (${extension}, ${format})`;
  const list = columns.map((column) => `${column.name} ${column.type}${column.notNull ? ' NOT NULL' : ''}`);
  return [
    `${kind} ${name}${where}`,
    `  columns: ${list.join(', ')}`,
    ...(eventTime === undefined
      ? []
      : [`  time: column ${eventTime.column}, watermark ${eventTime.watermarkDelayMs} ms behind`]),
    ...(madeBy === undefined ? [] : [`  made by query ${madeBy}`]),
  ].join('\n');
}

function explainParts({ whole, meetings }: PartsDescription): string {
  if (whole !== undefined) return `one part, whatever tasks.max says: ${whole}`;
  const lines = meetings.map(({ query, how }) => `  query ${query}: ${how}`);
  return ['with tasks.max above 1: parts, one for each partition of its topics', ...lines].join('\n');
}

function explainQuery({ number, sql, partitionedBy, steps }: QueryDescription): string {
  const partition = partitionedBy === undefined ? '' : `, one instance for each key of ${partitionedBy.join(', ')}`;
  const lines = steps.map(({ operator, detail }) => (detail === '' ? `  ${operator}` : `  ${operator}: ${detail}`));
  return [`query ${number}${partition}: ${sql}`, ...lines].join('\n');
}
