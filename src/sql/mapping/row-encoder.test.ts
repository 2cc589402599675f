import { equal } from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns, testSeed } from '../../../test/support/random.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import type { Value } from '../values/value.ts';
import { rowEncoder } from './row-encoder.ts';
import { sinkMapper } from './sink-mapper.ts';

const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  fc.tuple(fc.integer({ min: -(10 ** 7), max: 10 ** 7 }), fc.nat(9)).map(([digits, places]) => digits / 10 ** places),
  fc.tuple(fc.maxSafeInteger(), fc.nat(17)).map(([digits, places]) => Number(`${digits}e-${places}`)),
  fc.constantFrom(0, -0, 1e7, 1e7 - 1e-8, 9999999.99999999, 1e-6, 1e-7, 0.1 + 0.2, 1e21, 2 ** 53, 5e-324, Number.NaN),
  fc.constantFrom(100_000_000, 99_999_999.5, 2 ** 31, 2 ** 31 - 1, -(2 ** 31), 999_999_999_999_999, 123456789012345680),
);
const value: fc.Arbitrary<Value> = fc.oneof(
  number,
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 100 }),
  fc.constantFrom('"', '\\', '\u007f', 'é', '\ud800', 'a tab\t', 'BTCUSDT', 'x'.repeat(60), '\u2028'),
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.array(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string())),
  fc.array(fc.tuple(fc.string(), fc.string())).map((members) => new Map(members)),
);

function planOf(names: readonly string[], options: Readonly<Record<string, string>>): StreamPlan {
  return {
    name: 'Out',
    isTable: false,
    isDeclared: true,
    columns: names.map((name) => ({ name, type: 'OBJECT' })),
    primaryKey: [],
    options: { role: 'sink', format: options['format'] ?? 'json', values: new Map(Object.entries(options)) },
  } as StreamPlan;
}

test(`rows are written as bytes as they would be as text (seed ${testSeed})`, () => {
  const options = fc.constantFrom<Readonly<Record<string, string>>>(
    {},
    {},
    { 'json.include-timestamp': 'TRUE' },
    { 'json.pretty-print': 'true' },
    { format: 'text' },
    { 'json.template': 'v={{a"é}} {{b}}' },
  );
  const rows = fc.array(fc.tuple(fc.array(value, { minLength: 2, maxLength: 2 }), fc.maxSafeInteger()), {
    maxLength: 5,
  });
  const property = fc.property(options, rows, (option, list) => {
    const plan = planOf(['a"é', 'b'], option);
    const map = sinkMapper(plan);
    const written = list.map(([values, timestamp]) => ({ values, timestamp }));
    const messages = rowEncoder(plan)(written);
    equal(messages.length, written.length);
    for (const [index, row] of written.entries()) {
      equal(Buffer.from(messages.value(index)).toString(), toText(map(row)));
      equal(messages.times![index], Math.max(0, row.timestamp));
    }
  });
  fc.assert(property, { seed: testSeed, numRuns: fuzzRuns(1500) });
});

test(`numbers have the digits that JavaScript gives them (seed ${testSeed})`, () => {
  const plan = planOf(['n'], {});
  const encode = rowEncoder(plan);
  const property = fc.property(fc.array(number, { minLength: 20 }), (numbers) => {
    const messages = encode(numbers.map((one) => ({ values: [one], timestamp: 0 })));
    for (const [index, one] of numbers.entries()) {
      const wanted = Number.isFinite(one) || typeof one === 'bigint' ? String(one) : 'null';
      equal(Buffer.from(messages.value(index)).toString(), `{"n":${wanted}}`);
    }
  });
  fc.assert(property, { seed: testSeed, numRuns: fuzzRuns(300) });
});

function toText(message: string | Uint8Array): string {
  // As UTF-8 has it: a lone surrogate is no character.
  return Buffer.from(message as string).toString();
}
