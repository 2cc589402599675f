import type { ArithmeticOperator, ComparisonOperator, Condition, Expression } from '../ast/ast.ts';
import type { Cursor } from './cursor.ts';
import { parsePrimary } from './primary.ts';

/** How tightly each operator binds, weakest first (Pratt). Comparison binds as one level, so `a < b < c` is `(a < b) < c`. */
const power = { or: 1, and: 2, not: 3, compare: 4, sum: 5, product: 6 } as const;

const comparisons: Readonly<Record<string, ComparisonOperator>> = {
  '=': '=',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

export function parseExpression(cursor: Cursor): Expression {
  return parseFrom(cursor, power.or);
}

export function parseCondition(cursor: Cursor): Condition {
  return { at: cursor.token.at, value: parseExpression(cursor) };
}

/** An operand of a comparison. */
function parseSum(cursor: Cursor): Expression {
  return parseFrom(cursor, power.sum);
}

function parseFrom(cursor: Cursor, weakest: number): Expression {
  return cursor.nested(() => {
    let left = parsePrefix(cursor, weakest);
    for (;;) {
      const next = parseInfix(cursor, left, weakest);
      if (next === undefined) return left;
      left = next;
    }
  });
}

function parsePrefix(cursor: Cursor, weakest: number): Expression {
  if (weakest <= power.not && cursor.isWord('NOT')) {
    const { at } = cursor.next();
    return { kind: 'not', at, value: parseFrom(cursor, power.not) };
  }
  return parseUnary(cursor);
}

function parseUnary(cursor: Cursor): Expression {
  const { token } = cursor;
  if (!cursor.isSymbol('-') && !cursor.isSymbol('+')) return parsePrimary(cursor, parseExpression);
  const negative = token.text === '-';
  cursor.next();
  // A sign in front of a number belongs to it: only so can the least LONG be written.
  if (negative && cursor.token.kind === 'number') return parsePrimary(cursor, parseExpression, token.at);
  return cursor.nested(() => ({ kind: 'sign', at: token.at, negative, value: parseUnary(cursor) }));
}

/** The operator that follows `left` with its right side, if one that binds at least as tightly as `weakest` follows. */
function parseInfix(cursor: Cursor, left: Expression, weakest: number): Expression | undefined {
  const { token } = cursor;
  const { at } = token;
  if (token.kind === 'symbol') {
    if (weakest <= power.product && '*/%'.includes(token.text) && token.text.length === 1) {
      cursor.next();
      return { kind: 'arithmetic', at, operator: token.text as ArithmeticOperator, left, right: parseUnary(cursor) };
    }
    if (weakest <= power.sum && (token.text === '+' || token.text === '-')) {
      cursor.next();
      return { kind: 'arithmetic', at, operator: token.text, left, right: parseFrom(cursor, power.product) };
    }
    if (weakest <= power.sum && token.text === '||') {
      cursor.next();
      return { kind: 'concat', at, left, right: parseFrom(cursor, power.product) };
    }
    const operator = comparisons[token.text];
    if (weakest <= power.compare && operator !== undefined) {
      cursor.next();
      return { kind: 'comparison', at, operator, left, right: parseSum(cursor) };
    }
    return undefined;
  }
  if (weakest <= power.compare) {
    const test = parseTest(cursor, left);
    if (test !== undefined) return test;
  }
  if (weakest <= power.and && cursor.takeWord('AND') !== undefined)
    return { kind: 'logic', at, operator: 'AND', left, right: parseFrom(cursor, power.not) };
  if (weakest <= power.or && cursor.takeWord('OR') !== undefined)
    return { kind: 'logic', at, operator: 'OR', left, right: parseFrom(cursor, power.and) };
  return undefined;
}

/** IS, BETWEEN, IN and LIKE. The place of a negated one is that of its word, not of NOT. */
function parseTest(cursor: Cursor, value: Expression): Expression | undefined {
  const { at } = cursor.token;
  if (cursor.takeWord('IS') !== undefined) {
    const negated = cursor.takeWord('NOT') !== undefined;
    for (const what of ['NULL', 'TRUE', 'FALSE'] as const) {
      if (cursor.takeWord(what) !== undefined) return { kind: 'is', at, value, negated, what };
    }
    return cursor.fail(negated ? 'NULL, TRUE or FALSE' : 'NOT, NULL, TRUE or FALSE', ['NOT', 'NULL', 'TRUE', 'FALSE']);
  }
  const negated = cursor.isWord('NOT');
  if (negated && !['BETWEEN', 'IN', 'LIKE'].some((word) => cursor.isWord(word, 1))) return undefined;
  if (negated) cursor.next();
  const operator = cursor.token.at;
  if (cursor.takeWord('BETWEEN') !== undefined) {
    const low = parseSum(cursor);
    cursor.expectWord('AND');
    return { kind: 'between', at: operator, value, negated, low, high: parseSum(cursor) };
  }
  if (cursor.takeWord('IN') !== undefined) {
    cursor.expectSymbol('(');
    if (cursor.isWord('SELECT')) cursor.refuse('E_UNSUPPORTED', 'a query inside a query is not offered');
    const list = [parseExpression(cursor)];
    while (cursor.takeSymbol(',') !== undefined) list.push(parseExpression(cursor));
    cursor.expectSymbol(')', ',');
    return { kind: 'in', at: operator, value, negated, list };
  }
  if (cursor.takeWord('LIKE') === undefined) return undefined;
  const pattern = parseSum(cursor);
  if (cursor.takeWord('ESCAPE') === undefined) return { kind: 'like', at: operator, value, negated, pattern };
  const { token } = cursor;
  if (token.kind !== 'string' || [...token.text].length !== 1) return cursor.fail("one character in quotes, as in '!'");
  cursor.next();
  return { kind: 'like', at: operator, value, negated, pattern, escape: token.text };
}
