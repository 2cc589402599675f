import { type ExpressionType, isInteger, isNumeric, type Type } from '../values/type.ts';
import {
  type Accumulator,
  Average,
  Count,
  Extreme,
  First,
  Last,
  SumDouble,
  SumLong,
  Variance,
} from './accumulators.ts';
import { plainName } from './functions.ts';
import {
  AverageColumn,
  CountColumn,
  ExtremeColumn,
  type StateColumn,
  SumDoubleColumn,
  SumLongColumn,
} from './state-columns.ts';

export interface AggregateFunction {
  readonly names: readonly string[];
  /** What it takes: any value, numbers, or numbers and text. */
  readonly takes: 'any' | 'number' | 'number or STRING';
  readonly type: (argument: ExpressionType) => Type;
  readonly create: (argument: ExpressionType) => Accumulator;
  /** Its states for many groups, where that is smaller than an object for each. */
  readonly column?: (argument: ExpressionType) => StateColumn | undefined;
  /** Never reset, nor do rows leave it. */
  readonly forever?: boolean;
  /** The same whether equal values count once or often. */
  readonly ignoresDistinct?: boolean;
  readonly alwaysDistinct?: boolean;
}

const same = (argument: ExpressionType): Type => (argument === 'NULL' ? 'STRING' : argument);
const long = (): Type => 'LONG';
const double = (): Type => 'DOUBLE';

function extreme(names: string[], sign: 1 | -1, forever = false): AggregateFunction {
  const create = (argument: ExpressionType): Accumulator => new Extreme(sign, argument);
  const column = (argument: ExpressionType): StateColumn | undefined =>
    argument === 'DOUBLE' || argument === 'FLOAT' || argument === 'INT' ? new ExtremeColumn(sign) : undefined;
  return { names, takes: 'number or STRING', type: same, create, column, ignoresDistinct: true, forever };
}

function spread(names: string[], sample: boolean, root: boolean): AggregateFunction {
  return { names, takes: 'number', type: double, create: () => new Variance(sample, root) };
}

export const aggregateFunctions: readonly AggregateFunction[] = [
  { names: ['COUNT'], takes: 'any', type: long, create: () => new Count(), column: () => new CountColumn() },
  { names: ['DISTINCT_COUNT'], takes: 'any', type: long, create: () => new Count(), alwaysDistinct: true },
  {
    names: ['SUM'],
    takes: 'number',
    type: (argument) => (isInteger(argument) ? 'LONG' : 'DOUBLE'),
    create: (argument) => (isInteger(argument) ? new SumLong() : new SumDouble()),
    column: (argument) => (isInteger(argument) ? new SumLongColumn() : new SumDoubleColumn()),
  },
  {
    names: ['AVG'],
    takes: 'number',
    type: double,
    create: (argument) => new Average(isInteger(argument)),
    column: (argument) => new AverageColumn(isInteger(argument)),
  },
  spread(['STDDEV', 'STDDEV_POP'], false, true),
  spread(['STDDEV_SAMP'], true, true),
  spread(['VARIANCE', 'VAR_POP'], false, false),
  spread(['VAR_SAMP'], true, false),
  extreme(['MIN'], -1),
  extreme(['MAX'], 1),
  extreme(['MIN_FOREVER'], -1, true),
  extreme(['MAX_FOREVER'], 1, true),
  { names: ['FIRST'], takes: 'any', type: same, create: () => new First(), ignoresDistinct: true },
  { names: ['LAST'], takes: 'any', type: same, create: () => new Last(), ignoresDistinct: true },
];

const byName = new Map(aggregateFunctions.flatMap((fn) => fn.names.map((name) => [plainName(name), fn] as const)));

export function aggregateFunction(name: string): AggregateFunction | undefined {
  return byName.get(plainName(name));
}

export function takesType({ takes }: AggregateFunction, type: ExpressionType): boolean {
  return takes === 'any' || type === 'NULL' || isNumeric(type) || (takes === 'number or STRING' && type === 'STRING');
}
