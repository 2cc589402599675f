import type { CaseBranch, Expression, PathKey } from '../ast/ast.ts';
import { SqlProblem } from '../sql-error.ts';
import { longFromText } from '../values/long.ts';
import { parseType } from './create.ts';
import type { Cursor } from './cursor.ts';
import { parseDuration, startsInterval } from './duration.ts';

type Parse = (cursor: Cursor) => Expression;

/** Words that an expression cannot start with, besides the reserved ones. */
const operatorWords = new Set(['AND', 'OR', 'IN', 'IS', 'LIKE', 'BETWEEN', 'WHEN', 'THEN', 'ELSE', 'BY']);

/** `minusAt`: the place of a minus that has just been read and belongs to the number that follows. */
export function parsePrimary(cursor: Cursor, parseExpression: Parse, minusAt?: number): Expression {
  let value = parseAtom(cursor, parseExpression, minusAt);
  for (;;) {
    const next = parsePostfix(cursor, value);
    if (next === undefined) return value;
    value = next;
  }
}

function parsePostfix(cursor: Cursor, object: Expression): Expression | undefined {
  const { at } = cursor.token;
  if (cursor.takeSymbol('.') !== undefined) return { kind: 'field', at, object, name: cursor.expectName('a name') };
  if (cursor.takeSymbol('[') !== undefined) {
    const key: PathKey =
      cursor.takeWord('LAST') !== undefined ? { last: true } : parseKey(cursor, 'a number, a string or last');
    cursor.expectSymbol(']');
    return { kind: 'element', at, object, key };
  }
  const text = cursor.isSymbol('->>');
  if (!text && !cursor.isSymbol('->')) return undefined;
  cursor.next();
  return { kind: 'arrow', at, object, key: parseKey(cursor, 'a string or a number'), text };
}

function parseKey(cursor: Cursor, expected: string): string | number {
  const { token } = cursor;
  if (token.kind === 'string') {
    cursor.next();
    return token.text;
  }
  return cursor.expectInteger(expected).value;
}

function parseAtom(cursor: Cursor, parseExpression: Parse, minusAt?: number): Expression {
  const { token } = cursor;
  const { at } = token;
  switch (token.kind) {
    case 'number':
      cursor.next();
      return numberLiteral(token.text, minusAt ?? at, minusAt !== undefined);
    case 'string':
      cursor.next();
      return { kind: 'string', at, value: token.text };
    case 'quoted':
      cursor.next();
      return { kind: 'name', at, name: token.text };
    case 'ident':
      return parseWord(cursor, token.upper, parseExpression);
    case 'symbol':
    case 'bad':
    case 'end':
      break;
  }
  if (cursor.takeSymbol('(') === undefined) return cursor.fail('an expression');
  if (cursor.isWord('SELECT')) cursor.refuse('E_UNSUPPORTED', 'a query inside a query is not offered');
  const value = parseExpression(cursor);
  cursor.expectSymbol(')');
  return value;
}

function numberLiteral(text: string, at: number, negative: boolean): Expression {
  const signed = negative ? `-${text}` : text;
  if (/^\d+$/.test(text)) {
    const value = longFromText(signed);
    if (value !== null) return { kind: 'long', at, value };
  }
  if (!Number.isFinite(Number(text)))
    throw new SqlProblem('E_SYNTAX', at, `the number ${text} is too large for a DOUBLE`);
  return { kind: 'double', at, value: Number(signed) };
}

function parseWord(cursor: Cursor, word: string, parseExpression: Parse): Expression {
  const { at } = cursor.token;
  const called = cursor.isSymbol('(', 1);
  switch (word) {
    case 'NULL':
      cursor.next();
      return { kind: 'null', at };
    case 'TRUE':
    case 'FALSE':
      cursor.next();
      return { kind: 'bool', at, value: word === 'TRUE' };
    case 'CURRENT_TIMESTAMP':
      if (called) break;
      cursor.next();
      return { kind: 'call', at, name: 'CURRENT_TIMESTAMP', arguments: [], star: false, distinct: false };
    case 'INTERVAL':
      if (startsInterval(cursor)) return parseDuration(cursor, 'E_SYNTAX');
      break;
    case 'CASE':
      return parseCase(cursor, parseExpression);
    case 'CAST':
    case 'TRY_CAST':
      if (!called) break;
      return parseCast(cursor, word === 'TRY_CAST', parseExpression);
    case 'EXTRACT':
      if (!called) break;
      return parseExtract(cursor, parseExpression);
  }
  if (called && !operatorWords.has(word) && word !== 'NOT') return parseCall(cursor, parseExpression);
  // A stream may be called In: no operator has a point behind it.
  const isOperator = operatorWords.has(word) && !cursor.isSymbol('.', 1);
  if (cursor.isReserved() || isOperator || word === 'NOT') return cursor.fail('an expression');
  return { kind: 'name', at, name: cursor.next().text };
}

function parseCall(cursor: Cursor, parseExpression: Parse): Expression {
  const { at, text: name } = cursor.next();
  cursor.expectSymbol('(');
  const call = { kind: 'call', at, name } as const;
  if (cursor.takeSymbol(')') !== undefined) return { ...call, arguments: [], star: false, distinct: false };
  if (cursor.takeSymbol('*') !== undefined) {
    cursor.expectSymbol(')');
    return { ...call, arguments: [], star: true, distinct: false };
  }
  const distinct = cursor.isWord('DISTINCT') && !cursor.isSymbol(')', 1) && !cursor.isSymbol(',', 1);
  if (distinct) cursor.next();
  const list = [parseExpression(cursor)];
  while (cursor.takeSymbol(',') !== undefined) list.push(parseExpression(cursor));
  cursor.expectSymbol(')', ',');
  return { ...call, arguments: list, star: false, distinct };
}

function parseCase(cursor: Cursor, parseExpression: Parse): Expression {
  const { at } = cursor.next();
  const subject = cursor.isWord('WHEN') ? undefined : parseExpression(cursor);
  const branches: CaseBranch[] = [];
  while (branches.length === 0 || cursor.isWord('WHEN')) {
    cursor.expectWord('WHEN');
    const when = parseExpression(cursor);
    cursor.expectWord('THEN');
    branches.push({ when, result: parseExpression(cursor) });
  }
  const otherwise = cursor.takeWord('ELSE') === undefined ? undefined : parseExpression(cursor);
  cursor.expectWord('END', ...(otherwise === undefined ? ['WHEN', 'ELSE'] : []));
  return { kind: 'case', at, subject, branches, otherwise };
}

function parseCast(cursor: Cursor, isTry: boolean, parseExpression: Parse): Expression {
  const { at } = cursor.next();
  cursor.expectSymbol('(');
  const value = parseExpression(cursor);
  cursor.expectWord('AS');
  const type = parseType(cursor);
  cursor.expectSymbol(')');
  return { kind: 'cast', at, try: isTry, value, type };
}

function parseExtract(cursor: Cursor, parseExpression: Parse): Expression {
  const { at } = cursor.next();
  cursor.expectSymbol('(');
  const unit = cursor.expectName('a unit of time');
  cursor.expectWord('FROM');
  const value = parseExpression(cursor);
  cursor.expectSymbol(')');
  return { kind: 'extract', at, unit, value };
}
