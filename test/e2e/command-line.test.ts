import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePorts } from '../support/free-ports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { startFeed } from './support/feed.ts';
import { busyness, tributary } from './support/run.ts';

/** Has a program say at its end what it took of the processor. */
const tellsUse = `data:text/javascript,process.on('exit',()=>{const{user,system}=process.cpuUsage();process.stderr.write('cpu '+(user+system))})`;

test('--help answers in under 150 ms: the fastest of nine; on a busy machine those of the processor count', async () => {
  await using folder = await tempFolder('help');
  const times: number[] = [];
  const ofProcessor: number[] = [];
  const before = await busyness();
  for (let i = 0; i < 9; i++) {
    const startedAt = performance.now();
    const env = { NODE_OPTIONS: `--import="${tellsUse}"` };
    const { code, stdout, stderr } = await tributary(['--help'], { cwd: folder.path, env });
    times.push(performance.now() - startedAt);
    ofProcessor.push(Number(/cpu (\d+)/.exec(stderr)?.[1]) / 1000);
    equal(code, 0);
    for (const command of ['start', 'connect', 'validate', 'dry-run', 'tap', 'produce', 'topics create', 'copy']) {
      ok(stdout.includes(`  ${command} `), `no ${command} in:\n${stdout}`);
    }
  }
  const isBusy = Math.max(before, await busyness()) > 1.5;
  const counted = isBusy ? [...times, ...ofProcessor] : times;
  ok(Math.min(...counted) < 150, `took ${times.map(Math.round)} ms, ${ofProcessor.map(Math.round)} of the processor`);
});

const commands = [
  'start',
  'connect',
  'validate',
  'dry-run',
  'tap',
  'produce',
  'topics list',
  'topics create',
  'topics describe',
  'topics delete',
  'copy',
  'spool ls',
  'spool inspect',
  'sql run',
  'sql check',
  'sql explain',
  'sql test',
  'sql repl',
  'get',
  'describe',
  'apply',
  'patch',
  'restart',
  'pause',
  'resume',
  'stop',
  'delete',
  'offsets get',
  'offsets set',
  'offsets reset',
  'loggers get',
  'loggers set',
  'plugins',
  'hash-password',
  'version',
];

for (const command of commands) {
  test(`tributary ${command} --help shows its options`, async () => {
    await using folder = await tempFolder('help');
    const { code, stdout } = await tributary([...command.split(' '), '--help'], { cwd: folder.path });
    equal(code, 0);
    match(stdout, new RegExp(`^Usage: tributary ${command}.*\\[options\\]$`, 'm'));
    match(stdout, /--help/);
  });
}

const misuse: readonly (readonly [args: readonly string[], message: RegExp])[] = [
  [[], /^Tributary: .*Usage: tributary COMMAND/s],
  [['strat'], /^Unknown command "strat"\. Did you mean "start"\?/],
  [['topics', 'lst'], /^Unknown command "topics lst"\. Did you mean "list"\?/],
  [['start', '--demoo'], /^Unknown option "--demoo" for "tributary start"\. Did you mean "--demo"\?/],
  [['tap'], /^"tributary tap" needs TOPIC/],
  [['tap', 'x', '--from', 'yesterday'], /^Cannot read from "yesterday": must be earliest, latest, an offset/],
  [['tap', 'x', '--from-beginning', '--from', '3'], /^Give either --from-beginning or --from/],
  [
    ['topics', 'list', '--broker', 'redis://x'],
    /^Cannot use broker "redis:\/\/x": must be embedded:DIR or kafka:\/\/HOST:PORT/,
  ],
];

for (const [args, message] of misuse) {
  test(`wrong usage exits with 2: tributary ${args.join(' ')}`, async () => {
    await using folder = await tempFolder('usage');
    const { code, stdout, stderr } = await tributary(args, { cwd: folder.path });
    match(stderr, message);
    equal(stdout, '');
    equal(code, 2);
  });
}

test('an unknown key is a warning in files of Kafka Connect, which ignores it, and an error in our own', async () => {
  await using folder = await tempFolder('validate-unknown');
  const cwd = folder.path;
  const keys = 'connector.class=websocket\nwebsocket.url=ws://h/\nkafka.topic=t\nwebsocket.ulr=x\n';
  await writeFile(join(cwd, 'c.properties'), `name=c\n${keys}`);
  const config = Object.fromEntries(
    keys
      .trim()
      .split('\n')
      .map((line) => line.split('=')),
  );
  await writeFile(join(cwd, 'c.json'), JSON.stringify({ name: 'c', config }));
  await writeFile(
    join(cwd, 'feed.yaml'),
    `connectors:\n  c:\n${keys.replaceAll('=', ': ').replaceAll(/^(?=.)/gm, '    ')}`,
  );
  for (const file of ['c.properties', 'c.json']) {
    const { code, stdout } = await tributary(['validate', file], { cwd });
    match(stdout, /websocket\.ulr: unknown key\. Did you mean "websocket\.url"\? \(a warning\)/);
    match(stdout, /nothing wrong was found/);
    equal(code, 0);
  }
  const { code, stdout } = await tributary(['validate', 'feed.yaml'], { cwd });
  match(stdout, /websocket\.ulr: unknown key\. Did you mean "websocket\.url"\?$/m);
  equal(code, 1);
});

