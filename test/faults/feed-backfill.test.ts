/**
 * A feed that leaves messages out, and a program that is killed under its load: what the server still has is asked for, and
 * nothing is missing. Both modes of the spool run side by side into a real Kafka, and kcat reads what is committed.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { codecs } from '../../src/app/codecs.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { until } from '../e2e/support/run.ts';
import { type StartedWorker, startWorker } from '../e2e/support/worker.ts';
import { answerWith, startBackfill } from '../support/backfill-server.ts';
import { broadcastMessage, startBroadcast } from '../support/broadcast-feed.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { seeded, testSeed } from '../support/random.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';

const run = promisify(execFile);
const skip = (await kafkaMissing()) || toolsMissing(['kcat'], 'KAFKA_REQUIRED');
const kafka = skip === false ? await startKafka() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

const isLong = process.env['TEST_LONG'] === '1';
/** In full as many as the list of faults says, and one of ten thousand of them is left out. */
const perTick = isLong ? 200 : 20;
const oneOf = isLong ? 10_000 : 500;
const kills = isLong ? 10 : 2;
/** What one kill makes come twice at most, at least once: five reads of the log. */
const repeatAtMost = 5 * 2 ** 20;
const modes = ['at-least-once', 'exactly-once'] as const;
type Mode = (typeof modes)[number];

const all = ['-o', 'beginning', '-e'];
/** The end of a topic that is written to all the time may never be reached. */
const newest = ['-o', '-1', '-c', '1'];

async function linesIn(topic: string, ...which: string[]): Promise<string[]> {
  const args = ['-b', kafka!.bootstrap, '-X', 'check.crcs=true', '-C', '-t', topic, '-q', ...which];
  const { stdout } = await run('kcat', args, { maxBuffer: 2 ** 30 });
  return stdout.split('\n').filter((line) => line !== '');
}

async function numbersIn(topic: string, ...which: string[]): Promise<number[]> {
  return (await linesIn(topic, ...which)).map((line) => (JSON.parse(line) as { readonly s: number }).s);
}

function metricOf(worker: StartedWorker, name: string, mode: Mode): Promise<number> {
  return worker.metric(`tributary_${name}\\{[^}]*connector="${mode}"[^}]*\\}`);
}

/** The order is that of the numbers; where it goes back, all from there on comes again. How far, at each such place. */
function repeatsIn(numbers: readonly number[]): number[] {
  const repeats: number[] = [];
  for (let index = 1; index < numbers.length; index++) {
    const [before, number] = [numbers[index - 1]!, numbers[index]!];
    if (number <= before) repeats.push(before - number + 1);
    else equal(number, before + 1, `behind ${before}`);
  }
  return repeats;
}

test(`a server that leaves out one of ${oneOf}, and ${kills} kills: all of it is there, exactly once in that mode, and no gap is told (seed ${testSeed})`, {
  skip,
  timeout: 300_000,
}, async () => {
  const random = seeded(testSeed);
  await using folder = await tempFolder('feed-backfill');
  {
    // Made before, so that a topic without records can be read.
    await using broker = await openKafkaBroker({ bootstrap: [kafka!.bootstrap], codecs });
    for (const mode of modes) for (const name of [mode, `gaps-${mode}`]) await broker.createTopic({ name });
  }
  await using feed = await startBroadcast({ perTick });
  const [server] = feed.servers;
  server!.leaveOut = (number) => number % oneOf === 50;
  // What was not sent yet nobody has; so much behind the feed is a server's own delay.
  await using backfill = await startBackfill(
    answerWith((number) => (number < feed.next() ? broadcastMessage(number) : null), 300),
  );
  const connectors = modes.map(
    (mode) => `  ${mode}:
    connector.class: websocket
    websocket.url: ${server!.url}
    websocket.reconnect.interval.ms: 50
    websocket.sequence.pointer: /s
    websocket.dedupe.window: 10000
    websocket.gap.topic: gaps-${mode}
    websocket.backfill.url: '${backfill.url}'
    websocket.backfill.max.messages: 1000000
    kafka.topic: ${mode}
    spool.mode: ${mode}
`,
  );
  await writeFile(
    join(folder.path, 'feed.yaml'),
    `broker: kafka://${kafka!.bootstrap}\nconnectors:\n${connectors.join('')}`,
  );
  const begin = (): Promise<StartedWorker> => startWorker(['start', 'feed.yaml'], { cwd: folder.path });
  const filled = async (worker: StartedWorker, count: number): Promise<void> => {
    for (const mode of modes) {
      const what = `${count} that were missing, ${mode}`;
      await until(
        what,
        async () => (await metricOf(worker, 'websocket_backfill_messages_total', mode)) >= count,
        120_000,
      );
    }
  };
  /** What was forwarded, and not yet counted as that, when the program was killed. */
  let doubledAtMost = 0;
  for (let kill = 0; kill < kills; kill++) {
    await using worker = await begin();
    await filled(worker, 2);
    const [lastThere = 0] = await numbersIn('at-least-once', ...newest);
    const waiting = await metricOf(worker, 'spool_records', 'at-least-once');
    for (let turns = random() * 50; turns > 0; turns--) await new Promise((next) => setImmediate(next));
    worker.child.kill('SIGKILL');
    await worker.ended;
    doubledAtMost += waiting + feed.next() - lastThere;
  }
  await using worker = await begin();
  // What came while nobody ran is a hole like any other.
  await filled(worker, 50);
  server!.leaveOut = () => false;
  feed.pause();
  const last = feed.next() - 1;
  for (const mode of modes) {
    let numbers: number[] = [];
    const holdsLast = async (): Promise<boolean> => {
      numbers = await numbersIn(mode, ...all);
      return numbers.includes(last);
    };
    await until(`number ${last}, ${mode}`, holdsLast, 120_000);
    const repeats = repeatsIn(numbers);
    equal(numbers.at(-1), last, mode);
    deepEqual(await linesIn(`gaps-${mode}`, ...all), [], `gaps, ${mode}`);
    equal(await metricOf(worker, 'websocket_sequence_gaps_total', mode), 0);
    if (mode === 'exactly-once') deepEqual(repeats, [], 'each once');
    else {
      const doubled = repeats.reduce((sum, repeat) => sum + repeat, 0);
      ok(repeats.length <= kills, `${repeats.length} times, after ${kills} kills`);
      ok(doubled <= doubledAtMost, `${doubled} came twice, ${doubledAtMost} at most`);
      const most = Math.max(0, ...repeats) * broadcastMessage(last).length;
      ok(most <= repeatAtMost, `${most} bytes came again in one go, ${repeatAtMost} at most`);
    }
  }
  equal((await worker.stop()).code, 0);
});
