import type { Duration } from '../ast/ast.ts';
import { didYouMean, type SqlErrorCode, SqlProblem } from '../sql-error.ts';
import type { Cursor } from './cursor.ts';

const unitMs: Readonly<Record<string, number>> = {
  MS: 1,
  MILLISECOND: 1,
  MILLISECONDS: 1,
  S: 1000,
  SEC: 1000,
  SECOND: 1000,
  SECONDS: 1000,
  M: 60_000,
  MIN: 60_000,
  MINUTE: 60_000,
  MINUTES: 60_000,
  H: 3_600_000,
  HOUR: 3_600_000,
  HOURS: 3_600_000,
  D: 86_400_000,
  DAY: 86_400_000,
  DAYS: 86_400_000,
  WEEK: 604_800_000,
  WEEKS: 604_800_000,
};

/** True where `5 sec`, `-5 sec` or `INTERVAL '5' SECOND` starts. */
export function startsDuration(cursor: Cursor): boolean {
  if (startsInterval(cursor)) return true;
  const ahead = cursor.isSymbol('-') ? 1 : 0;
  return cursor.peek(ahead).kind === 'number' && cursor.peek(ahead + 1).kind === 'ident';
}

export function startsInterval(cursor: Cursor): boolean {
  const { kind } = cursor.peek();
  return cursor.isWord('INTERVAL') && (kind === 'string' || kind === 'number');
}

/** `code`: what a wrong unit is, which depends on where the duration stands. */
export function parseDuration(cursor: Cursor, code: SqlErrorCode): Duration {
  const { at } = cursor.token;
  const isInterval = cursor.takeWord('INTERVAL') !== undefined;
  const sign = !isInterval && cursor.takeSymbol('-') !== undefined ? -1 : 1;
  const amount = cursor.token;
  const text = amount.text.trim();
  if ((amount.kind !== 'number' && amount.kind !== 'string') || !/^-?(\d+(\.\d+)?|\.\d+)$/.test(text))
    return cursor.fail('a number');
  cursor.next();
  return { kind: 'interval', at, ms: sign * Number(text) * parseUnit(cursor, code) };
}

function parseUnit(cursor: Cursor, code: SqlErrorCode): number {
  const { token } = cursor;
  if (token.kind !== 'ident') return cursor.fail('a unit of time', Object.keys(unitMs));
  const ms = unitMs[token.upper];
  if (ms === undefined) {
    const hint = didYouMean(token.text, Object.keys(unitMs));
    throw new SqlProblem(code, token.at, `unknown unit '${token.text}' of a duration${hint}`);
  }
  cursor.next();
  return ms;
}
