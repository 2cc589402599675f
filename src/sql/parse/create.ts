import type { ColumnDefinition, Create, Name, Option } from '../ast/ast.ts';
import type { Cursor } from './cursor.ts';

/** `CREATE STREAM name (column, …) WITH (option, …)`; CREATE has been read. */
export function parseCreate(cursor: Cursor, at: number): Create {
  const isTable = cursor.isWord('TABLE');
  if (cursor.isWord('TRIGGER')) cursor.refuse('E_UNSUPPORTED', 'triggers are not offered');
  if (!isTable && !cursor.isWord('STREAM')) return cursor.fail('STREAM or TABLE', ['STREAM', 'TABLE']);
  cursor.next();
  const name = cursor.expectName('a name');
  cursor.expectSymbol('(');
  const columns = [parseColumn(cursor)];
  while (cursor.takeSymbol(',') !== undefined) columns.push(parseColumn(cursor));
  cursor.expectSymbol(')', ',');
  const options = cursor.takeWord('WITH') === undefined ? [] : parseOptions(cursor);
  return { kind: 'create', at, what: isTable ? 'table' : 'stream', name, columns, options };
}

function parseColumn(cursor: Cursor): ColumnDefinition {
  const name = cursor.expectName('the name of a column');
  const type = parseType(cursor);
  const primaryKey = cursor.takeWord('PRIMARY') !== undefined;
  if (primaryKey) cursor.expectWord('KEY');
  const notNull = cursor.takeWord('NOT') !== undefined;
  if (notNull) cursor.expectWord('NULL');
  return { name, type, primaryKey, notNull };
}

/** A type's name; lengths and scales are read and left away. */
export function parseType(cursor: Cursor): Name {
  const name = cursor.expectName('a type');
  if (cursor.takeSymbol('(') === undefined) return name;
  cursor.expectInteger('a length');
  if (cursor.takeSymbol(',') !== undefined) cursor.expectInteger('a scale');
  cursor.expectSymbol(')');
  return name;
}

function parseOptions(cursor: Cursor): Option[] {
  cursor.expectSymbol('(');
  if (cursor.takeSymbol(')') !== undefined) return [];
  const options = [parseOption(cursor)];
  while (cursor.takeSymbol(',') !== undefined) options.push(parseOption(cursor));
  cursor.expectSymbol(')', ',');
  return options;
}

function parseOption(cursor: Cursor): Option {
  const key = parseKey(cursor);
  if (cursor.isSymbol('-'))
    cursor.refuse('E_SYNTAX', "expected '=', found '-': a key with this sign in it is written in quotes");
  cursor.expectSymbol('=');
  const { token } = cursor;
  if (cursor.takeSymbol('-') !== undefined) {
    const number = cursor.token;
    if (number.kind !== 'number') return cursor.fail('a number');
    cursor.next();
    return { key, value: { at: token.at, text: `-${number.text}` } };
  }
  if (token.kind === 'symbol' || token.kind === 'bad' || token.kind === 'end')
    return cursor.fail('a value: a string, a number, true or false');
  cursor.next();
  return { key, value: { at: token.at, text: token.text } };
}

/** A quoted key, or words with dots between them: `websocket.url`. */
function parseKey(cursor: Cursor): Name {
  const { token } = cursor;
  if (token.kind === 'string' || token.kind === 'quoted') {
    cursor.next();
    return { at: token.at, text: token.text };
  }
  const first = cursor.expectName('the key of an option');
  let { text } = first;
  while (cursor.takeSymbol('.') !== undefined) text += `.${cursor.expectName('the key of an option').text}`;
  return { at: first.at, text };
}
