/** A SQL application from topic to topic whose process is killed at random moments: what comes out is what an undisturbed one gives. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { type KafkaServer, kafkaMissing, startKafka } from '../support/kafka.ts';
import { runAndKill } from '../support/killed-child.ts';
import { seeded, testSeed } from '../support/random.ts';
import { feed, feedWith, makeTopics, outputOf, startCheckpointed, windowScript } from '../support/sql-topics.ts';
import { tempFolder } from '../support/temp-folder.ts';

const kills = process.env['TEST_LONG'] === '1' ? 50 : 3;
const child = resolve(import.meta.dirname, '../support/sql-child.ts');
const program = resolve(import.meta.dirname, '../../bin/tributary.js');

async function valuesOf(broker: Broker, topic: string): Promise<string[]> {
  const values: string[] = [];
  const end = await broker.offset(topic, 0, 'latest', { isolation: 'read-uncommitted' });
  if (end === 0) return values;
  for await (const { records, nextOffset } of broker.read({ topic, partition: 0, from: 'earliest' })) {
    for (const { value } of records) values.push(String(Buffer.from(value!)));
    if (nextOffset >= end) break;
  }
  return values;
}

async function killed(address: string, open: () => Promise<Broker>): Promise<void> {
  const random = seeded(testSeed);
  for (let kill = 0; kill < kills; kill++) {
    const commits = 1 + Math.floor(random() * 20);
    const moment = Math.floor(random() * 400);
    await runAndKill(child, [address, String(1 + (moment % 20))], { commits, moment });
  }
  await using broker = await open();
  const rows = await broker.offset('in', 0, 'latest');
  await using app = startCheckpointed(broker, windowScript());
  await app.until(() => app.run.application.statistics().streams[0]!.rows === rows, `${rows} rows`);
  await app.stop();
  deepEqual(await valuesOf(broker, 'out'), outputOf(rows));
  ok(rows > 20 * kills, `${rows} rows`);
}

test(`embedded: killed with kill -9 at ${kills} moments, the output is that of an undisturbed run (seed ${testSeed})`, {
  timeout: 600_000,
}, async () => {
  await using folder = await tempFolder('sql-kill');
  await killed(`embedded:${folder.path}`, () => openEmbeddedBroker({ directory: folder.path, codecs }));
});

const skip = await kafkaMissing();
describe('kafka', { skip, timeout: 900_000 }, () => {
  let kafka: KafkaServer;
  let broker: Broker;
  before(async () => {
    kafka = await startKafka();
    broker = await openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs });
    await makeTopics(broker);
  });
  after(async () => {
    await broker.close();
    await kafka[Symbol.asyncDispose]();
  });

  test(`killed with kill -9 at ${kills} moments, the output is that of an undisturbed run (seed ${testSeed})`, () =>
    killed(kafka.bootstrap, () => openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs })));

  test('the broker is killed under load: rows wait for it, and each comes out once', async () => {
    await using app = startCheckpointed(broker, windowScript(), { intervalMs: 20 });
    let rows = await broker.offset('in', 0, 'latest');
    const feeding = new AbortController();
    await using producer = await broker.producer({ deliveryTimeoutMs: Number.POSITIVE_INFINITY });
    const fed = (async () => {
      for (; !feeding.signal.aborted; rows += 20) await feedWith(producer, rows, rows + 20);
    })();
    await app.until(() => app.metric('checkpoints_total') > 5, 'checkpoints');
    await kafka.kill9();
    await kafka.restart();
    const before = app.metric('checkpoints_total');
    await app.until(() => app.metric('checkpoints_total') > before + 5, 'checkpoints of the broker that is back');
    feeding.abort();
    await fed;
    await app.until(() => app.run.application.statistics().streams[0]!.rows === rows, `${rows} rows`);
    await app.stop();
    deepEqual(await valuesOf(broker, 'out'), outputOf(rows));
  });

  test('tributary sql FILE --broker: Ctrl-C and a new start go on, a changed script is refused until --reset', async () => {
    await using folder = await tempFolder('sql-command');
    const file = join(folder.path, 'command.sql');
    const script = windowScript().replace("'out'", "'command-out'");
    await writeFile(file, script);
    await broker.createTopic({ name: 'command-out', config: { 'retention.ms': '-1' } });
    const holds = async (rows: number): Promise<void> => {
      for (let found = 0, end = performance.now() + 60_000; found < rows; ) {
        found = (await valuesOf(broker, 'command-out')).length;
        ok(performance.now() < end, `${found} rows of ${rows}`);
        await new Promise((wake) => setTimeout(wake, 50));
      }
    };
    let rows = await broker.offset('in', 0, 'latest');
    for (let start = 0; start < 2; start++) {
      await using command = new Command(['sql', file, '--broker', `kafka://${kafka.bootstrap}`]);
      await feed(broker, rows, rows + 25);
      rows += 25;
      await holds(outputOf(rows).length);
      equal(await command.interrupt(), 0, command.stderr);
      deepEqual(await valuesOf(broker, 'command-out'), outputOf(rows));
    }
    await writeFile(file, script.replace('MIN(t)', 'MAX(t)'));
    {
      await using command = new Command(['sql', file, '--broker', `kafka://${kafka.bootstrap}`]);
      equal(await command.exited, 1);
      match(command.stderr, /query 1 \(INSERT INTO Out\) has changed\..*start it with --reset/);
    }
    await using command = new Command(['sql', file, '--reset', '--broker', `kafka://${kafka.bootstrap}`]);
    await holds(2 * outputOf(rows).length);
    equal(await command.interrupt(), 0, command.stderr);
    match(command.stderr, /sql_state_forgotten/);
  });
});

/** The program itself. */
class Command implements AsyncDisposable {
  stderr = '';
  readonly exited: Promise<number | null>;
  readonly #process: ChildProcess;

  constructor(args: readonly string[]) {
    this.#process = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process.stderr!.on('data', (chunk) => {
      this.stderr += String(chunk);
    });
    this.exited = once(this.#process, 'close').then(([code]) => code as number | null);
  }

  interrupt(): Promise<number | null> {
    this.#process.kill('SIGINT');
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.exited;
  }
}
