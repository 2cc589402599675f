import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { readConnectorFile } from './connector-file.ts';
import { showProblem } from './problem.ts';

const good: readonly (readonly [name: string, file: string, text: string])[] = [
  ['properties', 'a.properties', 'name=trades\ntasks.max=1\n'],
  ['JSON with name and config', 'a.json', '{"name":"trades","config":{"tasks.max":1,"name":"trades"}}'],
  ['a flat JSON map', 'a.json', '{"name":"trades","tasks.max":"1"}'],
];

for (const [name, file, text] of good) {
  test(`connector file: ${name}`, () => {
    const { connector, problems } = readConnectorFile(file, text);
    deepEqual(problems, []);
    equal(connector?.name, 'trades');
    equal(connector?.config['tasks.max'], '1');
  });
}

test('connector file: the state to begin in', () => {
  equal(
    readConnectorFile('a.json', '{"name":"t","config":{},"initial_state":"paused"}').connector?.initialState,
    'PAUSED',
  );
});

const wrong: readonly (readonly [file: string, text: string, problem: string])[] = [
  [
    'a.properties',
    'tasks.max=1',
    'a.properties: name: Missing required configuration "name" which has no default value.',
  ],
  ['a.properties', 'name=t\nx=\\u1', 'a.properties:2: Malformed \\u escape: four hexadecimal digits are wanted'],
  ['a.json', '{"name":"t",\n"config":{,}}', 'a.json:2: this is no JSON'],
  ['a.json', '[]', 'a.json: must be {"name": …, "config": {…}} or a map of keys'],
  ['a.json', '{"name":"t",\n"config":{\n"a":{}}}', 'a.json:3: a: must be text, a number, true or false'],
  [
    'a.json',
    '{"name":"t","config":{},\n"inital_state":"PAUSED"}',
    'a.json:2: inital_state: unknown member beside "config"',
  ],
];

for (const [file, text, problem] of wrong) {
  test(`connector file: ${problem}`, () => {
    deepEqual(readConnectorFile(file, text).problems.map(showProblem), [problem]);
  });
}
