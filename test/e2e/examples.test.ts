import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { startSseServer } from '../support/sse-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { startFeed } from './support/feed.ts';
import { root, tributary } from './support/run.ts';
import { startWorker } from './support/worker.ts';

const examples = join(root, 'examples/connect');
const exchange = 'wss://ws-feed.exchange.coinbase.com';

/** A copy of the example that leads to the stand-in, and nothing else changed. */
async function copyOf(file: string, folder: string, url: string): Promise<string> {
  const text = await readFile(join(examples, file), 'utf8');
  await writeFile(join(folder, basename(file)), text.replace(exchange, url));
  return basename(file);
}

const subscription = '{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channels":["matches"]}';

test('every example is valid as it stands', async () => {
  const files = ['trades.yaml', 'worker.properties', 'trades.properties', 'trades.json'];
  const { code, stdout } = await tributary(['validate', ...files], { cwd: examples });
  equal(code, 0, stdout);
});

test('the worker file for Confluent Cloud is valid, with credentials of the environment that nobody sees', async () => {
  const files = ['confluent-cloud.properties', 'trades.properties'];
  const names = ['CONFLUENT_API_KEY', 'CONFLUENT_API_SECRET', 'REGISTRY_API_KEY', 'REGISTRY_API_SECRET'];
  const env = Object.fromEntries(names.map((name) => [name, `canary-${name}`]));
  const { code, stdout, stderr } = await tributary(['validate', ...files], { cwd: examples, env });
  const idle =
    'confluent-cloud.properties: known to Kafka Connect and without effect here: client.dns.lookup (a warning)\n';
  deepEqual([code, stdout, stderr], [0, `${idle}${files.join(', ')}: nothing wrong was found.\n`, '']);
  const without = await tributary(['validate', files[0]!], { cwd: examples });
  equal(without.code, 1);
  match(without.stdout, /sasl\.jaas\.config: Cannot resolve "\$\{env:CONFLUENT_API_KEY\}"/);
});

test('trades.yaml writes the feed to the topic, keyed by market', async () => {
  await using folder = await tempFolder('example');
  await using feed = await startFeed();
  await using worker = await startWorker(['start', await copyOf('trades.yaml', folder.path, feed.url)], {
    cwd: folder.path,
  });
  await worker.holds('trades', 3);
  const records = await worker.records('trades');
  deepEqual(
    records.map(({ key, value }) => [key, value]),
    [0, 1, 2].map((n) => ['BTC-USD', `{"n":${n},"product_id":"BTC-USD"}`]),
  );
  deepEqual(feed.subscriptions, [subscription]);
});

test('worker.properties and trades.properties run as they are, on the embedded broker when told', async () => {
  await using folder = await tempFolder('example');
  await using feed = await startFeed();
  const files = [
    await copyOf('worker.properties', folder.path, feed.url),
    await copyOf('trades.properties', folder.path, feed.url),
  ];
  await using worker = await startWorker(['connect', ...files, '--broker', 'embedded:./data'], { cwd: folder.path });
  await worker.holds('trades', 3);
  equal((await worker.records('trades'))[0]!.value, '{"n":0,"product_id":"BTC-USD"}');
  deepEqual(feed.subscriptions, [subscription]);
  const config = (await (await fetch(`${worker.url}/connectors/trades/config`)).json()) as Record<string, string>;
  equal(config['connector.class'], 'io.conduktor.connect.websocket.WebSocketSourceConnector');
});

test('trades.json is posted with the curl line of the README', async () => {
  await using folder = await tempFolder('example');
  await using feed = await startFeed();
  const readme = await readFile(join(examples, 'README.md'), 'utf8');
  const line = /^curl .* --data @trades\.json http:\/\/127\.0\.0\.1:8083(\/connectors)$/m.exec(readme);
  ok(line !== null, 'the line is not in the README');
  match(line[0], /-X POST -H 'Content-Type: application\/json'/);
  await using worker = await startWorker(['start'], { cwd: folder.path });
  const body = await readFile(join(folder.path, await copyOf('trades.json', folder.path, feed.url)), 'utf8');
  const answer = await fetch(worker.url + line[1]!, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  equal(answer.status, 201);
  await worker.holds('trades', 3);
  deepEqual(feed.subscriptions, [subscription]);
});

test('connect takes connectors as JSON files, too', async () => {
  await using folder = await tempFolder('example');
  await using feed = await startFeed();
  const files = [
    await copyOf('worker.properties', folder.path, feed.url),
    await copyOf('trades.json', folder.path, feed.url),
  ];
  await using worker = await startWorker(['connect', ...files, '--broker', 'embedded:./data'], { cwd: folder.path });
  await worker.holds('trades', 3);
});

test('copy writes a WebSocket to a topic until Ctrl-C', async () => {
  await using folder = await tempFolder('copy');
  await using feed = await startFeed();
  const { startTributary, until } = await import('./support/run.ts');
  await using copy = startTributary(['copy', feed.url, 'copied', '--send', 'hello, "you"'], { cwd: folder.path });
  await copy.waitFor('Ctrl-C stops it.');
  await until('the messages are sent', async () => feed.sent() === 3);
  const { code, stderr } = await copy.stop();
  equal(code, 0, stderr);
  deepEqual(feed.subscriptions, ['hello, "you"']);
  const tapped = await tributary(['tap', 'copied', '--no-follow', '-o', 'value', '--broker', 'embedded:./data'], {
    cwd: folder.path,
  });
  equal(tapped.stdout, [0, 1, 2].map((n) => `{"n":${n},"product_id":"BTC-USD"}\n`).join(''));
});

test('edits.yaml writes the data of the stream to the topic', async () => {
  await using folder = await tempFolder('example');
  await using server = await startSseServer((x) => x.open().write('event: message\nid: [1]\ndata: {"title":"x"}\n\n'));
  const text = await readFile(join(root, 'examples/sse/edits.yaml'), 'utf8');
  await writeFile(join(folder.path, 'edits.yaml'), text.replace('https://stream.wikimedia.org', server.origin));
  await using worker = await startWorker(['start', 'edits.yaml'], { cwd: folder.path });
  await worker.holds('edits', 1);
  equal((await worker.records('edits'))[0]!.value, '{"title":"x"}');
  match(server.exchanges[0]!.headers['user-agent']!, /^my-program/);
  equal(server.exchanges[0]!.path, '/v2/stream/recentchange');
});