test('validate names file, line and key of what is wrong, and exits with 1', async () => {
  await using folder = await tempFolder('validate');
  await writeFile(
    join(folder.path, 'feed.yaml'),
    'broker: embedded:./data\nconnectors:\n  trades:\n    connector.class: websocket\n    websocket.ulr: ws://x\n    websocket.url: http://x\n    kafka.topic: t\n',
  );
  await writeFile(join(folder.path, 'c.properties'), 'name=c\nconnector.class=websoket\n');
  await writeFile(
    join(folder.path, 'c.json'),
    '{\n"name": "c",\n"config": {"connector.class": "websocket",\n"websocket.url": "ws://h/",\n"websocket.message.queue.size": "many",\n"kafka.topic": "t"}}',
  );
  await writeFile(
    join(folder.path, 'worker.properties'),
    'bootstrap.servers=nowhere\nkey.converter=a\nvalue.converter=b\n',
  );
  const files = ['feed.yaml', 'c.properties', 'c.json', 'worker.properties'];
  const { code, stdout } = await tributary(['validate', ...files], { cwd: folder.path });
  const lines = stdout.trim().split('\n');
  match(lines[0]!, /^feed\.yaml:5: connectors\.trades\.websocket\.ulr: unknown key\. Did you mean "websocket\.url"\?$/);
  match(lines[1]!, /^feed\.yaml:6: connectors\.trades\.websocket\.url: Invalid value http:\/\/x .*ws:\/\/ or wss:\/\//);
  match(lines[2]!, /^c\.properties:2: connector\.class: .*Did you mean "websocket"\?/);
  match(lines[3]!, /^c\.json:5: websocket\.message\.queue\.size: .*Not a number of type INT$/);
  match(lines[4]!, /^worker\.properties:1: bootstrap\.servers: cannot use "nowhere": must be HOST:PORT$/);
  equal(lines.length, 5);
  equal(code, 1);
  const json = await tributary(['validate', 'feed.yaml', '-o', 'json'], { cwd: folder.path });
  equal(JSON.parse(json.stdout).problems[0].line, 5);
});

test('validate says so where nothing is wrong', async () => {
  await using folder = await tempFolder('validate');
  await writeFile(join(folder.path, 'a.yaml'), 'broker: embedded:./data\n');
  const { code, stdout } = await tributary(['validate', 'a.yaml'], { cwd: folder.path });
  deepEqual([code, stdout], [0, 'a.yaml: nothing wrong was found.\n']);
  const missing = await tributary(['validate', 'b.yaml'], { cwd: folder.path });
  deepEqual([missing.code, missing.stderr], [1, 'Cannot read "b.yaml": there is no such file\n']);
});

test('dry-run shows the first message of a good connection and the reason of a bad one', async () => {
  await using folder = await tempFolder('dry-run');
  await using feed = await startFeed();
  const connector = (url: string): string =>
    `    connector.class: websocket\n    websocket.url: ${url}\n    kafka.topic: t\n    websocket.subscription.message: hello\n`;
  await writeFile(
    join(folder.path, 'feed.yaml'),
    `connectors:\n  good:\n${connector(feed.url)}  bad:\n${connector('ws://127.0.0.1:1')}`,
  );
  const { code, stdout } = await tributary(['dry-run', 'feed.yaml'], { cwd: folder.path });
  match(stdout, /^good: ok, .*\n {2}\{"n":0,"product_id":"BTC-USD"\}\nbad: FAILED, .*(refused|ECONNREFUSED)/);
  equal(code, 1);
  deepEqual(feed.subscriptions, ['hello']);
});

const sqlText = `
CREATE STREAM A (x STRING) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'a');
CREATE STREAM B (x STRING) WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 'b');
INSERT INTO B SELECT x FROM A;`;
const sqlFeed = (url: string): string =>
  sqlText.replace(
    "extension = 'kafka', format = 'json', kafka.topic = 'a'",
    `extension = 'websocket', format = 'json', websocket.url = '${url}'`,
  );

test('dry-run connects sinks and the streams of SQL applications, and makes nothing', async () => {
  await using folder = await tempFolder('dry-run-sinks');
  await using taker = await startFeed();
  const sink = (url: string) => ({ 'connector.class': 'websocket-sink', topics: 't', 'websocket.url': url });
  const closed = 'ws://127.0.0.1:1';
  const config = {
    app: { 'connector.class': 'sql', 'sql.text': sqlText },
    live: { 'connector.class': 'sql', 'sql.text': sqlFeed(taker.url) },
    dead: { 'connector.class': 'sql', 'sql.text': sqlFeed(closed) },
    out: sink(taker.url),
    shut: sink(closed),
  };
  await writeFile(join(folder.path, 'feed.yaml'), JSON.stringify({ broker: 'embedded:./data', connectors: config }));
  const shown = await tributary(['dry-run', 'feed.yaml'], { cwd: folder.path });
  const lines = shown.stdout.trim().split('\n');
  equal(lines.length, 5, shown.stdout + shown.stderr);
  match(lines[0]!, /^app: FAILED, A: .*There are no topics yet: .*; B: topic "b" will be made$/);
  equal(lines[1], 'live: ok, A: connected; B: topic "b" will be made');
  match(lines[2]!, /^dead: FAILED, A: .*(refused|ECONNREFUSED).*; B: topic "b" will be made$/);
  equal(lines[3], 'out: ok, connected, nothing was sent');
  match(lines[4]!, /^shut: FAILED, .*(refused|ECONNREFUSED)/);
  deepEqual([shown.code, shown.stderr, existsSync(join(folder.path, 'data'))], [1, '', false]);
});

test('dry-run says of an application that it was not tried where no broker is named, which is no failure', async () => {
  await using folder = await tempFolder('dry-run-not-tried');
  await writeFile(
    join(folder.path, 'app.json'),
    JSON.stringify({ name: 'app', config: { 'connector.class': 'sql', 'sql.text': sqlText } }),
  );
  const reason = 'the file of a connector names no broker to look for topics at';
  const shown = await tributary(['dry-run', 'app.json'], { cwd: folder.path });
  deepEqual([shown.code, shown.stdout, shown.stderr], [0, `app: not tried: ${reason}\n`, '']);
  const json = await tributary(['dry-run', 'app.json', '-o', 'json'], { cwd: folder.path });
  deepEqual([json.code, JSON.parse(json.stdout)], [0, { connector: 'app', tried: false, reason }]);
});

test('where nothing runs and no broker is there, tap says how to get one', async () => {
  await using folder = await tempFolder('nothing');
  const [port] = await freePorts(1);
  const { code, stderr } = await tributary(['tap', 'x'], {
    cwd: folder.path,
    env: { TRIBUTARY_URL: `http://127.0.0.1:${port!}` },
  });
  match(stderr, /^No Tributary runs at http:\/\/127\.0\.0\.1:\d+, and there is no broker in \.\/data: start one/);
  equal(code, 1);
});

test('topics are made, written, read, described and deleted without a running process', async () => {
  await using folder = await tempFolder('topics');
  await mkdir(join(folder.path, 'd'));
  const run = (args: readonly string[], input?: string) =>
    tributary([...args, '--broker', 'embedded:./d'], { cwd: folder.path, ...(input === undefined ? {} : { input }) });
  equal((await run(['topics', 'create', 'greetings', '--partitions', '2', '--set', 'retention.ms=3600000'])).code, 0);
  const twice = await run(['topics', 'create', 'greetings']);
  deepEqual([twice.code, /exist/.test(twice.stderr)], [1, true]);
  equal((await run(['produce', 'greetings', '--key-separator', ':'], 'a:hello\nb:world\n')).code, 0);
  const json =
    '{"key":"a","value":{"n":1},"headers":{"trace":"7"},"timestamp":5}\n{"key":null,"value":"/w==","valueEncoding":"base64","partition":1}\n';
  const produced = await run(['produce', 'greetings', '--json', '-o', 'json'], json);
  deepEqual(JSON.parse(produced.stdout), { topic: 'greetings', records: 2 });
  const tapped = await run(['tap', 'greetings', '--no-follow', '-o', 'json']);
  const records = tapped.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  equal(records.length, 4);
  const withHeader = records.find(({ headers }) => headers.length > 0);
  deepEqual(
    [withHeader.key, withHeader.value, withHeader.headers, withHeader.timestamp],
    ['a', '{"n":1}', [{ key: 'trace', value: '7' }], 5],
  );
  ok(
    records.some(
      ({ value, valueEncoding, partition }) => value === '/w==' && valueEncoding === 'base64' && partition === 1,
    ),
  );
  equal((await run(['tap', 'greetings', '--no-follow', '--key', 'b', '-o', 'value'])).stdout, 'world\n');
  const described = JSON.parse((await run(['topics', 'describe', 'greetings', '-o', 'json'])).stdout);
  deepEqual([described.partitions.length, described.config['retention.ms']], [2, '3600000']);
  match((await run(['topics', 'list'])).stdout, /^TOPIC +PARTITIONS +RECORDS\n.*greetings +2 +4$/ms);
  const misspelled = await run(['tap', 'greeting']);
  match(
    misspelled.stderr,
    /^Topic "greeting" does not exist\. Did you mean "greetings"\? "tributary topics list" shows/,
  );
  equal(misspelled.code, 1);
  const badLine = await run(['produce', 'greetings', '--json'], '{"value":"fine"}\n{"vlaue":1}\n');
  match(badLine.stderr, /^Line 2 of the input: .*unknown member "vlaue"/);
  equal((await run(['topics', 'delete', 'greetings'])).code, 0);
  equal((await run(['topics', 'describe', 'greetings'])).code, 1);
});
