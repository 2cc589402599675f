import type { Expression } from '../ast/ast.ts';
import { Distinct } from '../functions/accumulators.ts';
import { type AggregateFunction, aggregateFunction, aggregateFunctions, takesType } from '../functions/aggregates.ts';
import { plainName, scalarFunction, scalarFunctions } from '../functions/functions.ts';
import { type Bound, nullIfAnyNull } from '../functions/scalar-function.ts';
import { ObjectColumn, type StateColumn } from '../functions/state-columns.ts';
import { extract, fieldUnits, isUnit } from '../functions/times.ts';
import { didYouMean, SqlProblem } from '../sql-error.ts';
import type { Long } from '../values/long.ts';
import { isInteger } from '../values/type.ts';
import { bind } from './bind.ts';
import type { AggregatePlan, Context } from './context.ts';
import { canonical } from './scope.ts';

type Of<Kind extends Expression['kind']> = Extract<Expression, { readonly kind: Kind }>;

/** Functions whose meaning depends on where they stand. */
const placed = ['EVENT_TIMESTAMP', 'WINDOW_START', 'WINDOW_END'];

const known = [...[...scalarFunctions, ...aggregateFunctions].flatMap(({ names }) => names), ...placed];

export function bindCall(call: Of<'call'>, context: Context): Bound {
  const aggregate = aggregateFunction(call.name);
  if (aggregate !== undefined) return bindAggregate(call, aggregate, context);
  const fn = scalarFunction(call.name);
  if (call.distinct)
    throw new SqlProblem('E_SYNTAX', call.at, `DISTINCT has a meaning only in aggregates, not in '${call.name}'`);
  if (fn !== undefined) {
    checkCount(call, fn.names[0]!, fn.minArguments, fn.maxArguments);
    const list = call.arguments.map((argument) => bind(argument, context));
    return fn.bind(list, context.environment, (message) => {
      throw new SqlProblem('E_TYPE', call.at, message);
    });
  }
  const place = placed.find((name) => plainName(name) === plainName(call.name));
  if (place !== undefined) return bindPlaced(call, place, context);
  throw new SqlProblem('E_UNKNOWN_FUNCTION', call.at, `unknown function '${call.name}'${didYouMean(call.name, known)}`);
}

function checkCount(call: Of<'call'>, name: string, min: number, max: number): void {
  const count = call.star ? 1 : call.arguments.length;
  if (count >= min && count <= max && (!call.star || name === 'COUNT')) return;
  const wanted = max === Number.POSITIVE_INFINITY ? `at least ${min}` : min === max ? String(min) : `${min} to ${max}`;
  const found = call.star ? "'*'" : String(count);
  throw new SqlProblem(
    'E_ARG_COUNT',
    call.at,
    `${name} takes ${wanted} argument${wanted === '1' ? '' : 's'}, not ${found}`,
  );
}

function bindPlaced(call: Of<'call'>, name: string, context: Context): Bound {
  checkCount(call, name, 0, 0);
  if (name === 'EVENT_TIMESTAMP') {
    const isEnd = context.eventTimeIsWindowEnd && context.insideAggregate === undefined;
    return { type: 'LONG', evaluate: isEnd ? (frame) => frame.windowEnd : (frame) => frame.timestamp };
  }
  if (!context.hasWindowTimes || context.insideAggregate !== undefined) {
    const where = context.insideAggregate === undefined ? 'of time' : 'and outside aggregates';
    throw new SqlProblem('E_WINDOW_ARG', call.at, `${name} has a meaning only in a batch window ${where}`);
  }
  return {
    type: 'LONG',
    evaluate: name === 'WINDOW_START' ? (frame) => frame.windowStart : (frame) => frame.windowEnd,
  };
}

function bindAggregate(call: Of<'call'>, fn: AggregateFunction, context: Context): Bound {
  const name = fn.names[0]!;
  if (context.insideAggregate !== undefined)
    throw new SqlProblem(
      'E_AGG_CONTEXT',
      call.at,
      `${name} stands inside ${context.insideAggregate}: aggregates do not nest`,
    );
  if (context.aggregates === undefined)
    throw new SqlProblem('E_AGG_CONTEXT', call.at, `${name} is an aggregate and cannot stand in ${context.clause}`);
  checkCount(call, name, name === 'COUNT' ? 0 : 1, 1);
  const [argument] = call.arguments.map((value) => bind(value, { ...context, insideAggregate: name }));
  const argumentType = argument?.type ?? 'NULL';
  if (!takesType(fn, argumentType))
    throw new SqlProblem('E_TYPE', call.at, `${name} takes a ${fn.takes}, not ${argumentType}: use CAST`);
  const plan = (): AggregatePlan => {
    const distinct = (call.distinct || fn.alwaysDistinct === true) && fn.ignoresDistinct !== true;
    const create = () => fn.create(argumentType);
    const evaluate = argument?.evaluate;
    const forever = fn.forever === true;
    const created = distinct ? () => new Distinct(create) : create;
    const column = (): StateColumn | undefined => (distinct || forever ? undefined : fn.column?.(argumentType));
    return {
      name,
      argument: evaluate,
      create: created,
      column: () => column() ?? new ObjectColumn(created),
      distinct,
      forever,
    };
  };
  const index = context.aggregates.add(canonical(context.scope, call), plan);
  return { type: fn.type(argumentType), evaluate: (frame) => frame.aggregates[index]! };
}

export function bindExtract({ unit, value, at }: Of<'extract'>, context: Context): Bound {
  const operand = bind(value, context);
  if (!isUnit(fieldUnits, unit.text))
    throw new SqlProblem(
      'E_SYNTAX',
      unit.at,
      `unknown unit '${unit.text}' in EXTRACT${didYouMean(unit.text, fieldUnits)}`,
    );
  if (!isInteger(operand.type) && operand.type !== 'NULL')
    throw new SqlProblem('E_TYPE', at, `EXTRACT takes LONG, not ${operand.type}: use CAST`);
  return { type: 'LONG', evaluate: nullIfAnyNull([operand], (timestamp) => extract(unit.text, timestamp as Long)) };
}
