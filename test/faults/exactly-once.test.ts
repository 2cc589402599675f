/** An exactly-once source whose process is killed at random moments: a reader of committed records sees each event once. */
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
import { tempFolder } from '../support/temp-folder.ts';

const kills = process.env['TEST_LONG'] === '1' ? 50 : 5;
const child = resolve(import.meta.dirname, '../support/exactly-once-child.ts');

/** Starts the process and kills it after some number of commits and a moment that no commit decides. */
async function runAndKill(address: string, commits: number, moment: number): Promise<void> {
  const process_ = spawn(process.execPath, [child, address, String(moment % 5)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(process_, 'exit');
  let rest = '';
  try {
    for await (const chunk of process_.stdout) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop()!;
      const told = Number(/\d+/.exec(lines.at(-1) ?? '')?.[0] ?? 0);
      if (told < commits) continue;
      // Anywhere within a transaction: after as many turns of this loop, not of milliseconds.
      for (let turn = 0; turn < moment; turn++) await new Promise((wake) => setImmediate(wake));
      break;
    }
    ok(process_.exitCode === null, `the source ended by itself with ${process_.exitCode}`);
  } finally {
    process_.kill('SIGKILL');
    await exited;
  }
}

async function everyEventOnce(broker: Broker): Promise<number> {
  let expected = 0;
  // What the last process left open is in the way of readers until somebody takes its id over.
  await using takeover = await broker.producer({ transactionalId: 'tributary-counting-0' });
  await takeover.flush();
  const end = await broker.offset('counted', 0, 'latest');
  for await (const { records, nextOffset } of broker.read({ topic: 'counted', partition: 0, from: 'earliest' })) {
    for (const { value } of records) deepEqual(Number(String(Buffer.from(value!))), expected++);
    if (nextOffset >= end) break;
  }
  return expected;
}

async function killed(address: string, open: () => Promise<Broker>): Promise<void> {
  const random = seeded(testSeed);
  for (let kill = 0; kill < kills; kill++) {
    await runAndKill(address, 1 + Math.floor(random() * 30), Math.floor(random() * 200));
  }
  await using broker = await open();
  const events = await everyEventOnce(broker);
  ok(events > kills, `${events} events, seed ${testSeed}`);
}

test(`embedded: killed with kill -9 at ${kills} moments, each event is there once (seed ${testSeed})`, {
  timeout: 600_000,
}, async () => {
  await using folder = await tempFolder('eos-kill');
  await killed(`embedded:${folder.path}`, () => openEmbeddedBroker({ directory: folder.path, codecs }));
});

const skip = await kafkaMissing();
test(`kafka: killed with kill -9 at ${kills} moments, each event is there once (seed ${testSeed})`, {
  skip,
  timeout: 900_000,
}, async () => {
  await using kafka = await startKafka();
  await killed(kafka.bootstrap, () => openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs }));
});
