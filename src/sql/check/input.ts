import type { Join, Name, Query, Source, Window } from '../ast/ast.ts';
import type { Environment } from '../functions/scalar-function.ts';
import { SqlProblem } from '../sql-error.ts';
import { bindCondition } from './bind.ts';
import type { Context } from './context.ts';
import { equalities } from './equalities.ts';
import { checkPattern } from './pattern.ts';
import type { InputPlan } from './query-plan.ts';
import type { Input, Scope } from './scope.ts';
import type { StreamPlan } from './stream-plan.ts';
import { checkWindow, type WindowPlan } from './window.ts';

/** The stream or table of a name, or the error that there is none. */
export interface StreamOf {
  (name: Name): StreamPlan;
  has(name: string): boolean;
}

export interface CheckedInput {
  readonly input: InputPlan;
  readonly scope: Scope;
  /** The window behind the input; a join of streams has its windows inside. */
  readonly window: WindowPlan;
}

const none: WindowPlan = { kind: 'none' };

/** Checks FROM with its windows. */
export function checkInput(query: Query, streamOf: StreamOf, environment: Environment): CheckedInput {
  const { from } = query;
  if (from.kind === 'join') return checkJoin(from, query, streamOf, environment);
  if (from.kind === 'pattern') {
    const { input, scope } = checkPattern(from, streamOf, environment);
    return { input, scope, window: windowOf(query.window, scope, environment) };
  }
  const stream = streamOf(from.source.name);
  if (stream.isTable)
    throw new SqlProblem(
      'E_TABLE',
      from.source.name.at,
      `table '${stream.name}' cannot be read alone: JOIN it to a stream`,
    );
  const input = inputFrom(from.source, stream, 0);
  const scope = scopeOf([input], streamOf);
  const window = windowOf(from.source.window ?? query.window, scope, environment);
  return { input: { kind: 'source', input }, scope, window };
}

function inputFrom({ name, alias }: Source, stream: StreamPlan, offset: number): Input {
  return { name: alias?.text ?? name.text, stream: stream.name, columns: stream.columns, offset };
}

export function scopeOf(inputs: readonly Input[], streamOf: StreamOf, current?: Input): Scope {
  return { inputs, current, isStream: (name) => streamOf.has(name) };
}

function contextOf(scope: Scope, environment: Environment, clause: string): Context {
  return { scope, environment, clause, hasWindowTimes: false, eventTimeIsWindowEnd: false };
}

function windowOf(window: Window | undefined, scope: Scope, environment: Environment): WindowPlan {
  return window === undefined ? none : checkWindow(window, contextOf(scope, environment, 'WINDOW'));
}

function checkJoin(join: Join, query: Query, streamOf: StreamOf, environment: Environment): CheckedInput {
  const [leftStream, rightStream] = [streamOf(join.left.name), streamOf(join.right.name)];
  const left = inputFrom(join.left, leftStream, 0);
  const right = inputFrom(join.right, rightStream, left.columns.length);
  if (left.name === right.name) {
    const second = join.right.alias ?? join.right.name;
    throw new SqlProblem('E_DUPLICATE', second.at, `both sides of the join are called '${right.name}': use AS`);
  }
  if (leftStream.isTable)
    throw new SqlProblem(
      'E_JOIN',
      join.left.name.at,
      `table '${leftStream.name}' must stand on the right side of the join`,
    );
  const scope = scopeOf([left, right], streamOf);
  const onContext = contextOf(scope, environment, 'ON');
  if (rightStream.isTable) return checkLookup(join, query, left, right, onContext);

  const windows = sideWindows(join, query, [left, right], streamOf, environment);
  const on = bindCondition(join.on, onContext);
  const keys = equalities(join.on.value, left, right, onContext);
  const [first, second] = windows;
  const input: InputPlan = {
    kind: 'join',
    type: join.type,
    left: {
      input: left,
      window: first,
      keys: keys.map((pair) => pair.left),
      rowKeys: keys.map(({ rowKeys }) => rowKeys.left),
    },
    right: {
      input: right,
      window: second,
      keys: keys.map((pair) => pair.right),
      rowKeys: keys.map(({ rowKeys }) => rowKeys.right),
    },
    on,
    tumblingMs: first.kind === 'tumbling' ? first.sizeMs : undefined,
  };
  return { input, scope, window: none };
}

/** A window beside the stream, or behind the join, works on what the lookup gives. */
function checkLookup(join: Join, query: Query, left: Input, table: Input, onContext: Context): CheckedInput {
  const { scope, environment } = onContext;
  if (join.type === 'right' || join.type === 'full')
    throw new SqlProblem(
      'E_JOIN',
      join.right.name.at,
      `${join.type.toUpperCase()} JOIN with table '${table.stream}' is not possible: only INNER and LEFT`,
    );
  if (join.right.window !== undefined)
    throw new SqlProblem(
      'E_JOIN',
      join.right.window.kind.at,
      `table '${table.stream}' takes no window: it is looked up as it is`,
    );
  if (join.left.window !== undefined && query.window !== undefined)
    throw new SqlProblem('E_JOIN', query.window.kind.at, 'this query has a window already');
  const on = bindCondition(join.on, onContext);
  const keys = equalities(join.on.value, left, table, onContext);
  const input: InputPlan = {
    kind: 'lookup',
    outer: join.type === 'left',
    left,
    table,
    on,
    leftKeys: keys.map((pair) => pair.left),
    tableKeys: keys.map((pair) => pair.right),
  };
  return { input, scope, window: windowOf(join.left.window ?? query.window, scope, environment) };
}

function sideWindows(
  join: Join,
  query: Query,
  [left, right]: readonly [Input, Input],
  streamOf: StreamOf,
  environment: Environment,
): readonly [WindowPlan, WindowPlan] {
  const check = (source: Source, input: Input): WindowPlan => {
    if (source.window === undefined)
      throw new SqlProblem(
        'E_JOIN',
        source.name.at,
        `a join of streams needs a WINDOW on both sides, and '${input.name}' has none: its state would have no bound`,
      );
    const window = windowOf(source.window, scopeOf([{ ...input, offset: 0 }], streamOf), environment);
    if (window.kind !== 'length' && window.kind !== 'time' && window.kind !== 'tumbling')
      throw new SqlProblem('E_JOIN', source.window.kind.at, 'a join of streams takes LENGTH, TIME or TUMBLING windows');
    return window;
  };
  const first = check(join.left, left);
  const second = check(join.right, right);
  const fit = sizeOf(first) === sizeOf(second);
  if (!fit)
    throw new SqlProblem(
      'E_JOIN',
      join.right.window!.kind.at,
      'a TUMBLING window joins only with an equal TUMBLING window on the other side',
    );
  if (query.window !== undefined)
    throw new SqlProblem(
      'E_JOIN',
      query.window.kind.at,
      'a join of streams has its windows inside: a third one is not possible',
    );
  return [first, second];
}

/** Of a tumbling window; undefined of any other, which are free to meet each other. */
function sizeOf(window: WindowPlan): number | undefined {
  return window.kind === 'tumbling' ? window.sizeMs : undefined;
}
