import { deepEqual, doesNotThrow, equal, match, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { scriptedSource } from '../../test/support/scripted-source.ts';
import { define } from '../config/config-def.ts';
import type { RawConfig, RawConfigWithNulls } from '../config/raw.ts';
import type { SinkConnector, SourceConnector } from '../connectors/contract.ts';
import { checkConnectorConfig, connectorValues, type ValidationContext } from './validation.ts';

function check(config: RawConfig): void {
  const whole = { name: 'c', 'connector.class': 'scripted', topic: 't', ...config };
  checkConnectorConfig('c', whole, whole, { connectors: [scriptedSource()] });
}

test('every problem is in the text, counted', () => {
  throws(() => check({ size: 'x', 'tasks.max': '0' }), {
    code: 'CONFIG_INVALID',
    message: /2 error\(s\):\nInvalid value 0 for configuration tasks.max: Value must be at least 1\nInvalid value x/,
  });
});

test('transforms are checked with the rest', () => {
  doesNotThrow(() => check({ transforms: '' }));
  doesNotThrow(() => check({ transforms: 'a', 'transforms.a.type': 'HoistField$Value', 'transforms.a.field': 'f' }));
  throws(
    () => check({ transforms: 'a', 'transforms.a.type': 'HoistField$Value' }),
    /"transforms.a.field" which has no/,
  );
  throws(() => check({ transforms: 'a,a', 'transforms.a.type': 'Filter' }), /Duplicate alias provided/);
});

const source = { name: 'c', 'connector.class': 'scripted', topic: 't' };
const sink: SinkConnector = {
  kind: 'sink',
  name: 'memory',
  classNames: ['tributary.MemorySink'],
  version: '0.0.0',
  config: define({}),
  tasks: (config) => [config],
  open: async () => ({ write: async () => {}, close: async () => {} }),
};
const asSink = { name: 'c', 'connector.class': 'memory' };

/** Errors by option, of a configuration on top of one that is whole. */
function errorsOf(more: RawConfigWithNulls, context: Partial<ValidationContext> = {}, base: RawConfig = source) {
  const config = { ...base, ...more };
  const values = connectorValues(config, config, { connectors: [scriptedSource(), sink], ...context });
  return Object.fromEntries(values.filter(({ errors }) => errors.length > 0).map(({ name, errors }) => [name, errors]));
}

const nullValue = 'Null value can not be supplied as the configuration value.';
const exactlyOnceOff = 'This worker does not have exactly-once source support enabled.';

const found: readonly (readonly [
  what: string,
  errors: Record<string, readonly string[]>,
  expected: Record<string, readonly string[]>,
])[] = [
  ['a null of a key that nothing reads', errorsOf({ foo: null }), { foo: [nullValue] }],
  ["a null of a connector's own optional key is no error", errorsOf({ size: null }), {}],
  [
    'a null of a framework key',
    errorsOf({ 'errors.tolerance': null }),
    {
      'errors.tolerance': [
        'Invalid value null for configuration errors.tolerance: String must be one of: none, all',
        nullValue,
      ],
    },
  ],
  [
    'two groups of one name',
    errorsOf({ 'topic.creation.groups': 'g,g' }),
    {
      'topic.creation.groups': [
        'Invalid value [g, g] for configuration topic.creation.groups: Duplicate alias provided.',
      ],
    },
  ],
  [
    'a name with control characters',
    errorsOf({ name: 'a\u0000b' }),
    {
      name: [
        'Invalid value a\u0000b for configuration name: String may not contain control sequences but had the following ASCII chars: 00',
      ],
    },
  ],
  [
    'exactly-once where the worker has it and the source does not say',
    errorsOf({ 'exactly.once.support': 'Required' }, { exactlyOnceSources: true }),
    { 'exactly.once.support': [errorsOf({ 'exactly.once.support': 'required' })['exactly.once.support']![1]!] },
  ],
  [
    'exactly-once where the source supports it and the worker does not',
    errorsOf({ 'exactly.once.support': 'required' }, { connectors: [{ ...exactSource(), ...supports(true) }] }),
    { 'exactly.once.support': [exactlyOnceOff] },
  ],
  [
    'exactly-once that the source cannot give',
    errorsOf(
      { 'exactly.once.support': 'required' },
      { connectors: [{ ...exactSource(), ...supports(false) }], exactlyOnceSources: true },
    ),
    {
      'exactly.once.support': [
        'The connector does not support exactly-once semantics with the provided configuration.',
      ],
    },
  ],
  [
    'a sink without topics',
    errorsOf({}, {}, asSink),
    {
      topics: ['Must configure one of topics or topics.regex'],
      'topics.regex': ['Must configure one of topics or topics.regex'],
    },
  ],
  [
    'a sink with both',
    errorsOf({ topics: 'a', 'topics.regex': 'b' }, {}, asSink),
    {
      topics: ['topics and topics.regex are mutually exclusive options, but both are set.'],
      'topics.regex': ['topics and topics.regex are mutually exclusive options, but both are set.'],
    },
  ],
  ['a sink with topics', errorsOf({ topics: 'a,b' }, {}, asSink), {}],
  [
    'a sink that would read its own dead letters',
    errorsOf({ topics: 'a,b', 'errors.deadletterqueue.topic.name': 'b' }, {}, asSink),
    {
      topics: [
        "The DLQ topic 'b' may not be included in the list of topics ('topics=[a, b]') consumed by the connector",
      ],
    },
  ],
];

for (const [what, errors, expected] of found) {
  test(what, () => deepEqual(errors, expected));
}

test('a configuration without a class is shown without what may be a secret', () => {
  throws(() => errorsOf({}, {}, { name: 'c', 'api.token': 'canary', url: 'u' }), {
    code: 'CONFIG_INVALID',
    message: /^Connector config \{[^}]*api\.token=\[hidden\][^}]*\} contains no connector type$/,
  });
});

