/** Streaming SQL as a user has it: commands, the configuration file, REST, and the terminal. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { feedServer } from '../support/sql-app.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { startTributary, tributary, until } from './support/run.ts';
import { startWorker } from './support/worker.ts';

const topic = (type: string, name: string, kafka: string): string =>
  `CREATE STREAM ${name} (k STRING, v LONG) WITH (type = '${type}', extension = 'kafka', format = 'json', kafka.topic = '${kafka}'${type === 'source' ? ", kafka.from = 'earliest'" : ''});\n`;

test('a script of the configuration file runs as a connector; an edit counts at the next start', async () => {
  await using folder = await tempFolder('sql-yaml');
  const { path: cwd } = folder;
  const script = (factor: number): string =>
    `${topic('source', 'In', 'in')}${topic('sink', 'Out', 'out')}INSERT INTO Out SELECT k, v * ${factor} AS v FROM In;`;
  await writeFile(join(cwd, 'feed.yaml'), 'sql: [scripts.sql]\n');
  const produce = async (url: string, values: readonly number[]): Promise<void> => {
    const body = values.map((v) => JSON.stringify({ value: JSON.stringify({ k: 'a', v }) })).join('\n');
    const headers = { 'content-type': 'application/x-ndjson' };
    equal((await fetch(`${url}/produce/in`, { method: 'POST', headers, body })).status, 200);
  };
  await writeFile(join(cwd, 'scripts.sql'), script(2));
  equal((await tributary(['topics', 'create', 'in', '--broker', 'embedded:./data'], { cwd })).code, 0);
  {
    await using worker = await startWorker(['start', 'feed.yaml'], { cwd });
    await produce(worker.url, [1, 2 ** 53]);
    await until('both rows are committed', async () => (await worker.records('out')).length === 2);
    deepEqual(
      (await worker.records('out')).map(({ value }) => value),
      ['{"k":"a","v":2}', '{"k":"a","v":18014398509481984}'],
    );
    const answer = await fetch(`${worker.url}/sql/check`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql: 'SELECT a FROM b' }),
    });
    const { valid, errors } = (await answer.json()) as { valid: boolean; errors: { code: string }[] };
    deepEqual([valid, errors.map(({ code }) => code)], [false, ['E_UNKNOWN_STREAM']]);
    equal((await worker.stop()).code, 0);
  }
  await writeFile(join(cwd, 'scripts.sql'), script(3).replace('SELECT k', 'SELECT x'));
  const refused = await tributary(['start', 'feed.yaml'], { cwd });
  equal(refused.code, 1);
  match(refused.stderr, /scripts\.sql:3: .*E_UNKNOWN_COLUMN at line 3, column 24/);
});

test('sql check --connect opens each connection of a script, and says which does not stand', async () => {
  await using folder = await tempFolder('sql-connect');
  await using feed = await feedServer();
  const { path: cwd } = folder;
  const stream = (name: string, type: string, url: string): string =>
    `CREATE STREAM ${name} (a LONG) WITH (type = '${type}', extension = 'websocket', format = 'json', websocket.url = '${url}');\n`;
  await writeFile(join(cwd, 'good.sql'), stream('In', 'source', feed.url) + stream('Out', 'sink', feed.url));
  const good = await tributary(['sql', 'check', '--connect', 'good.sql'], { cwd });
  deepEqual([good.code, good.stderr], [0, '']);
  match(good.stdout, /\n {2}In: ok, connected\n {2}Out: ok, connected\n$/);
  await writeFile(join(cwd, 'topics.sql'), topic('source', 'In', 'in') + topic('sink', 'Out', 'out'));
  const topics = await tributary(['sql', 'check', '--connect', 'topics.sql'], { cwd });
  equal(topics.code, 1);
  match(
    topics.stdout,
    /In: FAILED, There are no topics yet: nothing is stored in ".\/data"\n {2}Out: ok, topic "out" will be made/,
  );
  ok(!(await readdir(cwd)).includes('data')); // a check makes no broker
  await writeFile(
    join(cwd, 'bad.sql'),
    stream('In', 'source', 'ws://me:secret@127.0.0.1:1/') + stream('Out', 'sink', feed.url),
  );
  const bad = await tributary(['sql', 'check', '--connect', 'bad.sql'], { cwd });
  equal(bad.code, 1);
  match(
    bad.stdout,
    /\n {2}In: FAILED, Failed to connect to WebSocket ws:\/\/\*\*\*@127\.0\.0\.1:1\/: Connection refused\n {2}Out: ok/,
  );
  ok(!(bad.stdout + bad.stderr).includes('secret'));
});

test('sql repl: what is entered is kept, a SELECT shows its rows until Ctrl-C, errors show a caret, the end leaves', async () => {
  await using folder = await tempFolder('sql-repl');
  await using feed = await feedServer(['{"k":"a","v":1}', '{"k":"b","v":2}']);
  const { path: cwd } = folder;
  await using repl = startTributary(['sql', 'repl'], { cwd, typing: true });
  const type = (text: string): void => void repl.child.stdin!.write(text);
  type(
    `CREATE STREAM In (k STRING, v LONG)\n  WITH (type = 'source', extension = 'websocket', format = 'json', websocket.url = '${feed.url}');\n`,
  );
  await repl.waitFor('stream In: kept');
  type('SELECT k FROM In\nWHERE w > 1;\n');
  await repl.waitFor(
    "E_UNKNOWN_COLUMN at line 2, column 7: unknown column 'w', did you mean 'k'?\n2 | WHERE w > 1\n          ^",
  );
  type('\\d In\n');
  await repl.waitFor('k  STRING\nv  LONG');
  type('SELECT k, v + 1 AS w FROM In WHERE v > 1;\n');
  await repl.waitFor('{"k":"b","w":3}');
  repl.child.kill('SIGINT');
  await repl.waitFor('1 rows');
  type('INSERT INTO Sums SELECT SUM(v) AS total FROM In; SELECT total FROM Sums;\n');
  await repl.waitFor('{"total":3}');
  repl.child.kill('SIGINT');
  await repl.waitFor('2 rows');
  repl.child.stdin!.end();
  const { code, stdout } = await repl.ended;
  equal(code, 0, stdout);
  await until('the connections are closed', async () =>
    feed.sockets.every((socket) => socket.readyState === socket.CLOSED),
  );
});
