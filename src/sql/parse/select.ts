import type {
  Condition,
  Count,
  Expression,
  From,
  Name,
  OrderKey,
  OutputRate,
  Query,
  SelectItem,
  Source,
  Window,
} from '../ast/ast.ts';
import type { Cursor } from './cursor.ts';
import { parseDuration, startsDuration } from './duration.ts';
import { parseCondition, parseExpression } from './expression.ts';
import { parsePattern } from './pattern.ts';

/** A SELECT; the cursor stands at it. `target` comes from an INSERT INTO in front. */
export function parseSelect(cursor: Cursor, target?: Name): Query {
  const { at } = cursor.expectWord('SELECT');
  const distinct = cursor.isWord('DISTINCT') && !cursor.isSymbol(',', 1) && !cursor.isWord('FROM', 1);
  if (distinct) cursor.next();
  const items = [parseItem(cursor)];
  while (cursor.takeSymbol(',') !== undefined) items.push(parseItem(cursor));
  cursor.expectWord('FROM', "','");
  const from = parseFrom(cursor);
  let where = parseWhere(cursor);
  if (from.kind === 'source' && from.source.window !== undefined && cursor.isWord('WINDOW'))
    return cursor.fail('one WINDOW in a query');
  const window = cursor.isWord('WINDOW') ? parseWindow(cursor) : undefined;
  const whereFirst = where !== undefined && window !== undefined;
  where ??= parseWhere(cursor);
  const groupBy = takeWords(cursor, 'GROUP', 'BY') === undefined ? [] : parseList(cursor, parseExpression);
  const having = cursor.takeWord('HAVING') === undefined ? undefined : parseCondition(cursor);
  const orderAt = takeWords(cursor, 'ORDER', 'BY');
  const orderBy = orderAt === undefined ? [] : parseList(cursor, parseOrderKey);
  const limit = parseCount(cursor, 'LIMIT');
  const offset = parseCount(cursor, 'OFFSET');
  const output = parseOutput(cursor);
  if (cursor.isWord('UNION'))
    cursor.refuse('E_UNSUPPORTED', 'UNION is not offered: let both queries INSERT INTO one stream');
  const query = {
    kind: 'query',
    at,
    distinct,
    items,
    from,
    where,
    whereFirst,
    window,
    groupBy,
    having,
    orderBy,
  } as const;
  const rest = { orderAt: orderAt ?? at, limit, offset, output };
  if (target !== undefined) return { ...query, ...rest, target };
  const suffix =
    takeWords(cursor, 'INSERT', 'INTO') === undefined ? undefined : cursor.expectName('the name of a stream');
  return { ...query, ...rest, target: suffix };
}

function takeWords(cursor: Cursor, first: string, second: string): number | undefined {
  const token = cursor.takeWord(first);
  if (token === undefined) return undefined;
  cursor.expectWord(second);
  return token.at;
}

function parseList<T>(cursor: Cursor, parse: (cursor: Cursor) => T): T[] {
  const list = [parse(cursor)];
  while (cursor.takeSymbol(',') !== undefined) list.push(parse(cursor));
  return list;
}

function parseItem(cursor: Cursor): SelectItem {
  const { token } = cursor;
  const { at } = token;
  if (cursor.takeSymbol('*') !== undefined) return { kind: 'all', at };
  if ((token.kind === 'ident' || token.kind === 'quoted') && cursor.isSymbol('.', 1) && cursor.isSymbol('*', 2)) {
    const of = cursor.expectName('a name');
    cursor.next();
    cursor.next();
    return { kind: 'all', at, of };
  }
  const value = parseExpression(cursor);
  const alias = cursor.takeWord('AS') === undefined ? cursor.takeBareAlias() : cursor.expectName('a name');
  return { kind: 'expression', at, value, alias };
}

function parseFrom(cursor: Cursor): From {
  if ((cursor.isWord('PATTERN') || cursor.isWord('SEQUENCE')) && cursor.isSymbol('(', 1)) return parsePattern(cursor);
  if (cursor.isSymbol('('))
    cursor.refuse('E_UNSUPPORTED', 'a query inside a query is not offered: give it a stream of its own');
  const left = parseSource(cursor);
  const join = takeJoin(cursor);
  if (join === undefined) return { kind: 'source', source: left };
  const right = parseSource(cursor);
  cursor.expectWord('ON');
  const on = parseCondition(cursor);
  const { at } = cursor.token;
  if (takeJoin(cursor) !== undefined) cursor.refuse('E_UNSUPPORTED', 'a second JOIN in one query is not offered', at);
  return { kind: 'join', ...join, left, right, on };
}

