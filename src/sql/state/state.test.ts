import { deepEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns, testSeed } from '../../../test/support/random.ts';
import type { Value } from '../values/value.ts';
import { StateReader } from './state-reader.ts';
import { StateWriter } from './state-writer.ts';

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '\ud800', 'a\udfff', 'ß'));
const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.maxSafeInteger(),
    fc.bigInt(),
    text,
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value')) as fc.Arbitrary<Value>,
    fc.array(fc.tuple(text, tie('value'))).map((members) => new Map(members) as Value),
  ),
})).value;

function written(write: (writer: StateWriter) => void): Uint8Array {
  const writer = new StateWriter();
  write(writer);
  return writer.take();
}

test(`every value comes back as it was (seed ${testSeed})`, () => {
  fc.assert(
    fc.property(fc.array(value), fc.double(), (values, timestamp) => {
      const reader = new StateReader(written((writer) => writer.row({ values, timestamp })));
      deepEqual(reader.row(), { values, timestamp });
      reader.end();
    }),
    { seed: testSeed, numRuns: fuzzRuns(200) },
  );
});

test('keys of maps come back as they were, NULL and none apart', () => {
  const keys = [null, undefined, 0, -1, 2 ** 53, 1n << 70n, 'k', true];
  const reader = new StateReader(written((writer) => writer.list(keys, (key) => writer.key(key))));
  deepEqual(
    reader.list(() => reader.key()),
    keys,
  );
});

const misreadings: Readonly<Record<string, (reader: StateReader) => unknown>> = {
  'another part': (reader) => reader.begin('windows'),
  'more than there is': (reader) => [reader.text(), reader.value(), reader.value(), reader.value()],
  'another kind of value': (reader) => [reader.text(), reader.number()],
  'less than there is': (reader) => reader.end(),
};
for (const [what, read] of Object.entries(misreadings)) {
  test(`reading ${what} is an error that says where`, () => {
    const bytes = written((writer) => {
      writer.begin('groups');
      writer.value('a');
      writer.boolean(true);
    });
    throws(() => read(new StateReader(bytes)), {
      code: 'BATCH_CORRUPT',
      message: /^Cannot read a checkpoint at byte \d+: /,
    });
  });
}

test('bytes that are cut anywhere are an error', () => {
  const bytes = written((writer) =>
    writer.row({ values: ['text', 12n, [1, 2.5], new Map([['a', null]])], timestamp: 7 }),
  );
  for (let end = 0; end < bytes.length; end++)
    throws(() => new StateReader(bytes.subarray(0, end)).row(), { code: 'BATCH_CORRUPT' });
});

test('a number or a value that cannot be is an error', () => {
  throws(() => new StateReader(Buffer.alloc(9, 0xff)).count(), { code: 'BATCH_CORRUPT' });
  throws(() => new StateReader(Buffer.of(200)).value(), { code: 'BATCH_CORRUPT' });
  throws(() => new StateReader(Buffer.of(6, 1, 0x78)).value(), { code: 'BATCH_CORRUPT' });
});
