/**
 * The whole program between a feed and a real Kafka, under load: Kafka is killed and comes back, the program is stopped,
 * the program is killed. The messages are numbered, and kcat reads what Kafka has.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { type Feed, startFeed } from '../e2e/support/feed.ts';
import { until } from '../e2e/support/run.ts';
import { type StartedWorker, startWorker } from '../e2e/support/worker.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';

const run = promisify(execFile);
const skip = (await kafkaMissing()) || toolsMissing(['kcat'], 'KAFKA_REQUIRED');
const kafka = skip === false ? await startKafka() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

const kills = process.env['TEST_LONG'] === '1' ? 5 : 1;
/** On a machine under load Kafka may take long to come back. */
const patienceMs = 120_000;

const config = (url: string, topic: string): string => `broker: kafka://${kafka!.bootstrap}
worker: { group.id: ${topic} }
connectors:
  feed:
    connector.class: websocket
    websocket.url: ${url}
    websocket.subscription.message: go
    websocket.reconnect.interval.ms: 50
    kafka.topic: ${topic}
`;

async function start(folder: TempFolder, feed: Feed, topic: string): Promise<StartedWorker> {
  await writeFile(join(folder.path, 'feed.yaml'), config(feed.url, topic));
  return startWorker(['start', 'feed.yaml'], { cwd: folder.path });
}

/** Records that Kafka has acknowledged. */
function acknowledgedOf(worker: StartedWorker): Promise<number> {
  return worker.metric('kafka_connect_source_task_source_record_write_total');
}

function reach(worker: StartedWorker, count: number): Promise<void> {
  return until(`${count} acknowledged records`, async () => (await acknowledgedOf(worker)) >= count, patienceMs);
}

/** The numbers of the messages, in the topic's order. */
async function numbersIn(topic: string): Promise<number[]> {
  const args = ['-b', kafka!.bootstrap, '-X', 'check.crcs=true', '-C', '-t', topic, '-o', 'beginning', '-e', '-q'];
  const { stdout } = await run('kcat', args, { maxBuffer: 2 ** 30 });
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { readonly n: number }).n);
}

test('Kafka is killed under load and comes back, then SIGTERM: no hole, nothing twice, the order kept', {
  skip,
  timeout: 600_000,
}, async () => {
  await using folder = await tempFolder('worker-kafka');
  await using feed = await startFeed({ perTick: 20 });
  await using worker = await start(folder, feed, 'killed-kafka');
  for (let kill = 0; kill < kills; kill++) {
    await reach(worker, (await acknowledgedOf(worker)) + 3000);
    await kafka!.kill9();
    const before = await acknowledgedOf(worker);
    // More than is in flight: the queue before the producer fills, too.
    const sent = feed.sent();
    await until('the feed goes on meanwhile', async () => feed.sent() >= sent + 2000, patienceMs);
    await kafka!.restart();
    await reach(worker, Math.max(before, sent) + 3000);
  }
  ok((await worker.metric('tributary_source_retries_total')) > 0, 'what was tried again is counted');
  const acknowledged = await acknowledgedOf(worker);
  const { code, stderr } = await worker.stop('SIGTERM');
  equal(code, 0, stderr);
  equal(feed.subscriptions.length, 1, 'the feed saw nothing of it');
  const numbers = await numbersIn('killed-kafka');
  ok(numbers.length >= acknowledged, `${numbers.length} of ${acknowledged} acknowledged records are there`);
  deepEqual(
    numbers,
    numbers.map((_, i) => i),
  );
});

test('the program is killed under load: what was acknowledged is there, nothing twice, and the next start goes on', {
  skip,
  timeout: 600_000,
}, async () => {
  await using folder = await tempFolder('worker-kafka');
  await using feed = await startFeed({ perTick: 20 });
  let acknowledged = 0;
  for (let round = 0; round <= kills; round++) {
    const before = round > 0 ? (await numbersIn('killed-worker')).length : 0;
    ok(before >= acknowledged, `${before} of ${acknowledged} acknowledged records are there`);
    await using worker = await start(folder, feed, 'killed-worker');
    await reach(worker, 3000);
    acknowledged = before + (await acknowledgedOf(worker));
    await worker.stop(round < kills ? 'SIGKILL' : 'SIGTERM');
  }
  const numbers = await numbersIn('killed-worker');
  ok(numbers.length >= acknowledged, `${numbers.length} of ${acknowledged} acknowledged records are there`);
  // What came while nobody listened cannot be asked for again: a gap where it was killed, and none elsewhere.
  const steps = numbers.map((number, i) => number - (numbers[i - 1] ?? -1));
  deepEqual(
    steps.filter((step) => step < 1),
    [],
    'out of order, or twice',
  );
  const gaps = steps.filter((step) => step > 1).length;
  ok(gaps <= kills, `${gaps} gaps after ${kills} kills`);
});
