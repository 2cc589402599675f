import type { Duration, Pattern, PatternElement, PatternLeaf } from '../ast/ast.ts';
import type { Cursor } from './cursor.ts';
import { parseDuration, startsDuration } from './duration.ts';
import { parseCondition } from './expression.ts';

/** `PATTERN (EVERY (a -> b)) WITHIN 5 sec AS name`; the cursor stands at PATTERN or SEQUENCE. */
export function parsePattern(cursor: Cursor): Pattern {
  const { at } = cursor.token;
  const sequence = cursor.next().text.toUpperCase() === 'SEQUENCE';
  cursor.expectSymbol('(');
  if (sequence && cursor.isWord('EVERY') && !cursor.isSymbol('=', 1))
    cursor.refuse('E_PATTERN', 'EVERY is not possible in a SEQUENCE: it gives one match');
  const every = takeEvery(cursor);
  const elements = parseChain(cursor, every || !sequence);
  cursor.expectSymbol(')', '->');
  const within = cursor.takeWord('WITHIN') === undefined ? undefined : parseWithin(cursor);
  const alias = cursor.takeWord('AS') === undefined ? undefined : cursor.expectName('a name');
  return { kind: 'pattern', at, sequence, every, elements, within, alias };
}

/** `EVERY = Stream` is an element of that name, not the keyword. */
function takeEvery(cursor: Cursor): boolean {
  if (!cursor.isWord('EVERY') || cursor.isSymbol('=', 1)) return false;
  cursor.next();
  return true;
}

function parseWithin(cursor: Cursor): Duration {
  if (!startsDuration(cursor)) return cursor.refuse('E_PATTERN', "WITHIN needs a duration, as in '5 sec'");
  if (!cursor.isWord('INTERVAL') && cursor.isWord('EVENTS', 1))
    return cursor.refuse('E_PATTERN', 'WITHIN takes a duration, not a number of events', cursor.peek().at);
  return parseDuration(cursor, 'E_PATTERN');
}

function parseChain(cursor: Cursor, mayNest: boolean): PatternElement[] {
  return cursor.nested(() => {
    // A parenthesis at the start holds the whole chain or its first element; which one, its inside tells.
    if (mayNest && cursor.isSymbol('(')) {
      cursor.next();
      const inner = parseChain(cursor, true);
      cursor.expectSymbol(')', '->');
      if (inner.length > 1 || cursor.isSymbol(')')) return inner;
      return parseRest(cursor, inner);
    }
    return parseRest(cursor, [parseElement(cursor)]);
  });
}

function parseRest(cursor: Cursor, elements: PatternElement[]): PatternElement[] {
  while (cursor.takeSymbol('->') !== undefined) elements.push(parseElement(cursor));
  return elements;
}

function parseElement(cursor: Cursor): PatternElement {
  return cursor.nested(() => {
    if (cursor.takeSymbol('(') !== undefined) {
      const element = parseElement(cursor);
      cursor.expectSymbol(')');
      return element;
    }
    const left = parseLeaf(cursor);
    const { at } = cursor.token;
    const kind = cursor.isWord('AND') ? 'and' : cursor.isWord('OR') ? 'or' : undefined;
    if (kind === undefined) return { kind: 'leaf', leaf: left };
    cursor.next();
    return { kind, at, left, right: parseLeaf(cursor) };
  });
}

function parseLeaf(cursor: Cursor): PatternLeaf {
  const named = cursor.isSymbol('=', 1);
  if (!named && cursor.isWord('EVERY'))
    cursor.refuse('E_PATTERN', 'EVERY is possible only at the top level of a pattern');
  if (!named && cursor.isWord('NOT')) cursor.refuse('E_UNSUPPORTED', 'elements that must be absent are not offered');
  const name = named ? cursor.expectName('the name of an element') : undefined;
  if (named) cursor.next();
  const stream = cursor.expectName('the name of a stream');
  let condition: PatternLeaf['condition'];
  if (cursor.takeSymbol('[') !== undefined) {
    condition = parseCondition(cursor);
    cursor.expectSymbol(']');
  }
  for (const count of ['{', '<', '*', '+', '?']) {
    if (cursor.isSymbol(count)) cursor.refuse('E_PATTERN', `counts such as '${count}' are not possible in a pattern`);
  }
  return { name, stream, condition };
}
