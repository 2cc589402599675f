/** The same program with a real Kafka behind it, seen from outside by kcat. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';
import { startFeed } from './support/feed.ts';
import { root, tributary } from './support/run.ts';
import { startWorker } from './support/worker.ts';

const run = promisify(execFile);

test('with a real Kafka: the same commands, and kcat reads what was written', {
  skip: (await kafkaMissing()) || toolsMissing(['kcat'], 'KAFKA_REQUIRED'),
  timeout: 300_000,
}, async () => {
  await using kafka = await startKafka();
  await using folder = await tempFolder('kafka');
  await using feed = await startFeed();
  const { path: cwd } = folder;
  const broker = `kafka://${kafka.bootstrap}`;
  const kcat = async (topic: string): Promise<string[]> => {
    const args = [
      '-b',
      kafka.bootstrap,
      '-X',
      'check.crcs=true',
      '-C',
      '-t',
      topic,
      '-o',
      'beginning',
      '-e',
      '-q',
      '-u',
    ];
    return (await run('kcat', args)).stdout.trim().split('\n');
  };
  const wanted = [0, 1, 2].map((n) => `{"n":${n},"product_id":"BTC-USD"}`);

  await writeFile(
    join(cwd, 'feed.yaml'),
    `broker: ${broker}\nconnectors:\n  feed:\n    connector.class: websocket\n    websocket.url: ${feed.url}\n    websocket.subscription.message: go\n    kafka.topic: from-yaml\n`,
  );
  {
    await using worker = await startWorker(['start', 'feed.yaml'], { cwd });
    await worker.holds('from-yaml', 3);
    const { code, stderr } = await worker.stop();
    equal(code, 0, stderr);
  }
  deepEqual(await kcat('from-yaml'), wanted);

  const examples = join(root, 'examples/connect');
  const worker = (await readFile(join(examples, 'worker.properties'), 'utf8')).replace(
    'localhost:9092',
    kafka.bootstrap,
  );
  const trades = (await readFile(join(examples, 'trades.properties'), 'utf8')).replace(
    /^websocket\.url=.*$/m,
    `websocket.url=${feed.url}`,
  );
  await writeFile(join(cwd, 'worker.properties'), worker);
  await writeFile(join(cwd, 'trades.properties'), trades);
  {
    await using connect = await startWorker(['connect', 'worker.properties', 'trades.properties'], { cwd });
    await connect.holds('trades', 3);
    // The worker before this one has another group: its connectors are not run here.
    deepEqual(await (await fetch(`${connect.url}/connectors`)).json(), ['trades']);
    equal((await connect.stop('SIGTERM')).code, 0);
  }
  equal((await kcat('trades')).length, 3);

  equal((await tributary(['produce', 'from-yaml', '--broker', broker], { cwd, input: 'one more\n' })).code, 0);
  deepEqual((await kcat('from-yaml')).at(-1), 'one more');
  const tapped = await tributary(['tap', 'from-yaml', '--no-follow', '-o', 'value', '--broker', broker], { cwd });
  equal(tapped.stdout, `${[...wanted, 'one more'].join('\n')}\n`);
});

test('a Kafka that is not there is one sentence, exit 1', async () => {
  await using folder = await tempFolder('no-kafka');
  const { code, stderr } = await tributary(['topics', 'list', '--broker', 'kafka://127.0.0.1:1'], { cwd: folder.path });
  equal(code, 1);
  match(stderr, /^[^\n]*127\.0\.0\.1:1[^\n]*\n$/);
});
