import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns, testSeed } from '../../../test/support/random.ts';
import { StateReader } from '../state/state-reader.ts';
import { StateWriter } from '../state/state-writer.ts';
import type { ExpressionType } from '../values/type.ts';
import type { Value } from '../values/value.ts';
import { aggregateFunctions } from './aggregates.ts';

const slots = 3;

const doubles = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, -0, 1e308, -1e308));
const longs = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(2n ** 62n, -(2n ** 63n), 2 ** 53 - 1));
const valuesOf = (type: ExpressionType): fc.Arbitrary<Value> =>
  fc.option(type === 'LONG' ? longs : type === 'INT' ? fc.integer() : doubles, { freq: 5 }) as fc.Arbitrary<Value>;

type Step =
  | { readonly kind: 'add'; readonly slot: number; readonly value: Value }
  | { readonly kind: 'merge'; readonly slot: number; readonly from: number }
  | { readonly kind: 'clear' | 'save'; readonly slot: number };

const slot = fc.nat(slots - 1);
const stepsOf = (type: ExpressionType): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: fc.constant('add'), slot, value: valuesOf(type) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('merge'), slot, from: slot }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('clear', 'save'), slot }) },
    ) as fc.Arbitrary<Step>,
    { maxLength: 40 },
  );

for (const type of ['DOUBLE', 'FLOAT', 'INT', 'LONG'] as const) {
  for (const { names, create, column } of aggregateFunctions) {
    if (column?.(type) === undefined) continue;
    test(`${names[0]} of ${type} is the same in a column and by itself (seed ${testSeed})`, () => {
      const property = fc.property(stepsOf(type), (steps) => {
        const states = column(type)!;
        states.resize(slots);
        const alone = Array.from({ length: slots }, () => create(type));
        for (let at = 0; at < slots; at++) states.clear(at);
        for (const [order, step] of steps.entries()) {
          if (step.kind === 'add') {
            states.add(step.slot, step.value, order);
            alone[step.slot]!.add(step.value, order);
          } else if (step.kind === 'merge') {
            if (step.slot === step.from) continue;
            states.merge(step.slot, states, step.from);
            alone[step.slot]!.merge(alone[step.from]!);
          } else if (step.kind === 'clear') {
            states.clear(step.slot);
            alone[step.slot] = create(type);
          } else {
            const writer = new StateWriter();
            states.snapshot(step.slot, writer);
            states.resize(slots * 2);
            states.clear(step.slot);
            const reader = new StateReader(writer.take());
            states.restore(step.slot, reader);
            reader.end();
          }
          for (let at = 0; at < slots; at++) deepEqual(states.result(at), alone[at]!.result());
        }
      });
      fc.assert(property, { seed: testSeed, numRuns: fuzzRuns(60) });
    });
  }
}

test('the aggregates that sum up many groups have columns', () => {
  const having = aggregateFunctions.filter(({ column }) => column?.('DOUBLE') !== undefined);
  deepEqual(
    having.map(({ names }) => names[0]),
    ['COUNT', 'SUM', 'AVG', 'MIN', 'MAX', 'MIN_FOREVER', 'MAX_FOREVER'],
  );
  equal(having[3]!.column!('STRING'), undefined);
  ok(having[0]!.column!('STRING'));
});
