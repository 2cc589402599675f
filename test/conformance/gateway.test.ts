import { equal } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { run } from './runners/gateway.ts';

const folder = join(import.meta.dirname, 'gateway');
const cases = 203;
const skip = await kafkaMissing();

test('every case of the gateway passes on the embedded broker', async () => {
  await playAll([folder]);
});

test('every case of the gateway passes on a real Kafka', { skip }, async () => {
  await using kafka = await startKafka();
  await playAll([folder, '--broker', `kafka://${kafka.bootstrap}`]);
});

async function playAll(args: readonly string[]): Promise<void> {
  const failures: string[] = [];
  const { passed } = await run(args, (line) => failures.push(line));
  equal(failures.join('\n'), '');
  equal(passed, cases);
}
