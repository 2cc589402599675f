import { deepEqual, doesNotMatch, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { define, validate } from './config-def.ts';
import { configInfos } from './config-infos.ts';
import { boolean, className, double, int, list, long, password, short, string } from './option.ts';

const doc = 'What it is for';

test('an option that says everything is shown with everything', () => {
  const definition = define({
    size: int({
      doc,
      default: 7,
      min: 1,
      importance: 'high',
      group: 'Limits',
      order: 3,
      width: 'short',
      displayName: 'Size',
      dependents: ['mode'],
      recommend: ({ mode }) => (mode === 'big' ? ['100', '200'] : ['1']),
    }),
    mode: string({ doc, group: 'Mode' }),
  });
  deepEqual(configInfos('a.Connector', validate(definition, { size: ' 9 ', mode: 'big' })), {
    name: 'a.Connector',
    error_count: 0,
    groups: ['Limits', 'Mode'],
    configs: [
      {
        definition: {
          name: 'size',
          type: 'INT',
          required: false,
          default_value: '7',
          importance: 'HIGH',
          documentation: doc,
          group: 'Limits',
          width: 'SHORT',
          display_name: 'Size',
          dependents: ['mode'],
          order: 3,
        },
        value: { name: 'size', value: '9', recommended_values: ['100', '200'], errors: [], visible: true },
      },
      {
        definition: {
          name: 'mode',
          type: 'STRING',
          required: true,
          default_value: null,
          importance: 'MEDIUM',
          documentation: doc,
          group: 'Mode',
          width: 'NONE',
          display_name: 'mode',
          dependents: [],
          order: -1,
        },
        value: { name: 'mode', value: 'big', recommended_values: [], errors: [], visible: true },
      },
    ],
  });
});

const shown = [
  ['BOOLEAN', boolean({ doc, default: false }), 'true', 'false', 'true'],
  ['STRING', string({ doc, default: '' }), ' a ', '', 'a'],
  ['SHORT', short({ doc, default: 1 }), '2', '1', '2'],
  ['INT', int({ doc, default: 1 }), '2', '1', '2'],
  ['LONG', long({ doc, default: 1 }), '2', '1', '2'],
  ['DOUBLE', double({ doc, default: 1 }), '2', '1.0', '2.0'],
  ['LIST', list({ doc, default: ['a', 'b'] }), 'c , d', 'a,b', 'c,d'],
  ['CLASS', className({ doc, default: 'a.B' }), 'c.D', 'a.B', 'c.D'],
  ['PASSWORD', password({ doc, default: 'canary' }), 'canary too', '[hidden]', '[hidden]'],
] as const;

for (const [type, option, raw, byDefault, value] of shown) {
  test(`the default and the value of a ${type} are text`, () => {
    const given = configInfos('C', validate(define({ k: option }), { k: raw })).configs[0]!;
    equal(given.definition!.type, type);
    equal(given.definition!.default_value, byDefault);
    equal(given.value.value, value);
    equal(given.definition!.required, false);
    const absent = configInfos('C', validate(define({ k: option }), {})).configs[0]!;
    equal(absent.value.value, byDefault);
  });
}

test('every message counts, also two of one option, and no password is among them', () => {
  const definition = define({
    url: string({ doc, validate: (value) => (value === null ? 'WebSocket URL cannot be null' : undefined) }),
    size: int({ doc, min: 1 }),
    secret: password({ doc, validate: () => 'too short' }),
  });
  const infos = configInfos('C', validate(definition, { size: 'x', secret: 'canary', unknown: 'y' }));
  equal(infos.error_count, 5);
  deepEqual(
    infos.configs.map(({ value }) => value.errors),
    [
      [
        'Missing required configuration "url" which has no default value.',
        'Invalid value null for configuration url: WebSocket URL cannot be null',
      ],
      [
        'Invalid value x for configuration size: Not a number of type INT',
        'Invalid value null for configuration size: Value must be non-null',
      ],
      ['Invalid value [hidden] for configuration secret: too short'],
    ],
  );
  doesNotMatch(JSON.stringify(infos), /canary/);
  deepEqual(infos.groups, []);
  deepEqual(
    infos.configs.map(({ definition: found }) => found!.name),
    ['url', 'size', 'secret'],
    'a key without an option is absent',
  );
});
