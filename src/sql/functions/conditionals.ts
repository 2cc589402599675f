import { comparison } from '../values/compare.ts';
import { checkArguments, type ScalarFunction, sharedType, widened } from './scalar-function.ts';

/** Functions that decide which argument counts, and so must look at NULLs themselves. */

function coalesce(names: string, min: number, max: number): ScalarFunction {
  const [name = '', ...others] = names.split(' ');
  return {
    names: [name, ...others],
    minArguments: min,
    maxArguments: max,
    bind(list, _environment, refuse) {
      const type = sharedType(name, list, refuse);
      const all = list.map((argument) => widened(argument, type));
      return {
        type,
        evaluate(frame) {
          for (const evaluate of all) {
            const value = evaluate(frame);
            if (value !== null) return value;
          }
          return null;
        },
      };
    },
  };
}

const nullIf: ScalarFunction = {
  names: ['NULLIF'],
  minArguments: 2,
  maxArguments: 2,
  bind(list, _environment, refuse) {
    const [value, other] = list as [(typeof list)[0], (typeof list)[0]];
    const compare =
      comparison(value.type, other.type) ?? refuse(`NULLIF cannot compare ${value.type} with ${other.type}: use CAST`);
    return {
      type: value.type,
      evaluate(frame) {
        const first = value.evaluate(frame);
        const second = other.evaluate(frame);
        if (first === null || second === null) return first;
        return compare(first, second) === 0 ? null : first;
      },
    };
  },
};

const choice: ScalarFunction = {
  names: ['IF', 'IIF'],
  minArguments: 3,
  maxArguments: 3,
  bind(list, _environment, refuse) {
    checkArguments('IF', list, ['B', 'A'], refuse);
    const type = sharedType('IF', list.slice(1), refuse);
    const condition = list[0]!.evaluate;
    const yes = widened(list[1]!, type);
    const no = widened(list[2]!, type);
    return { type, evaluate: (frame) => (condition(frame) === true ? yes(frame) : no(frame)) };
  },
};

export const conditionalFunctions: readonly ScalarFunction[] = [
  coalesce('COALESCE', 1, Number.POSITIVE_INFINITY),
  coalesce('IFNULL DEFAULT', 2, 2),
  nullIf,
  choice,
];
