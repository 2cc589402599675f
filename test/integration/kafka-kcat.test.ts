/** Kcat, a client that nobody here wrote, reads what we write and writes what we read. */
import { deepEqual, equal } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { codecs } from '../../src/app/codecs.ts';
import { systemClock } from '../../src/base/clock.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { Publisher } from '../../src/gateway/publisher.ts';
import { TopicCatalog } from '../../src/gateway/topic-catalog.ts';
import { compressionNames } from '../../src/record/codecs.ts';
import { partitionForKey } from '../../src/record/partitioner.ts';
import { noHeaders } from '../../src/record/record.ts';
import { STRING } from '../../src/record/schema.ts';
import { startSourceTask } from '../../src/worker/source-task.ts';
import { eventually, header, keyed, readAll, text, topicName } from '../contract/broker/fixture.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { scriptedPartition, scriptedSource, textRecord } from '../support/scripted-source.ts';
import { sourceTaskOptions } from '../support/source-task.ts';
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

/** Of all lengths modulo 4, which the hash treats differently, and not of ASCII alone. */
const keys = Array.from({ length: 200 }, (_, i) => `${i % 3 === 0 ? 'schlüssel-€' : 'key-'}${i ** 3}`);

async function keyedTopic(what: string): Promise<string> {
  const topic = topicName(what);
  await broker!.createTopic({ name: topic, partitions: 7 });
  return topic;
}

/** Which partition each key of the topic lies in, sorted by key. */
async function placesIn(topic: string): Promise<(readonly [string, number])[]> {
  const places: (readonly [string, number])[] = [];
  for (let partition = 0; partition < 7; partition++) {
    for (const { key } of await readAll(broker!, topic, { partition })) places.push([String(key), partition]);
  }
  return places.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** As kcat places them with Java's partitioner. */
async function placesOfKcat(): Promise<(readonly [string, number])[]> {
  const topic = await keyedTopic('placed-by-kcat');
  const child = kcat('-P', '-t', topic, '-K', '|', '-X', 'partitioner=murmur2_random');
  child.child.stdin!.end(keys.map((key) => `${key}|x\n`).join(''));
  await child;
  const places = await placesIn(topic);
  deepEqual(places.map(([key]) => key).sort(), [...keys].sort());
  equal(new Set(places.map(([, partition]) => partition)).size, 7);
  return places;
}

test('a key goes where Java’s partitioner, as kcat knows it, sends it: partitionForKey', { skip }, async () => {
  for (const [key, partition] of await placesOfKcat()) equal(partitionForKey(Buffer.from(key), 7), partition, key);
});

test('a key that a source’s task writes lies where kcat puts it', { skip }, async () => {
  const topic = await keyedTopic('placed-by-task');
  const connector = scriptedSource();
  const { options } = await sourceTaskOptions(broker!, connector, topicName('offsets'), { config: { topic } });
  const task = startSourceTask(options);
  const [run] = await eventually(
    async () => connector.runs,
    ({ length }) => length === 1,
    30_000,
  );
  for (const part of [keys.slice(0, 90), keys.slice(90)]) {
    run!.giveBatch({
      records: part.map((key) => ({ ...textRecord(topic, 'x'), key: Buffer.from(key), keySchema: STRING })),
      partition: scriptedPartition,
      offset: { sequence: 1 },
      receivedAtMs: systemClock.monotonicMs(),
    });
  }
  const places = await eventually(
    () => placesIn(topic),
    ({ length }) => length === keys.length,
    30_000,
  );
  task.stop();
  equal(await task.ended, true);
  deepEqual(places, await placesOfKcat());
});

test('a key that is published through the gateway lies where kcat puts it', { skip }, async () => {
  const topic = await keyedTopic('placed-by-gateway');
  await using producer = await broker!.producer();
  const publisher = new Publisher({
    openProducer: async () => producer,
    catalog: new TopicCatalog({ broker: broker!, onRetry() {} }),
    clock: systemClock,
    deliveryTimeoutMs: 30_000,
    dedupe: { windowMs: 1000, entries: 10 },
    onDuplicate() {},
  });
  const frame = { topic, partition: null, timestampMs: null, headers: noHeaders, mid: null, value: Buffer.from('x') };
  const placed = await Promise.all(
    keys.map((key) => publisher.publish({ ...frame, key: Buffer.from(key) }, null, noHeaders)),
  );
  const places = await placesIn(topic);
  deepEqual(places, await placesOfKcat());
  const told = keys.map((key, i) => [key, placed[i]!.partition] as const);
  deepEqual(
    told.sort(([a], [b]) => (a < b ? -1 : 1)),
    places,
  );
});
