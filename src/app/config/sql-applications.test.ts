import { deepEqual, equal, match } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { loadConnectors } from '../connectors.ts';
import { loadYaml } from './load-config.ts';
import { showProblem } from './problem.ts';

const script = `CREATE STREAM In (a LONG) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'in');
CREATE STREAM Out (a LONG) WITH (type = 'sink', extension = 'log', format = 'json');
INSERT INTO Out SELECT a FROM In;`;

async function load(yaml: string, scripts: Readonly<Record<string, string>>) {
  await using folder = await tempFolder('sql-yaml');
  for (const [name, text] of Object.entries(scripts)) await writeFile(join(folder.path, name), text);
  const file = join(folder.path, 'feed.yaml');
  await writeFile(file, yaml);
  const { config, problems } = loadYaml(file, {}, { env: {}, connectors: await loadConnectors() });
  return { config, problems: problems.map((problem) => showProblem(problem).replaceAll(`${folder.path}/`, '')) };
}

test('each script of the file is a connector of class sql, named after it', async () => {
  const yaml =
    'sql: [a.sql, b.SQL]\nconnectors:\n  c: { connector.class: websocket, websocket.url: "ws://x/", kafka.topic: t }';
  const { config, problems } = await load(yaml, { 'a.sql': script, 'b.SQL': script });
  deepEqual(problems, []);
  deepEqual(
    config!.connectors.map(({ name, config: { 'connector.class': kind, 'sql.text': text } }) => [name, kind, text]),
    [
      ['c', 'websocket', undefined],
      ['a', 'sql', script],
      ['b', 'sql', script],
    ],
  );
});

test('an entry that is a map says what else the connector has, and under which name', async () => {
  const yaml = `sql:
  - a.sql
  - { file: b.sql, tasks.max: 4 }
  - file: b.sql
    name: again
    checkpoint: { interval.ms: 200, generation: two }
`;
  const { config, problems } = await load(yaml, { 'a.sql': script, 'b.sql': script });
  deepEqual(problems, []);
  const common = { 'connector.class': 'sql', 'sql.text': script };
  deepEqual(
    config!.connectors.map(({ name, config }) => ({ name, ...config })),
    [
      { name: 'a', ...common },
      { name: 'b', 'tasks.max': '4', ...common },
      { name: 'again', 'checkpoint.interval.ms': '200', 'checkpoint.generation': 'two', ...common },
    ],
  );
});

test('what is wrong with a script is told with its own file and line', async () => {
  const { problems } = await load('sql: [a.sql]', { 'a.sql': script.replace('SELECT a', 'SELECT b') });
  equal(problems.length, 1);
  match(
    problems[0]!,
    /^a\.sql:3: Invalid value for configuration sql\.text: E_UNKNOWN_COLUMN at line 3, column 24: unknown column 'b'/,
  );
});

const refused: readonly (readonly [yaml: string, problem: RegExp])[] = [
  ['sql: [none.sql]', /^feed\.yaml:1: sql: cannot read "none\.sql": there is no such file$/],
  ['sql: [.]', /^feed\.yaml:1: sql: cannot read "\.": it is no file$/],
  ['sql: [a.sql, ./a.sql]', /^feed\.yaml:1: sql: "a\.sql" and "\.\/a\.sql" would both be the connector "a"$/],
  [
    'sql: [a.sql]\nconnectors:\n  a: { connector.class: sql, sql.text: SELECT }',
    /^feed\.yaml:1: sql: "a\.sql" would be the connector "a", and there is one of that name$/,
  ],
  ['sql:\n  - tasks.max: 4', /^feed\.yaml:2: sql: an entry that is a map needs "file", the path of the script$/],
  ['sql: [{ file: none.sql, tasks.max: 4 }]', /^feed\.yaml:1: sql: cannot read "none\.sql": there is no such file$/],
  [
    'sql:\n  - file: a.sql\n    sql.text: x',
    /^feed\.yaml:2: sql: "sql\.text" of "a\.sql" cannot be set: the script is/,
  ],
  [
    'sql:\n  - a.sql\n  - { file: a.sql }',
    /^feed\.yaml:3: sql: "a\.sql" and "a\.sql" would both be the connector "a"$/,
  ],
  [
    'sql:\n  - file: a.sql\n    tasks.max: x',
    /^feed\.yaml:3: sql\.tasks\.max: Invalid value x for configuration tasks\.max/,
  ],
  [
    'sql:\n  - file: a.sql\n    task.max: 2',
    /^feed\.yaml:3: sql\.task\.max: unknown key\. Did you mean "tasks\.max"\?$/,
  ],
];
for (const [yaml, problem] of refused) {
  test(`${JSON.stringify(yaml)} is refused`, async () => {
    const { problems } = await load(yaml, { 'a.sql': script });
    match(problems[0]!, problem);
  });
}
