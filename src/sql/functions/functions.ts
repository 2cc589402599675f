import { conditionalFunctions } from './conditionals.ts';
import { numberFunctions } from './numbers.ts';
import type { ScalarFunction } from './scalar-function.ts';
import { stringFunctions } from './strings.ts';
import { timeFunctions } from './times.ts';

/** Version 4 of RFC 9562, from the random source that the application was given. */
const uuid: ScalarFunction = {
  names: ['UUID'],
  minArguments: 0,
  maxArguments: 0,
  bind: (_list, { random }) => ({
    type: 'STRING',
    evaluate() {
      const digit = (bits: number, base: number): string => (base + Math.floor(random() * bits)).toString(16);
      return 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replace(/[xy]/g, (letter) =>
        letter === 'x' ? digit(16, 0) : digit(4, 8),
      );
    },
  }),
};

export const scalarFunctions: readonly ScalarFunction[] = [
  ...numberFunctions,
  ...stringFunctions,
  ...conditionalFunctions,
  ...timeFunctions,
  uuid,
];

const byName = new Map(scalarFunctions.flatMap((fn) => fn.names.map((name) => [plainName(name), fn] as const)));

/** Names of functions ignore case and underscores. */
export function plainName(name: string): string {
  return name.toUpperCase().replaceAll('_', '');
}

export function scalarFunction(name: string): ScalarFunction | undefined {
  return byName.get(plainName(name));
}
