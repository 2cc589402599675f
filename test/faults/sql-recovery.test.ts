/** A SQL application from topic to topic whose process is killed at random moments: what comes out is what an undisturbed one gives. */
import { deepEqual, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { seeded, testSeed } from '../support/random.ts';
import { outputOf, startCheckpointed, windowScript } from '../support/sql-topics.ts';
import { tempFolder } from '../support/temp-folder.ts';

const kills = process.env['TEST_LONG'] === '1' ? 50 : 3;
const child = resolve(import.meta.dirname, '../support/sql-child.ts');

/** Starts the process and kills it after some number of checkpoints and a moment that no checkpoint decides. */
async function runAndKill(address: string, checkpoints: number, moment: number): Promise<void> {
  const process_ = spawn(process.execPath, [child, address, String(1 + (moment % 20))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(process_, 'exit');
  let rest = '';
  try {
    for await (const chunk of process_.stdout) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop()!;
      const told = Number(/\d+/.exec(lines.at(-1) ?? '')?.[0] ?? 0);
      if (told < checkpoints) continue;
      // Anywhere within a transaction: after as many turns of this loop, not of milliseconds.
      for (let turn = 0; turn < moment; turn++) await new Promise((wake) => setImmediate(wake));
      break;
    }
    ok(process_.exitCode === null, `the application ended by itself with ${process_.exitCode}`);
  } finally {
    process_.kill('SIGKILL');
    await exited;
  }
}

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
    await runAndKill(address, 1 + Math.floor(random() * 20), Math.floor(random() * 400));
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
test(`kafka: killed with kill -9 at ${kills} moments, the output is that of an undisturbed run (seed ${testSeed})`, {
  skip,
  timeout: 900_000,
}, async () => {
  await using kafka = await startKafka();
  await killed(kafka.bootstrap, () => openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs }));
});