test('a version that is not there leaves only what all connectors have', () => {
  const config = { ...source, 'connector.plugin.version': '[9,10)' };
  const values = connectorValues(config, config, { connectors: [scriptedSource()] });
  const problem = /^Plugin \S+ not found that matches the version range \[9,10\), available versions: \[[\d.]+\]$/;
  const wrong = values.filter(({ errors }) => errors.length > 0);
  deepEqual(
    wrong.map(({ name }) => name),
    ['connector.class', 'connector.plugin.version'],
  );
  for (const { errors } of wrong) match(errors[0]!, problem);
  equal(
    values.some(({ name }) => name === 'topic'),
    false,
  );
});

function exactSource(): SourceConnector {
  return scriptedSource() as SourceConnector;
}

function supports(isSupported: boolean): Partial<SourceConnector> {
  return { exactlyOnceSupport: () => isSupported };
}

test('versions of converters and transforms that are not there are errors', () => {
  const converter = 'org.apache.kafka.connect.storage.StringConverter';
  const problem = (plugin: string): string =>
    `Plugin ${plugin} not found that matches the version range [9,9], available versions: [4.1.0]`;
  deepEqual(errorsOf({ 'key.converter': 'StringConverter', 'key.converter.plugin.version': '9' }), {
    'key.converter': [problem(converter)],
    'key.converter.plugin.version': [problem(converter)],
  });
  deepEqual(errorsOf({ transforms: 'a', 'transforms.a.type': 'Filter', 'transforms.a.plugin.version': '9' }), {
    'transforms.a.plugin.version': [
      `Invalid value 9 for configuration transforms.a.plugin.version: ${problem('org.apache.kafka.connect.transforms.Filter')}`,
    ],
  });
});

test('dead-letter keys of a source are shown behind all others of the framework, and refuse nothing that Connect takes', () => {
  const config = { ...source, 'errors.deadletterqueue.topic.name': 'dead' };
  const factor = 'errors.deadletterqueue.topic.replication.factor';
  const of = (raw: RawConfig) => connectorValues(raw, raw, { connectors: [scriptedSource(), sink] });
  const names = of(config).map(({ name }) => name);
  ok(names.indexOf('errors.deadletterqueue.topic.name') > names.indexOf('offsets.storage.topic'));
  const { value } = of(config).find(({ name }) => name === 'errors.deadletterqueue.topic.name')!;
  equal(value, 'dead');
  deepEqual(
    of({ ...config, [factor]: 'x' }).flatMap(({ errors }) => errors),
    [],
  );
  deepEqual(errorsOf({ topics: 'a', [factor]: 'x' }, {}, asSink)[factor]?.length, 1);
});
