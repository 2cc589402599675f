import type { Create, Name } from '../ast/ast.ts';
import { didYouMean, SqlProblem } from '../sql-error.ts';
import type { StreamPlan } from './stream-plan.ts';

/** A dead-letter stream has exactly these columns, in any order. */
export const deadLetterColumns = {
  originalEvent: 'STRING',
  errorMessage: 'STRING',
  errorType: 'STRING',
  timestamp: 'LONG',
  attemptCount: 'INT',
  streamName: 'STRING',
} as const;

/** Checks that dead letters of a stream have where to go, and that no letter can be the cause of another one. */
export function checkDeadLetters({ name, options }: Create, streamOf: (name: Name) => StreamPlan): void {
  const target = options.find(({ key }) => key.text === 'error.dlq.stream')?.value;
  if (target === undefined) return;
  const refuse = (problem: string): never => {
    throw new SqlProblem('E_OPTION_VALUE', target.at, `dead-letter stream '${target.text}' ${problem}`);
  };
  if (target.text === name.text) refuse('is the stream itself');
  const stream = streamOf(target);
  if (stream.options.role === 'source') refuse('is a source');
  if (stream.options.values.get('error.strategy') === 'dlq')
    refuse("must not have dead letters of its own: its error.strategy is 'dlq'");
  const wanted = Object.entries(deadLetterColumns);
  for (const [column, type] of wanted) {
    const found = stream.columns.find((known) => known.name === column);
    if (found === undefined) {
      const names = stream.columns.map((known) => known.name);
      refuse(`lacks the column ${column} ${type}${didYouMean(column, names)}`);
    } else if (found.type !== type) refuse(`has the column ${column} as ${found.type}: it must be ${type}`);
  }
  const more = stream.columns.find((known) => !Object.hasOwn(deadLetterColumns, known.name));
  if (more !== undefined)
    refuse(`has a column '${more.name}': it must have exactly ${wanted.map((column) => column.join(' ')).join(', ')}`);
}
