import { TributaryError } from '../base/errors.ts';
import { nearestName } from '../base/nearest.ts';
import { placeOf } from './lex/place.ts';

/** Every way a script can be refused. `docs` and tests go through this list. */
export const sqlErrorCodes = [
  'E_SYNTAX',
  'E_UNKNOWN_STREAM',
  'E_UNKNOWN_COLUMN',
  'E_UNKNOWN_FUNCTION',
  'E_UNKNOWN_TYPE',
  'E_UNKNOWN_WINDOW',
  'E_AMBIGUOUS_COLUMN',
  'E_DUPLICATE',
  'E_TYPE',
  'E_ARG_COUNT',
  'E_AGG_CONTEXT',
  'E_GROUP_BY',
  'E_WINDOW_ARG',
  'E_UNBOUNDED',
  'E_JOIN',
  'E_TABLE',
  'E_PATTERN',
  'E_RATE',
  'E_INSERT_ARITY',
  'E_INSERT_TARGET',
  'E_OPTION_MISSING',
  'E_OPTION_VALUE',
  'E_OPTION_UNKNOWN',
  'E_UNSUPPORTED',
] as const;

export type SqlErrorCode = (typeof sqlErrorCodes)[number];

/** What is wrong and where, before the script's text is at hand to show the place. */
export class SqlProblem extends Error {
  readonly code: SqlErrorCode;
  /** Offset of the offending character, in UTF-16 units. */
  readonly at: number;

  constructor(code: SqlErrorCode, at: number, message: string) {
    super(message);
    this.code = code;
    this.at = at;
  }
}

/** A script that is refused. `message` is one line; `explanation` shows the line of the script with a caret below. */
export class SqlError extends TributaryError {
  readonly sqlCode: SqlErrorCode;
  readonly line: number;
  readonly column: number;
  /** Without the code and the place. */
  readonly problem: string;
  /** The line of the script, secrets starred out. */
  readonly text: string;
  /** As many blanks as it takes to stand under the place in `text`, and the sign. */
  readonly caret: string;
  readonly explanation: string;

  constructor(problem: SqlProblem, script: string) {
    const place = placeOf(script, problem.at);
    super('SQL_INVALID', `${problem.code} at line ${place.line}, column ${place.column}: ${problem.message}`);
    this.sqlCode = problem.code;
    this.line = place.line;
    this.column = place.column;
    this.problem = problem.message;
    this.text = withoutSecrets(place.text);
    this.caret = `${' '.repeat(place.column - 1)}^`;
    const gutter = `${place.line} | `;
    this.explanation = `${this.message}\n${gutter}${this.text}\n${' '.repeat(gutter.length)}${this.caret}`;
  }

  /** The same error where so many lines stood before the text that the user has written. */
  movedUp(lines: number): SqlError {
    const at = [...this.text].slice(0, this.column - 1).join('').length;
    const text = `${'\n'.repeat(this.line - lines - 1)}${this.text}`;
    return new SqlError(new SqlProblem(this.sqlCode, text.length - this.text.length + at, this.problem), text);
  }
}

/** `, did you mean 'X'?`, or nothing where no known name is near. */
export function didYouMean(typed: string, known: Iterable<string>): string {
  const name = nearestName(typed, known);
  return name === undefined ? '' : `, did you mean '${name}'?`;
}

/** Values of headers and passwords in addresses become stars of the same length, so that the caret still fits. */
function withoutSecrets(line: string): string {
  const stars = (text: string): string => '*'.repeat([...text].length);
  return line
    .replace(/(headers\.[^=]*=\s*')((?:[^']|'')*)/gi, (_, key: string, value: string) => key + stars(value))
    .replace(/(:\/\/)([^/@\s']+)(?=@)/g, (_, scheme: string, user: string) => scheme + stars(user));
}
