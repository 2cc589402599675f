/** An exactly-once source whose process is killed at random moments: a reader of committed records sees each event once. */
import { deepEqual, ok } from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { runAndKill } from '../support/killed-child.ts';
import { seeded, testSeed } from '../support/random.ts';
import { tempFolder } from '../support/temp-folder.ts';

const kills = process.env['TEST_LONG'] === '1' ? 50 : 5;
const child = resolve(import.meta.dirname, '../support/exactly-once-child.ts');

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
    const commits = 1 + Math.floor(random() * 30);
    const moment = Math.floor(random() * 200);
    await runAndKill(child, [address, String(moment % 5)], { commits, moment });
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
