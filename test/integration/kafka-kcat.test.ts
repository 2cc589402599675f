/** Kcat, a client that nobody here wrote, reads what we write and writes what we read. */
import { deepEqual, equal } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { codecs } from '../../src/app/codecs.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { compressionNames } from '../../src/record/codecs.ts';
import { partitionForKey } from '../../src/record/partitioner.ts';
import { header, keyed, readAll, text, topicName } from '../contract/broker/fixture.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { toolsMissing } from '../support/tools.ts';

const run = promisify(execFile);
const skip = (await kafkaMissing()) || toolsMissing(['kcat'], 'KAFKA_REQUIRED');
const kafka = skip === false ? await startKafka() : undefined;
const broker = kafka === undefined ? undefined : await openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs });
after(async () => {
  try {
    await broker?.close();
  } finally {
    await kafka?.[Symbol.asyncDispose]();
  }
});

function kcat(...args: readonly string[]) {
  return run('kcat', ['-b', kafka!.bootstrap, '-q', ...args]);
}

const values = Array.from({ length: 200 }, (_, i) => `value ${i} `.repeat(5));

for (const compression of compressionNames) {
  test(`kcat reads what we write, checksums checked, compression ${compression}`, { skip }, async () => {
    const topic = topicName(`ours-${compression}`);
    await broker!.createTopic({ name: topic });
    await using producer = await broker!.producer({ compression });
    await producer.send(
      topic,
      0,
      values.map((value, i) => ({ ...keyed(`k${i}`, value), headers: [header('n', String(i))] })),
    );
    const { stdout } = await kcat('-C', '-t', topic, '-e', '-X', 'check.crcs=true', '-f', '%o|%k|%s|%h\\n');
    deepEqual(
      stdout.trimEnd().split('\n'),
      values.map((value, i) => `${i}|k${i}|${value}|n=${i}`),
    );
  });

  test(`we read what kcat writes, compression ${compression}`, { skip }, async () => {
    const topic = topicName(`theirs-${compression}`);
    await broker!.createTopic({ name: topic });
    const child = kcat('-P', '-t', topic, '-z', compression, '-K', '|', '-H', 'from=kcat');
    child.child.stdin!.end(values.map((value, i) => `k${i}|${value}\n`).join(''));
    await child;
    const records = await readAll(broker!, topic);
    deepEqual(records.map(text), values);
    equal(records[7]!.key!.toString(), 'k7');
    deepEqual(
      records[7]!.headers.map(({ key, value }) => [key, String(value)]),
      [['from', 'kcat']],
    );
  });
}

test('a key goes where Java’s partitioner, as kcat knows it, would send it', { skip }, async () => {
  const topic = topicName('partitions');
  await broker!.createTopic({ name: topic, partitions: 7 });
  const child = kcat('-P', '-t', topic, '-K', '|', '-X', 'partitioner=murmur2_random');
  child.child.stdin!.end(Array.from({ length: 50 }, (_, i) => `key-${i}|x\n`).join(''));
  await child;
  const keys: string[] = [];
  for (let partition = 0; partition < 7; partition++) {
    for (const { key } of await readAll(broker!, topic, { partition })) {
      equal(partitionForKey(key!, 7), partition);
      keys.push(key!.toString());
    }
  }
  deepEqual(keys.sort(), Array.from({ length: 50 }, (_, i) => `key-${i}`).sort());
});
