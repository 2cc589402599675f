import { compareNumbers } from '../values/compare.ts';
import { intFromLong, type Long, longFromBig, negateLong, remainderLong } from '../values/long.ts';
import { type ExpressionType, isInteger } from '../values/type.ts';
import type { Value } from '../values/value.ts';
import {
  type Bound,
  checkArguments,
  finite,
  nullIfAnyNull,
  type ScalarFunction,
  sharedType,
  strict,
  widened,
} from './scalar-function.ts';

const sameKind = ([first]: readonly Bound[]): ExpressionType => (first!.type === 'NULL' ? 'DOUBLE' : first!.type);

/** A function of doubles. LONG arguments are rounded to the nearest double. */
function double(names: string, count: number, compute: (...values: number[]) => number): ScalarFunction {
  return strict({
    names,
    parameters: Array.from({ length: count }, () => 'N' as const),
    type: 'DOUBLE',
    compute: (...values: Long[]) => finite(compute(...values.map(Number))),
  });
}

/** Rounds to so many decimal places. Integers stay exact; for them only negative places change anything. */
function rounding(
  names: string,
  max: 1 | 2,
  round: (value: number) => number,
  roundBig: (value: bigint, unit: bigint) => bigint,
) {
  const [name = '', ...others] = names.split(' ');
  const fn: ScalarFunction = {
    names: [name, ...others],
    minArguments: 1,
    maxArguments: max,
    bind(list, _environment, refuse) {
      checkArguments(name, list, ['N', 'N'], refuse);
      const type = sameKind(list);
      const places = (value: Value): number => Math.trunc(Number(value ?? 0));
      const compute = isInteger(type)
        ? (value: Value, digits: Value = 0) => fitting(type, roundInteger(value as Long, places(digits), roundBig))
        : (value: Value, digits: Value = 0) => roundDouble(Number(value), places(digits), round);
      return { type, evaluate: nullIfAnyNull(list, compute) };
    },
  };
  return fn;
}

function roundInteger(value: Long, places: number, round: (value: bigint, unit: bigint) => bigint): Long | null {
  if (places >= 0) return value;
  return places < -20 ? 0 : longFromBig(round(BigInt(value), 10n ** BigInt(-places)));
}

/** Moves the point in the decimal text, so that 2.675 is rounded as what is written and not as the double below it. */
function roundDouble(value: number, places: number, round: (value: number) => number): number | null {
  if (places === 0) return finite(round(value) + 0);
  const moved = movePoint(value, places);
  if (!Number.isFinite(moved)) return value;
  return finite(movePoint(round(moved), -places) + 0);
}

function movePoint(value: number, places: number): number {
  const [digits, exponent = '0'] = String(value).split('e');
  return Number(`${digits}e${Number(exponent) + places}`);
}

function fitting(type: ExpressionType, value: Long | null): Long | null {
  return value === null || type !== 'INT' ? value : intFromLong(value);
}

const halfAwayFromZero = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

function halfAwayFromZeroBig(value: bigint, unit: bigint): bigint {
  const half = unit / 2n;
  return ((value < 0n ? value - half : value + half) / unit) * unit;
}

const absolute: ScalarFunction = {
  names: ['ABS'],
  minArguments: 1,
  maxArguments: 1,
  bind(list, _environment, refuse) {
    checkArguments('ABS', list, ['N'], refuse);
    const type = sameKind(list);
    const compute = (value: Value): Value => ((value as Long) < 0 ? fitting(type, negate(type, value as Long)) : value);
    return { type, evaluate: nullIfAnyNull(list, compute) };
  },
};

function negate(type: ExpressionType, value: Long): Long | null {
  return isInteger(type) ? negateLong(value) : -Number(value);
}

/** MOD and `%`: LONG of integers (INT of two INTs), else DOUBLE. */
export function remainder(list: readonly Bound[]): Bound {
  const [a, b] = list as [Bound, Bound];
  if (isInteger(a.type) && isInteger(b.type)) {
    const type = a.type === 'INT' && b.type === 'INT' ? 'INT' : 'LONG';
    return { type, evaluate: nullIfAnyNull(list, (x, y) => remainderLong(x as Long, y as Long)) };
  }
  return { type: 'DOUBLE', evaluate: nullIfAnyNull(list, (x, y) => finite(Number(x) % Number(y))) };
}

function extreme(names: string, sign: 1 | -1): ScalarFunction {
  const [name = '', ...others] = names.split(' ');
  return {
    names: [name, ...others],
    minArguments: 1,
    maxArguments: Number.POSITIVE_INFINITY,
    bind(list, _environment, refuse) {
      checkArguments(name, list, ['N'], refuse);
      const type = sharedType(name, list, refuse);
      const wide = list.map((argument) => ({ type, evaluate: widened(argument, type) }));
      const compute = (...values: Value[]): Value =>
        values.reduce((best, value) => (compareNumbers(value, best) * sign > 0 ? value : best));
      return { type, evaluate: nullIfAnyNull(wide, compute) };
    },
  };
}

export const numberFunctions: readonly ScalarFunction[] = [
  absolute,
  rounding('CEIL CEILING', 1, Math.ceil, (value) => value),
  rounding('FLOOR', 1, Math.floor, (value) => value),
  rounding('ROUND', 2, halfAwayFromZero, halfAwayFromZeroBig),
  rounding('TRUNC TRUNCATE', 2, Math.trunc, (value, unit) => (value / unit) * unit),
  double('SQRT', 1, Math.sqrt),
  double('EXP', 1, Math.exp),
  double('LN', 1, Math.log),
  double('LOG10', 1, Math.log10),
  double('SIN', 1, Math.sin),
  double('COS', 1, Math.cos),
  double('TAN', 1, Math.tan),
  double('ASIN', 1, Math.asin),
  double('ACOS', 1, Math.acos),
  double('ATAN', 1, Math.atan),
  double('POWER POW', 2, (base, exponent) => base ** exponent),
  strict({
    names: 'LOG',
    parameters: ['N', 'N'],
    min: 1,
    type: 'DOUBLE',
    compute: (first: Long, second?: Long) =>
      second === undefined ? finite(Math.log(Number(first))) : logarithm(Number(first), Number(second)),
  }),
  {
    names: ['MOD'],
    minArguments: 2,
    maxArguments: 2,
    bind(list, _environment, refuse) {
      checkArguments('MOD', list, ['N'], refuse);
      return remainder(list);
    },
  },
  strict({ names: 'SIGN', parameters: ['N'], type: 'INT', compute: (value: Long) => compareNumbers(value, 0) }),
  extreme('MAXIMUM GREATEST', 1),
  extreme('MINIMUM LEAST', -1),
];

/** Bases 2 and 10 have functions of their own, which are exact for powers. */
function logarithm(base: number, value: number): number | null {
  if (base <= 0 || base === 1 || value <= 0) return null;
  if (base === 2) return finite(Math.log2(value));
  return finite(base === 10 ? Math.log10(value) : Math.log(value) / Math.log(base));
}