function takeJoin(
  cursor: Cursor,
): { readonly at: number; readonly type: 'inner' | 'left' | 'right' | 'full' } | undefined {
  const { at } = cursor.token;
  if (cursor.takeWord('JOIN') !== undefined) return { at, type: 'inner' };
  if (cursor.isWord('CROSS')) cursor.refuse('E_UNSUPPORTED', 'CROSS JOIN is not offered: write JOIN … ON TRUE');
  if (cursor.takeWord('INNER') !== undefined) {
    cursor.expectWord('JOIN');
    return { at, type: 'inner' };
  }
  for (const type of ['left', 'right', 'full'] as const) {
    if (cursor.takeWord(type.toUpperCase()) === undefined) continue;
    const outer = cursor.takeWord('OUTER') !== undefined;
    cursor.expectWord('JOIN', ...(outer ? [] : ['OUTER']));
    return { at, type };
  }
  return undefined;
}

function parseSource(cursor: Cursor): Source {
  if (cursor.isReserved()) return cursor.fail('the name of a stream');
  const name = cursor.expectName('the name of a stream');
  let alias = cursor.takeWord('AS') === undefined ? cursor.takeBareAlias() : cursor.expectName('a name');
  // WINDOW between name and alias belongs to this source; whether it was meant for the whole query makes no difference.
  const window = cursor.isWord('WINDOW') ? parseWindow(cursor) : undefined;
  if (alias === undefined && cursor.takeWord('AS') !== undefined) alias = cursor.expectName('a name');
  return { name, alias, window };
}

export function parseWindow(cursor: Cursor): Window {
  cursor.expectWord('WINDOW');
  if (cursor.takeSymbol('(') !== undefined) {
    const { token } = cursor;
    if (token.kind !== 'string') return cursor.fail("a kind of window in quotes, as in 'tumbling'");
    cursor.next();
    const list = [];
    while (cursor.takeSymbol(',') !== undefined) list.push(parseArgument(cursor));
    cursor.expectSymbol(')', ',');
    return { kind: { at: token.at, text: token.text }, arguments: list };
  }
  const kind = cursor.expectName('a kind of window');
  cursor.expectSymbol('(');
  if (cursor.takeSymbol(')') !== undefined) return { kind, arguments: [] };
  const list = parseList(cursor, parseArgument);
  cursor.expectSymbol(')', ',');
  return { kind, arguments: list };
}

function parseArgument(cursor: Cursor): Expression {
  return startsDuration(cursor) ? parseDuration(cursor, 'E_WINDOW_ARG') : parseExpression(cursor);
}

function parseWhere(cursor: Cursor): Condition | undefined {
  return cursor.takeWord('WHERE') === undefined ? undefined : parseCondition(cursor);
}

function parseOrderKey(cursor: Cursor): OrderKey {
  const value = parseExpression(cursor);
  const descending = cursor.takeWord('DESC') !== undefined;
  if (!descending) cursor.takeWord('ASC');
  if (cursor.takeWord('NULLS') === undefined) return { value, descending };
  if (cursor.takeWord('FIRST') !== undefined) return { value, descending, nulls: 'first' };
  cursor.expectWord('LAST', 'FIRST');
  return { value, descending, nulls: 'last' };
}

function parseCount(cursor: Cursor, word: 'LIMIT' | 'OFFSET'): Count | undefined {
  const token = cursor.takeWord(word);
  if (token === undefined) return undefined;
  return { at: token.at, count: cursor.expectInteger('a whole number').value };
}

function parseOutput(cursor: Cursor): OutputRate | undefined {
  if (cursor.takeWord('OUTPUT') === undefined) return undefined;
  const { token } = cursor;
  const kind = (['all', 'first', 'last'] as const).find((name) => cursor.isWord(name.toUpperCase()));
  if (kind === undefined) return cursor.fail('ALL, FIRST or LAST', ['ALL', 'FIRST', 'LAST']);
  cursor.next();
  cursor.expectWord('EVERY');
  const every = cursor.expectInteger('a whole number');
  if (/^(MS|S|M|MIN|H|D|(MILLI)?SEC(OND)?S?|MINUTES?|HOURS?|DAYS?|WEEKS?|MILLISECONDS?)$/i.test(cursor.token.text))
    return cursor.refuse('E_UNSUPPORTED', `a rate by time is not offered: write OUTPUT ${token.text} EVERY n EVENTS`);
  cursor.expectWord('EVENTS');
  return { kind, at: every.at, every: every.value };
}
