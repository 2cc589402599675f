/** The commands about connectors, against a worker that runs, with users. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CommandResult, runCommand } from '../support/cli.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { until } from './support/run.ts';
import { type StartedWorker, startWorker } from './support/worker.ts';

let folder: TempFolder;
let worker: StartedWorker;
const env: Record<string, string> = { TRIBUTARY_TOKEN: 'token-of-ada' };

const feed = (url: string): object => ({
  'connector.class': 'io.conduktor.connect.websocket.WebSocketSourceConnector',
  'websocket.url': url,
  'kafka.topic': 'trades',
  'websocket.auth.token': 'hidden-token',
});
const nowhere = 'ws://127.0.0.1:1/';

before(async () => {
  folder = await tempFolder('commands');
  const users = {
    ada: { password: 'password-of-ada', role: 'admin' },
    vera: { password: 'password-of-vera', role: 'viewer' },
  };
  const rest = { users, tokens: { ada: { token: 'token-of-ada', role: 'admin' } } };
  writeFileSync(join(folder.path, 'start.yaml'), JSON.stringify({ rest }));
  worker = await startWorker(['start', 'start.yaml'], { cwd: folder.path });
  env['TRIBUTARY_URL'] = worker.url;
});
after(async () => {
  await worker[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function run(line: string, input = '', more: NodeJS.ProcessEnv = env): Promise<CommandResult> {
  return runCommand(line.split(' '), { env: more, input });
}

async function done(line: string, input = ''): Promise<string> {
  const { code, stdout, stderr } = await run(line, input);
  deepEqual([code, stderr], [0, ''], line);
  return stdout;
}

async function stateIs(name: string, state: string): Promise<void> {
  await until(`${name} is ${state}`, async () => (await done('get')).includes(state));
}

test('an empty worker', async () => {
  equal(await done('get'), 'There are no connectors.\n');
  match(await done('get info'), /^URL +http:\/\/127\.0\.0\.1:\d+\nVersion +4\.\d/);
});

test('a connector from the first apply to its end', async () => {
  const file = join(folder.path, 'a.json');
  writeFileSync(file, JSON.stringify({ name: 'a', config: feed(nowhere) }));
  equal(await done(`apply -f ${file}`), 'Connector "a" created.\n');
  await stateIs('a', 'RUNNING');
  match(
    await done('get connectors'),
    /^NAME {2}TYPE +STATE +TASKS +WORKER\na {5}source {2}RUNNING {2}1 RUNNING {2}127/,
  );
  match(await done('get tasks a'), /^TASK {2}STATE +WORKER +REASON\n0 +RUNNING +127\.0\.0\.1:\d+ +\S/);
  const described = await done('describe a');
  match(described, /^Name {7}a\nType {7}source\n/);
  match(described, /websocket\.auth\.token +\*{6}\n/);
  equal(JSON.parse(await done('get connector a -o json')).config['kafka.topic'], 'trades');
  match(await done('describe a -o yaml'), /^info:\n {2}name: a\n/);
  equal(await done('offsets get a'), 'It has stored no offsets yet.\n');
  equal(await done('pause a'), 'Connector "a" is pausing.\n');
  await stateIs('a', 'PAUSED');
  equal(await done('resume a'), 'Connector "a" is starting.\n');
  await stateIs('a', 'RUNNING');
  equal(await done('restart a'), 'Connector "a" restarted.\n');
  equal(await done('restart a --tasks failed'), 'Connector "a" restarted, with what has failed of it.\n');
  equal(await done('restart a/0'), 'Task 0 of connector "a" restarted.\n');
  equal(await done('stop --all'), 'Connector "a" is stopped.\n');
  await stateIs('a', 'STOPPED');
  equal(await done('delete a'), 'Connector "a" deleted.\n');
  equal(await done('get'), 'There are no connectors.\n');
});

test('apply says what it changes, and leaves alone what is as the file says', async () => {
  const plain = { ...feed(nowhere) } as Record<string, string>;
  delete plain['websocket.auth.token'];
  const json = (config: object) => JSON.stringify({ name: 'b', config, initial_state: 'STOPPED' });
  equal(await done('apply -f -', json(plain)), 'Connector "b" created.\n');
  equal(await done('apply -f -', json(plain)), 'Connector "b" is as the file says.\n');
  const changed = { ...plain, 'kafka.topic': 'other' };
  equal(await done('apply -f -', json(changed)), 'Connector "b" changed: kafka.topic.\n');
  equal(await done('delete b'), 'Connector "b" deleted.\n');
});

test('apply takes the connectors of a YAML file and properties', async () => {
  const yaml = join(folder.path, 'feeds.yaml');
  writeFileSync(yaml, JSON.stringify({ connectors: { y1: feed(nowhere), y2: feed(nowhere) } }));
  const properties = join(folder.path, 'p.properties');
  const lines = Object.entries({ name: 'p', ...feed(nowhere) }).map(([key, value]) => `${key}=${value}`);
  writeFileSync(properties, lines.join('\n'));
  equal(
    await done(`apply -f ${yaml} -f ${properties}`),
    'Connector "y1" created.\nConnector "y2" created.\nConnector "p" created.\n',
  );
  equal(await done('delete --all --yes'), 'Connector "p" deleted.\nConnector "y1" deleted.\nConnector "y2" deleted.\n');
});

test('one of several that fails does not hold up the others, and shows in the exit code', async () => {
  await done('apply -f -', JSON.stringify({ name: 'trades', config: feed(nowhere) }));
  const { code, stdout, stderr } = await run('pause trade trades');
  deepEqual(
    [code, stdout, stderr],
    [1, 'Connector "trades" is pausing.\n', 'Connector "trade" does not exist. Did you mean "trades"?\n'],
  );
  await done('delete trades');
});

test('patch changes and takes away keys, and keeps what is masked', async () => {
  await done('apply -f -', JSON.stringify({ name: 'm', config: { ...feed(nowhere), 'tasks.max': '1' } }));
  equal(
    await done('patch m --set kafka.topic=other --remove tasks.max'),
    'Connector "m" changed: kafka.topic, tasks.max.\n',
  );
  const { config } = JSON.parse(await done('get connector m -o json')) as { config: Record<string, string> };
  deepEqual(
    [config['kafka.topic'], config['tasks.max'], config['websocket.auth.token']],
    ['other', undefined, '******'],
  );
  await done('delete m');
});

test('apply --dry-run has the worker check, and changes nothing', async () => {
  const json = (config: object) => JSON.stringify({ name: 'd', config });
  equal(await done('apply -f - --dry-run', json(feed(nowhere))), 'Connector "d" would be created.\n');
  equal(await done('get'), 'There are no connectors.\n');
  const { code, stderr } = await run('apply -f - --dry-run', json({ ...feed('http://h/'), 'tasks.max': 'x' }));
  equal(code, 1);
  match(stderr, /^Connector "d" has 3 error\(s\):\n/);
  match(stderr, / {2}websocket\.url: .*ws:\/\/ or wss:\/\//);
});

test('offsets of a stopped connector are set, shown and forgotten; of a running one not', async () => {
  await done('apply -f -', JSON.stringify({ name: 'o', config: feed(nowhere) }));
  await stateIs('o', 'RUNNING');
  const refused = await run('offsets reset o');
  equal(refused.code, 1);
  match(refused.stderr, /must be in the STOPPED state/);
  await done('stop o');
  await stateIs('o', 'STOPPED');
  const partition = `{"websocket_url":"${nowhere}"}`;
  const offset = '{"session_id":"s","sequence":7}';
  match(await done(`offsets set o --partition ${partition} --offset ${offset}`), /have been altered successfully/);
  match(
    await done('offsets get o'),
    /^PARTITION +OFFSET\n\{"websocket_url":"ws:\/\/127\.0\.0\.1:1\/"\} +\{.*"sequence":7\}\n$/,
  );
  const saved = await done('offsets get o -o json');
  match(await done('offsets reset o'), /have been reset successfully/);
  equal(await done('offsets get o'), 'It has stored no offsets yet.\n');
  match(await done('offsets set o -f -', saved), /have been altered successfully/);
  match(await done('offsets get o'), /"sequence":7/);
  await done('delete o');
});

test('levels of loggers are shown and set', async () => {
  match(await done('loggers get'), /^LOGGER +LEVEL +CHANGED\n[\s\S]*\nroot +INFO +-\n/);
  // The audit log, below it, keeps its level.
  equal(await done('loggers set tributary.rest debug'), 'tributary.rest\n');
  match(await done('loggers get tributary.rest'), /\ntributary\.rest +DEBUG +20\d\d-/);
  equal(
    await done('loggers set tributary.rest INFO --scope cluster'),
    'Level INFO set for "tributary.rest" on every worker.\n',
  );
  const unknown = await run('loggers get tributary.rst');
  deepEqual(
    [unknown.code, unknown.stderr],
    [1, 'Logger "tributary.rst" does not exist. Did you mean "tributary.rest"?\n'],
  );
  const wrongLevel = await run('loggers set root DEBUGG');
  equal(wrongLevel.code, 2);
  match(wrongLevel.stderr, /invalid log level 'DEBUGG'\. Did you mean "DEBUG"\?/);
});

test('plugins and the options of one', async () => {
  match(await done('plugins'), /\nsource +io\.conduktor\.connect\.websocket\.WebSocketSourceConnector +\d/);
  match(await done('plugins --all'), /\ntransformation +org\.apache\.kafka\.connect\.transforms\./);
  match(await done('plugins WebSocketSourceConnector'), /\nwebsocket\.url +STRING +required +\S/);
  const unknown = await run('plugins WebSocketSourceConector');
  equal(unknown.code, 1);
  match(unknown.stderr, /Did you mean "WebSocketSourceConnector"\?/);
});

const wrong: readonly (readonly [line: string, code: number, message: RegExp])[] = [
  ['get conectors', 2, /Did you mean "connectors"\?/],
  ['get tasks', 2, /"tributary get tasks" needs a connector/],
  ['describe ghost', 1, /^Connector "ghost" does not exist\. There are none\.\n$/],
  ['pause', 2, /Which connector\? Give its name, or --all/],
  ['pause a --all', 2, /either names or --all/],
  ['delete --all', 2, /say that it is meant with --yes/],
  ['apply', 2, /Which file\?/],
  ['apply -f missing.json', 1, /Cannot read "missing\.json": there is no such file/],
  ['patch a', 2, /What shall change\?/],
  ['patch a --set x', 2, /must be KEY=VALUE/],
  ['offsets set a', 2, /Which offsets\?/],
  ['offsets set a --partition {} --offset x', 2, /Cannot use --offset: it is no JSON/],
  ['restart a --tasks some', 2, /must be all or failed/],
  ['get --url ftp://x', 2, /must be http:\/\/HOST:PORT/],
  ['get --url http://127.0.0.1:1', 1, /^Cannot reach http:\/\/127\.0\.0\.1:1/],
  ['get --user ada', 2, /must be NAME:PASSWORD/],
  ['get --user a:b --token c', 2, /either --user or --token/],
  ['get --cacert missing.pem', 2, /Cannot take authorities from "missing\.pem"/],
];

for (const [line, code, message] of wrong) {
  test(`tributary ${line}: exit code ${code}`, async () => {
    const result = await run(line);
    equal(result.code, code);
    match(result.stderr, message);
    equal(result.stdout, '');
  });
}

test('what the worker refuses is said with its own words', async () => {
  const { code, stderr } = await run('apply -f -', JSON.stringify({ name: 'x', config: feed('http://h/') }));
  equal(code, 1);
  match(stderr, /WebSocket URL must use ws:\/\/ or wss:\/\/ scheme, got: http/);
});

test('without a login the command says how to give one, with a role too small which is wanted', async () => {
  const noLogin = { TRIBUTARY_URL: worker.url };
  const nobody = await run('get', '', noLogin);
  equal(nobody.code, 1);
  match(nobody.stderr, /A user and password, or a token, is wanted\. Give --user NAME:PASSWORD or --token TOKEN/);
  equal((await run('get --user vera:password-of-vera', '', noLogin)).code, 0);
  equal((await run('get', '', { ...noLogin, TRIBUTARY_USER: 'ada:password-of-ada' })).code, 0);
  const viewer = await run('delete x --user vera:password-of-vera', '', noLogin);
  match(viewer.stderr, /"vera" has the role viewer; DELETE \/connectors\/:name needs admin/);
  match((await run('topics list', '', noLogin)).stderr, /Give --user NAME:PASSWORD/);
  equal((await run('topics list --token token-of-ada', '', noLogin)).code, 0);
});

test('hash-password makes what a user may have as password', async () => {
  match(await done('hash-password', 'correct horse\n'), /^\$scrypt\$ln=14,r=8,p=5\$\S+\$\S+\n$/);
  ok((await run('hash-password', '\n')).code === 2);
});
