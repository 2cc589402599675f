import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { sourceRecord } from '../../test/support/source-record.ts';
import { isError, TributaryError } from '../base/errors.ts';
import { define } from '../config/config-def.ts';
import type { RawConfig } from '../config/raw.ts';
import { builtInTransforms } from './catalogue.ts';
import { makeChain, TransformFailure } from './chain.ts';
import type { TransformCatalogue, TransformClass } from './transform.ts';

/** Writes its alias behind the topic, or throws where the topic is "bad". */
const tag: TransformClass = {
  kind: 'transformation',
  className: 'test.Tag',
  version: '1',
  config: define({}),
  make: ({ tag: text = '' }) => ({
    apply(record) {
      if (record.topic === 'bad') throw new TributaryError('CONVERSION_FAILED', 'no', { retriable: true });
      return { ...record, topic: record.topic + text };
    },
  }),
};
const catalogue: TransformCatalogue = {
  transforms: [...builtInTransforms.transforms, tag],
  predicates: builtInTransforms.predicates,
};
const tombstones = { predicates: 'dead', 'predicates.dead.type': 'RecordIsTombstone' };

const cases: readonly (readonly [what: string, config: RawConfig, topics: readonly (string | null)[]])[] = [
  [
    'steps run in their order',
    { 'transforms.a.tag': '1', 'transforms.b.tag': '2', transforms: 'b, a' },
    ['t21', 't21'],
  ],
  [
    'a predicate chooses',
    { 'transforms.a.tag': '1', 'transforms.a.predicate': 'dead', transforms: 'a', ...tombstones },
    ['t', 't1'],
  ],
  [
    'a negated predicate chooses the others',
    {
      'transforms.a.tag': '1',
      'transforms.a.predicate': 'dead',
      'transforms.a.negate': 'TRUE',
      transforms: 'a',
      ...tombstones,
    },
    ['t1', 't'],
  ],
  [
    'what a filter drops reaches no later step',
    {
      transforms: 'a,b',
      'transforms.a.type': 'Filter',
      'transforms.a.predicate': 'dead',
      'transforms.b.tag': '1',
      ...tombstones,
    },
    ['t1', null],
  ],
];

for (const [what, config, topics] of cases) {
  test(what, () => {
    const chain = makeChain({ 'transforms.a.type': 'Tag', 'transforms.b.type': 'test.Tag', ...config }, catalogue)!;
    const records = [sourceRecord({ value: 'x' }), sourceRecord()];
    deepEqual(
      records.map((record) => chain.apply(record)?.topic ?? null),
      topics,
    );
  });
}

test('no transforms are no chain', () => {
  equal(makeChain({}, catalogue), undefined);
  equal(makeChain({ transforms: ' ' }, catalogue), undefined);
});

test('a failure names the step and keeps whether trying again can help', () => {
  const chain = makeChain({ transforms: 'a', 'transforms.a.type': 'Tag' }, catalogue)!;
  throws(
    () => chain.apply(sourceRecord({ topic: 'bad' })),
    (error) =>
      error instanceof TransformFailure &&
      error.alias === 'a' &&
      error.className === 'test.Tag' &&
      error.retriable &&
      error.message === 'no (transform "a")',
  );
});

const wrong: readonly (readonly [RawConfig, RegExp])[] = [
  [{ transforms: 'a' }, /^Missing required configuration "transforms.a.type"/],
  [
    { transforms: 'a', 'transforms.a.type': 'Hoist' },
    /^Invalid value Hoist for configuration transforms.a.type: Class Hoist could not be found\./,
  ],
  [{ transforms: 'a', 'transforms.a.type': 'Filters' }, /Did you mean "Filter"\?$/],
  [
    { transforms: 'a', 'transforms.a.type': 'HoistField$Value' },
    /"field" which has no default value. \(transform "a"\)$/,
  ],
  [
    { transforms: 'a', 'transforms.a.type': 'Filter', 'transforms.a.predicate': 'nope' },
    /^Invalid value nope for configuration transforms.a.predicate: "predicates" has no such name$/,
  ],
  [
    { transforms: 'a', 'transforms.a.type': 'Filter', predicates: 'p', 'predicates.p.type': 'Filter' },
    /^Invalid value Filter for configuration predicates.p.type/,
  ],
];

for (const [config, text] of wrong) {
  test(`${JSON.stringify(config)} is refused`, () => {
    throws(
      () => makeChain(config, catalogue),
      (error) => isError(error, 'CONFIG_INVALID') && text.test(error.message),
    );
  });
}
