import type { Create, Statement } from '../ast/ast.ts';
import { print } from '../ast/print.ts';
import { parse } from '../parse/parse.ts';

/** One statement of a script, as far as it decides what the application's state means. */
export interface StatementIdentity {
  /** For people: `stream Trades`, `query 2 (INSERT INTO Out)`. */
  readonly name: string;
  /** Without comments, and the same however it is spaced. Holds no secret. */
  readonly text: string;
}

/** Where a source gets its rows, how they become rows, and their time. Addresses and credentials may change. */
const meaningful =
  /^(type|extension|format|kafka\.topic|event\.time\.field|watermark\..*|json\.(mapping\..*|ignore-parse-errors)|sse\.event)$/;

/** The statements of a script that has been checked. */
export function identityOf(script: string): readonly StatementIdentity[] {
  let before = 0;
  return parse(script).statements.map((statement) => {
    const identity = { name: nameOf(statement, before), text: textOf(statement) };
    before += queriesIn(statement);
    return identity;
  });
}

function nameOf(statement: Statement, queriesBefore: number): string {
  switch (statement.kind) {
    case 'create':
      return `${statement.what} ${statement.name.text}`;
    case 'query':
      return `query ${queriesBefore + 1} (INSERT INTO ${statement.target?.text ?? 'OutputStream'})`;
    case 'partition':
      return `the partition by ${statement.keys[0]?.column.text} from query ${queriesBefore + 1} on`;
  }
}

function queriesIn(statement: Statement): number {
  if (statement.kind === 'partition') return statement.queries.length;
  return statement.kind === 'query' ? 1 : 0;
}

/** What a sink does with its rows is no state of the application. */
function withoutConnection(create: Create): Create {
  const isSink = create.options.some(({ key, value }) => key.text === 'type' && value.text.toLowerCase() === 'sink');
  const options = create.options
    .filter(({ key }) => (isSink ? key.text === 'type' : meaningful.test(key.text)))
    .sort((a, b) => (a.key.text < b.key.text ? -1 : 1));
  return { ...create, options };
}

function textOf(statement: Statement): string {
  return print({ statements: [statement.kind === 'create' ? withoutConnection(statement) : statement] });
}
