import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { scriptedSource } from '../../test/support/scripted-source.ts';
import { unknownConnectorKeys } from './unknown-keys.ts';
import { connectorValues } from './validation.ts';

const connector = { ...scriptedSource(), prefixes: ['http.header.'] };

const cases: readonly (readonly [config: Record<string, string>, told: readonly string[]])[] = [
  [{ 'errors.tollerance': 'all' }, ['nothing reads it. Did you mean "errors.tolerance"?']],
  [{ foo: 'bar' }, ['nothing reads it.']],
  [{ 'http.header.X-A': 'b', 'producer.override.acks': 'all', 'errors.deadletterqueue.topic.name': 'd' }, []],
  [
    { 'value.converter.schemas.enable': 'false' },
    [
      'nothing reads it. It would need "value.converter": options of the worker\'s own converter are set at the worker.',
    ],
  ],
  [{ 'value.converter': 'JsonConverter', 'value.converter.schemas.enable': 'false' }, []],
  [
    { 'value.converter': 'JsonConverter', 'value.converter.schema.enable': 'false' },
    ['nothing reads it. Did you mean "value.converter.schemas.enable"?'],
  ],
  [{ 'transforms.a.type': 'Filter' }, ['nothing reads it. "transforms" does not name "a".']],
  [
    { transforms: 'a', 'transforms.a.type': 'HoistField$Value', 'transforms.a.feild': 'f' },
    ['nothing reads it. Did you mean "transforms.a.field"?'],
  ],
  [{ 'topic.creation.default.partitions': '1', 'topic.creation.default.retention.ms': '1' }, []],
  [{ 'topic.creation.g.include': '.*' }, ['nothing reads it. "topic.creation.groups" does not name "g".']],
  [{ 'topic.creation.groups': 'g', 'topic.creation.g.include': '.*' }, []],
];

for (const [more, told] of cases) {
  test(`${JSON.stringify(more)} tells ${told.length === 0 ? 'nothing' : told.join()}`, () => {
    const config = { name: 'c', 'connector.class': 'scripted', topic: 't', ...more };
    const values = connectorValues(config, config, { connectors: [connector] });
    deepEqual(
      unknownConnectorKeys(config, connector, values).map(({ reason }) => reason),
      told,
    );
  });
}
