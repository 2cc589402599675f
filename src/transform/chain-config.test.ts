import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { validate } from '../config/config-def.ts';
import { configInfos } from '../config/config-infos.ts';
import type { RawConfig } from '../config/raw.ts';
import { builtInTransforms } from './catalogue.ts';
import { aliasOptions, validateChain } from './chain-config.ts';

const hoist = 'org.apache.kafka.connect.transforms.HoistField';
const json = 'org.apache.kafka.connect.json.JsonConverter';

const cases: readonly (readonly [what: string, raw: RawConfig, keys: readonly string[], errors: readonly string[]])[] =
  [
    ['no aliases are no options', { 'transforms.a.type': 'whatever' }, [], []],
    [
      'an alias without a type',
      { transforms: 'a' },
      ['transforms.a.type', 'transforms.a.plugin.version'],
      ['Missing required configuration "transforms.a.type" which has no default value.'],
    ],
    [
      "a transform's keys stand between its type and the predicate",
      { transforms: 'a', 'transforms.a.type': `${hoist}$Value` },
      [
        'transforms.a.type',
        'transforms.a.plugin.version',
        'transforms.a.field',
        'transforms.a.negate',
        'transforms.a.predicate',
      ],
      ['Missing required configuration "transforms.a.field" which has no default value.'],
    ],
    [
      'the class without $Key or $Value',
      { transforms: 'a', 'transforms.a.type': hoist },
      ['transforms.a.type', 'transforms.a.plugin.version'],
      [`This class is abstract and cannot be created. Did you mean ${hoist}$Key, ${hoist}$Value?`],
    ],
    [
      'a plugin of another kind',
      { transforms: 'a', 'transforms.a.type': json },
      ['transforms.a.type', 'transforms.a.plugin.version'],
      [`Class class ${json} does not implement the Transformation interface`],
    ],
    [
      'a class that nothing has',
      { transforms: 'a', 'transforms.a.type': 'x.Y' },
      ['transforms.a.type', 'transforms.a.plugin.version'],
      ['Invalid value x.Y for configuration transforms.a.type: Class x.Y could not be found.'],
    ],
    [
      'a predicate without its key',
      { predicates: 'p', 'predicates.p.type': 'HasHeaderKey' },
      ['predicates.p.type', 'predicates.p.plugin.version', 'predicates.p.name'],
      ['Missing required configuration "predicates.p.name" which has no default value.'],
    ],
    [
      'what cannot be read names the whole key, what a check refuses the short one',
      {
        transforms: 'a',
        'transforms.a.type': 'DropHeaders',
        'transforms.a.headers': '',
        'transforms.a.negate': 'x',
        'transforms.a.predicate': 'p',
      },
      [
        'transforms.a.type',
        'transforms.a.plugin.version',
        'transforms.a.headers',
        'transforms.a.negate',
        'transforms.a.predicate',
      ],
      [
        'Invalid value [] for configuration headers: Empty list',
        'Invalid value x for configuration transforms.a.negate: Expected value to be either true or false',
      ],
    ],
    [
      'nothing can be negated without a predicate',
      { transforms: 'a', 'transforms.a.type': 'Filter', 'transforms.a.negate': 'true' },
      ['transforms.a.type', 'transforms.a.plugin.version', 'transforms.a.negate', 'transforms.a.predicate'],
      [
        "Config 'transforms.a.negate' was provided but there is no config 'transforms.a.predicate' defining a predicate to be negated.",
      ],
    ],
    [
      'an alias named twice has its options once',
      { predicates: 'p,p', 'predicates.p.type': 'RecordIsTombstone' },
      ['predicates.p.type', 'predicates.p.plugin.version'],
      [],
    ],
  ];

for (const [what, raw, keys, errors] of cases) {
  test(what, () => {
    const values = validateChain(raw, builtInTransforms, [json]);
    deepEqual(
      values.map(({ name }) => name),
      keys,
    );
    deepEqual(
      values.flatMap((value) => value.errors),
      errors,
    );
  });
}

test('an alias named twice is an error of the list', () => {
  const [transforms] = validate(aliasOptions, { transforms: 'a,a' });
  deepEqual(transforms!.errors, ['Invalid value [a, a] for configuration transforms: Duplicate alias provided.']);
});

test('the answer for forms: group by alias, order in it, short display names, the classes to choose from', () => {
  const { groups, configs } = configInfos(
    'x',
    validateChain(
      { transforms: 'h', 'transforms.h.type': `${hoist}$Value`, 'transforms.h.field': 'm' },
      builtInTransforms,
    ),
  );
  deepEqual(groups, ['Transforms: h']);
  deepEqual(
    configs.map(({ definition }) => [
      definition!.order,
      definition!.width,
      definition!.display_name,
      definition!.importance,
    ]),
    [
      [0, 'LONG', 'Transformation type for h', 'HIGH'],
      [1, 'LONG', 'Transformation version for h', 'HIGH'],
      [2, 'NONE', 'field', 'MEDIUM'],
      [3, 'NONE', 'negate', 'MEDIUM'],
      [4, 'NONE', 'predicate', 'MEDIUM'],
    ],
  );
  const names = configs[0]!.value.recommended_values;
  deepEqual(names, [...names].sort());
  equal(names.includes(`${hoist}$Value`), true);
  deepEqual(configs[1]!.value.recommended_values, [configs[1]!.value.value]);
});
