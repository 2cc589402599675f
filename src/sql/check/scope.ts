import type { Expression } from '../ast/ast.ts';
import { didYouMean, SqlProblem } from '../sql-error.ts';
import type { Type } from '../values/type.ts';

export interface Column {
  readonly name: string;
  readonly type: Type;
  readonly notNull?: boolean;
}

/** A stream, table or pattern element that a query reads; its columns stand at `offset` of the query's flat row. */
export interface Input {
  /** Its alias, or its own name. */
  readonly name: string;
  readonly stream: string;
  readonly columns: readonly Column[];
  readonly offset: number;
}

export interface Slot {
  readonly index: number;
  readonly type: Type;
}

/** What names mean in an expression. */
export interface Scope {
  readonly inputs: readonly Input[];
  /** The input that unqualified names mean, where not all are meant. */
  readonly current?: Input;
  /** Streams of the script, to tell a stream that this query does not read from a name that nobody knows. */
  readonly isStream: (name: string) => boolean;
}

/** An input by its alias, else by its stream's name if no other input has that. */
export function inputOf(scope: Scope, qualifier: string): Input | undefined {
  const byAlias = scope.inputs.find(({ name }) => name === qualifier);
  if (byAlias !== undefined) return byAlias;
  const byStream = scope.inputs.filter(({ stream }) => stream === qualifier);
  return byStream.length === 1 ? byStream[0] : undefined;
}

/** The column that a name or `input.name` stands for; undefined where the expression is no such name. */
export function columnOf(scope: Scope, expression: Expression): Slot | undefined {
  if (expression.kind === 'name') return findColumn(scope, expression.name);
  if (expression.kind !== 'field' || expression.object.kind !== 'name') return undefined;
  const input = inputOf(scope, expression.object.name);
  return input === undefined ? undefined : slotIn(input, expression.name.text);
}

export function slotIn(input: Input, column: string): Slot | undefined {
  const index = input.columns.findIndex(({ name }) => name === column);
  return index === -1 ? undefined : { index: input.offset + index, type: input.columns[index]!.type };
}

function findColumn(scope: Scope, name: string): Slot | undefined {
  const slots = unqualified(scope).map((input) => slotIn(input, name));
  const found = slots.filter((slot) => slot !== undefined);
  return found.length === 1 ? found[0] : undefined;
}

function unqualified({ current, inputs }: Scope): readonly Input[] {
  return current === undefined ? inputs : [current];
}

/** Why an unqualified name stands for no column. */
export function failName(scope: Scope, name: string, at: number, others: Iterable<string> = []): never {
  const having = unqualified(scope).filter((input) => slotIn(input, name) !== undefined);
  if (having.length > 1) {
    const names = having.map((input) => `${input.name}.${name}`).join(' and ');
    throw new SqlProblem('E_AMBIGUOUS_COLUMN', at, `column '${name}' is ambiguous: it may be ${names}`);
  }
  const known = [...unqualified(scope).flatMap(({ columns }) => columns.map((column) => column.name)), ...others];
  throw new SqlProblem('E_UNKNOWN_COLUMN', at, `unknown column '${name}'${didYouMean(name, known)}`);
}

/** Why `qualifier.column` stands for nothing; `qualifier` is the name of no input and no column. */
export function failQualifier(scope: Scope, qualifier: string, at: number): never {
  const inputs = scope.inputs.map(({ name }) => name);
  if (scope.isStream(qualifier))
    throw new SqlProblem(
      'E_UNKNOWN_STREAM',
      at,
      `this query does not read stream '${qualifier}'${didYouMean(qualifier, inputs)}`,
    );
  return failName(scope, qualifier, at, inputs);
}

export function failColumn(input: Input, name: string, at: number): never {
  const known = input.columns.map((column) => column.name);
  throw new SqlProblem('E_UNKNOWN_COLUMN', at, `unknown column '${name}' of ${input.name}${didYouMean(name, known)}`);
}

/** Text that is equal for expressions that mean the same: columns by their place, functions in one spelling. */
export function canonical(scope: Scope, node: unknown): string {
  if (typeof node === 'bigint') return `${node}n`;
  if (typeof node !== 'object' || node === null) return JSON.stringify(node) ?? '';
  if (Array.isArray(node)) return `[${node.map((element) => canonical(scope, element)).join(',')}]`;
  const slot = columnOf(scope, node as Expression);
  if (slot !== undefined) return `#${slot.index}`;
  const call = (node as Expression).kind === 'call';
  const members = Object.entries(node).filter(([key, value]) => key !== 'at' && value !== undefined);
  const texts = members.map(([key, value]) => {
    const text = call && key === 'name' ? String(value).toUpperCase().replaceAll('_', '') : canonical(scope, value);
    return `${key}:${text}`;
  });
  return `{${texts.join(',')}}`;
}

/** The places of all columns that an expression reads. */
export function columnsOf(scope: Scope, node: unknown, found = new Set<number>()): Set<number> {
  if (typeof node !== 'object' || node === null) return found;
  const slot = columnOf(scope, node as Expression);
  if (slot !== undefined) found.add(slot.index);
  else for (const child of Object.values(node)) columnsOf(scope, child, found);
  return found;
}
