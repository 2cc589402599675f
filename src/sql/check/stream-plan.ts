import type { Create } from '../ast/ast.ts';
import { didYouMean, SqlProblem } from '../sql-error.ts';
import { typeNames, typeOfName } from '../values/type.ts';
import { checkOptions, type StreamOptions } from './options.ts';
import type { Column } from './scope.ts';

/** A stream or table with its columns: declared, or made by the first query that writes it. */
export interface StreamPlan {
  readonly name: string;
  readonly isTable: boolean;
  readonly isDeclared: boolean;
  readonly columns: readonly Column[];
  /** Places of the key's columns; a table without them only grows. */
  readonly primaryKey: readonly number[];
  readonly options: StreamOptions;
  readonly eventTime?: EventTime;
}

export interface EventTime {
  readonly column: number;
  readonly delayMs: number;
  readonly idleMs?: number;
}

export function checkCreate(create: Create): StreamPlan {
  const columns: Column[] = [];
  for (const { name, type, notNull } of create.columns) {
    if (columns.some((column) => column.name === name.text))
      throw new SqlProblem('E_DUPLICATE', name.at, `column '${name.text}' stands twice`);
    const known = typeOfName(type.text);
    if (known === undefined)
      throw new SqlProblem('E_UNKNOWN_TYPE', type.at, `unknown type '${type.text}'${didYouMean(type.text, typeNames)}`);
    columns.push({ name: name.text, type: known, notNull });
  }
  const options = checkOptions(create, columns);
  return {
    name: create.name.text,
    isTable: create.what === 'table',
    isDeclared: true,
    columns,
    primaryKey: create.columns.flatMap(({ primaryKey }, index) => (primaryKey ? [index] : [])),
    options,
    eventTime: eventTimeOf(options, columns),
  };
}

function eventTimeOf({ values }: StreamOptions, columns: readonly Column[]): EventTime | undefined {
  const field = values.get('event.time.field');
  if (field === undefined) return undefined;
  const idle = values.get('watermark.idle.ms');
  return {
    column: columns.findIndex(({ name }) => name === field),
    delayMs: Number(values.get('watermark.delay.ms') ?? 0),
    idleMs: idle === undefined ? undefined : Number(idle),
  };
}
