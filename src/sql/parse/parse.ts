import type { Partition, Query, Script, Statement } from '../ast/ast.ts';
import { SqlError, SqlProblem } from '../sql-error.ts';
import { parseCreate } from './create.ts';
import { Cursor } from './cursor.ts';
import { parseSelect } from './select.ts';

const starts = ['CREATE', 'DEFINE', 'INSERT', 'SELECT', 'PARTITION'];

/** The tree of a script. Throws SqlError at the first thing that cannot be read. */
export function parse(script: string): Script {
  try {
    const cursor = new Cursor(script);
    const statements: Statement[] = [];
    for (;;) {
      while (cursor.takeSymbol(';') !== undefined);
      if (cursor.token.kind === 'end') return { statements };
      statements.push(parseStatement(cursor));
      if (!cursor.isSymbol(';') && cursor.peek(0).kind !== 'end') cursor.fail("';' or the end of the script");
    }
  } catch (error) {
    throw error instanceof SqlProblem ? new SqlError(error, script) : error;
  }
}

function parseStatement(cursor: Cursor): Statement {
  const { at } = cursor.token;
  if (cursor.takeWord('CREATE') !== undefined || cursor.takeWord('DEFINE') !== undefined)
    return parseCreate(cursor, at);
  if (cursor.takeWord('PARTITION') !== undefined) return parsePartition(cursor, at);
  return parseQuery(cursor) ?? failStatement(cursor);
}

function parseQuery(cursor: Cursor): Query | undefined {
  if (cursor.isWord('SELECT')) return parseSelect(cursor);
  if (cursor.takeWord('INSERT') === undefined) return undefined;
  cursor.expectWord('INTO');
  return parseSelect(cursor, cursor.expectName('the name of a stream'));
}

function failStatement(cursor: Cursor): never {
  for (const word of ['UPDATE', 'DELETE', 'UPSERT', 'MERGE', 'DROP', 'ALTER', 'WITH']) {
    if (cursor.isWord(word)) cursor.refuse('E_UNSUPPORTED', `${word} is not offered`);
  }
  return cursor.fail(`a statement (${starts.join(', ')})`, starts);
}

/** `PARTITION WITH (column OF stream, …) BEGIN query; … END`; PARTITION has been read. */
function parsePartition(cursor: Cursor, at: number): Partition {
  cursor.expectWord('WITH');
  cursor.expectSymbol('(');
  const keys: Partition['keys'][number][] = [];
  do {
    const column = cursor.expectName('the name of a column');
    cursor.expectWord('OF');
    keys.push({ column, stream: cursor.expectName('the name of a stream') });
  } while (cursor.takeSymbol(',') !== undefined);
  cursor.expectSymbol(')', ',');
  cursor.expectWord('BEGIN');
  const queries: Query[] = [];
  for (;;) {
    while (cursor.takeSymbol(';') !== undefined);
    if (cursor.takeWord('END') !== undefined) return { kind: 'partition', at, keys, queries };
    for (const word of ['CREATE', 'DEFINE', 'PARTITION']) {
      if (cursor.isWord(word)) cursor.refuse('E_UNSUPPORTED', `${word} inside a PARTITION is not offered`);
    }
    queries.push(parseQuery(cursor) ?? cursor.fail('a query or END', ['SELECT', 'INSERT', 'END']));
    if (!cursor.isSymbol(';') && !cursor.isWord('END')) cursor.fail("';' or END");
  }
}
