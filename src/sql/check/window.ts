import type { Duration, Expression, Window } from '../ast/ast.ts';
import { didYouMean, SqlProblem } from '../sql-error.ts';
import { type Compare, comparison } from '../values/compare.ts';
import { isInteger } from '../values/type.ts';
import type { Evaluate } from '../values/value.ts';
import { bind } from './bind.ts';
import type { Context } from './context.ts';

export type WindowPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'tumbling'; readonly sizeMs: number }
  | { readonly kind: 'hop'; readonly sizeMs: number; readonly slideMs: number }
  | { readonly kind: 'session'; readonly gapMs: number; readonly keys?: readonly Evaluate[] }
  | { readonly kind: 'timebatch'; readonly sizeMs: number }
  | { readonly kind: 'externaltimebatch'; readonly time: Evaluate; readonly sizeMs: number }
  | { readonly kind: 'lengthbatch'; readonly count: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'externaltime'; readonly time: Evaluate; readonly ms: number }
  | { readonly kind: 'length'; readonly count: number }
  | { readonly kind: 'unique'; readonly key: Evaluate }
  | { readonly kind: 'firstunique'; readonly key: Evaluate }
  | { readonly kind: 'sort'; readonly count: number; readonly keys: readonly SortKey[] }
  | { readonly kind: 'delay'; readonly ms: number };

export interface SortKey {
  readonly evaluate: Evaluate;
  readonly compare: Compare;
  readonly descending: boolean;
}

const kinds: Readonly<Record<string, readonly [min: number, max: number]>> = {
  TUMBLING: [1, 1],
  HOP: [2, 2],
  SLIDING: [2, 2],
  SESSION: [1, 2],
  TIMEBATCH: [1, 1],
  LENGTHBATCH: [1, 1],
  EXTERNALTIMEBATCH: [2, 2],
  TIME: [1, 1],
  LENGTH: [1, 1],
  EXTERNALTIME: [2, 2],
  UNIQUE: [1, 1],
  FIRSTUNIQUE: [1, 1],
  SORT: [2, Number.POSITIVE_INFINITY],
  DELAY: [1, 1],
};

export function isBatch({ kind }: WindowPlan): boolean {
  return hasTimes(kind) || kind === 'lengthbatch';
}

/** Kinds with a start and an end. */
export function hasTimes(kind: WindowPlan['kind']): boolean {
  return ['tumbling', 'hop', 'session', 'timebatch', 'externaltimebatch'].includes(kind);
}

/** Checks a window. `context` is that of the rows it sees; columns among its arguments are theirs. */
export function checkWindow(window: Window, context: Context): WindowPlan {
  const name = window.kind.text.toUpperCase().replaceAll('_', '');
  const counts = kinds[name];
  if (counts === undefined) {
    const hint = didYouMean(window.kind.text, Object.keys(kinds));
    throw new SqlProblem('E_UNKNOWN_WINDOW', window.kind.at, `unknown window '${window.kind.text}'${hint}`);
  }
  const [min, max] = counts;
  const list = window.arguments;
  if (list.length < min || list.length > max) {
    const wanted = max === min ? String(min) : max === 2 ? `${min} to ${max}` : `at least ${min}`;
    throw new SqlProblem(
      'E_WINDOW_ARG',
      window.kind.at,
      `${name} takes ${wanted} argument${wanted === '1' ? '' : 's'}, not ${list.length}`,
    );
  }
  const [first, second] = list as [Expression, Expression];
  switch (name) {
    case 'TUMBLING':
      return { kind: 'tumbling', sizeMs: duration(first, name) };
    case 'HOP':
    case 'SLIDING':
      return hop(first, second, name);
    case 'SESSION':
      return {
        kind: 'session',
        gapMs: durationOrNumber(first, name),
        keys: list.length === 2 ? [bind(second, context).evaluate] : undefined,
      };
    case 'TIMEBATCH':
      return { kind: 'timebatch', sizeMs: duration(first, name) };
    case 'LENGTHBATCH':
      return { kind: 'lengthbatch', count: rowCount(first, name) };
    case 'EXTERNALTIMEBATCH':
      return { kind: 'externaltimebatch', time: timeColumn(first, name, context), sizeMs: duration(second, name) };
    case 'TIME':
      return { kind: 'time', ms: duration(first, name) };
    case 'LENGTH':
      return { kind: 'length', count: rowCount(first, name) };
    case 'EXTERNALTIME':
      return { kind: 'externaltime', time: timeColumn(first, name, context), ms: duration(second, name) };
    case 'UNIQUE':
      return { kind: 'unique', key: bind(first, context).evaluate };
    case 'FIRSTUNIQUE':
      return { kind: 'firstunique', key: bind(first, context).evaluate };
    case 'SORT':
      return { kind: 'sort', count: rowCount(first, name), keys: sortKeys(list.slice(1), context) };
    default:
      return { kind: 'delay', ms: durationOrNumber(first, name) };
  }
}

function refuse(at: number, message: string): never {
  throw new SqlProblem('E_WINDOW_ARG', at, message);
}

function startOf(argument: Expression): number {
  return 'left' in argument ? startOf(argument.left) : argument.at;
}

function duration(argument: Expression, name: string): number {
  if (argument.kind !== 'interval') return refuse(startOf(argument), `${name} needs a duration here, as in '5 sec'`);
  return positive(argument, argument.ms);
}

function positive({ at }: Duration | Expression, ms: number): number {
  if (!Number.isSafeInteger(ms) || ms <= 0) refuse(at, 'a duration must be positive and of whole milliseconds');
  return ms;
}

function durationOrNumber(argument: Expression, name: string): number {
  return argument.kind === 'long' ? positive(argument, Number(argument.value)) : duration(argument, name);
}

function rowCount(argument: Expression, name: string): number {
  if (argument.kind !== 'long')
    return refuse(startOf(argument), `${name} needs a number of rows here: a positive whole number`);
  if (argument.value <= 0 || argument.value > 1e9)
    refuse(argument.at, 'a number of rows must be positive, and at most 1000000000');
  return Number(argument.value);
}

function hop(size: Expression, slide: Expression, name: string): WindowPlan {
  const sizeMs = duration(size, name);
  const slideMs = duration(slide, name);
  if (sizeMs % slideMs !== 0)
    refuse(slide.at, `the size (${sizeMs} ms) must be a multiple of the slide (${slideMs} ms)`);
  return { kind: 'hop', sizeMs, slideMs };
}

function timeColumn(argument: Expression, name: string, context: Context): Evaluate {
  if (argument.kind === 'interval') return refuse(argument.at, `${name} needs a LONG column here`);
  const { type, evaluate } = bind(argument, context);
  if (!isInteger(type)) refuse(startOf(argument), `${name} needs a LONG column here, not ${type}`);
  return evaluate;
}

/** Columns, each with 'asc' or 'desc' behind it if wanted. */
function sortKeys(list: readonly Expression[], context: Context): SortKey[] {
  const keys: { evaluate: Evaluate; compare: Compare; descending: boolean }[] = [];
  for (const argument of list) {
    if (argument.kind === 'string') {
      const direction = argument.value.toLowerCase();
      if (keys.length === 0 || (direction !== 'asc' && direction !== 'desc'))
        refuse(argument.at, "SORT takes columns, each with 'asc' or 'desc' behind it if wanted");
      keys.at(-1)!.descending = direction === 'desc';
      continue;
    }
    const { type, evaluate } = bind(argument, context);
    keys.push({ evaluate, compare: comparison(type, type)!, descending: false });
  }
  return keys;
}
