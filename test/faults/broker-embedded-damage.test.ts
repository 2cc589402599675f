/**
 * Files of the embedded broker that were damaged at random places: it says so when it opens, or passes over what is
 * damaged and counts it. It never gives a record that was not written, and never leaves one out without a word.
 */
import { deepEqual, equal, fail, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isError } from '../../src/base/errors.ts';
import { type EmbeddedEvent, openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import type { Codecs } from '../../src/record/codecs.ts';
import { crc32c } from '../../src/record/crc32c.ts';
import { seeded, testSeed } from '../support/random.ts';
import { tempFolder } from '../support/temp-folder.ts';

const codecs: Codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };
const rounds = Number(process.env['TRIBUTARY_DAMAGES'] ?? (process.env['TEST_LONG'] === '1' ? 1000 : 25));
const topics = ['one', 'two'];
const partitions = 2;
const perPartition = 1500;
const perSend = 10;
/** What stands behind all records, at the end of the log. */
const committed = [{ topic: 'two', partition: 1, offset: 7 }];
const altered = { 'retention.ms': '86400000000' };
const valueBytes = 2000;
const files = ['tributary.db', 'tributary.db-wal'] as const;
/** The count of what was acknowledged: it tells of what is missing at the end of the log. */
const mark = 'tributary.db-acknowledged';

const random = seeded(testSeed);
const upTo = (bound: number): number => Math.floor(random() * bound);
const original = await tempFolder('damage-original');
after(() => original[Symbol.asyncDispose]());

/** What stands at an offset of a partition. */
const contentOf = (topic: string, partition: number, offset: number): string =>
  `${topic}-${partition}-${offset} `.padEnd(valueBytes, String((offset * 7) % 10));

/** Writes everything, so that a part is in the file and a part still in its log, and is killed. */
async function writeOriginal(): Promise<void> {
  const module = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
  const script = `
    import { openEmbeddedBroker } from ${module('broker/embedded/embedded.ts')};
    import { crc32c } from ${module('record/crc32c.ts')};
    const codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };
    const valueBytes = ${valueBytes};
    const contentOf = ${contentOf.toString()};
    const broker = await openEmbeddedBroker({ directory: ${JSON.stringify(original.path)}, codecs });
    for (const name of ${JSON.stringify(topics)}) await broker.createTopic({ name, partitions: ${partitions} });
    const producer = await broker.producer();
    for (let from = 0; from < ${perPartition}; from += ${perSend})
      for (const topic of ${JSON.stringify(topics)})
        for (let partition = 0; partition < ${partitions}; partition++) {
          const records = Array.from({ length: ${perSend} }, (_, i) => ({
            key: null, value: Buffer.from(contentOf(topic, partition, from + i)), headers: [], timestampMs: null,
          }));
          await producer.send(topic, partition, records);
        }
    await broker.setCommittedOffsets('g', ${JSON.stringify(committed)});
    await broker.alterTopicConfig('one', ${JSON.stringify(altered)});
    await broker.committedOffsets('g'); // answered when what was before it is noted as acknowledged
    process.stdout.write('done');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), exited]);
  child.kill('SIGKILL');
  await exited;
}

/** Changes the copy at one random place, and says how. */
function damage(folder: string): string {
  const name = files[upTo(2)]!;
  const path = join(folder, name);
  const { size } = statSync(path);
  const file = openSync(path, 'r+');
  try {
    const at = upTo(size);
    switch (upTo(4)) {
      case 0: {
        const byte = Buffer.alloc(1);
        readSync(file, byte, 0, 1, at);
        const bit = upTo(8);
        byte[0]! ^= 1 << bit;
        writeSync(file, byte, 0, 1, at);
        return `bit ${bit} of byte ${at} of ${name} is flipped`;
      }
      case 1:
        ftruncateSync(file, at);
        return `${name} is cut to ${at} bytes of ${size}`;
      case 2: {
        const page = at - (at % 32_768);
        writeSync(file, Buffer.alloc(Math.min(32_768, size - page)), 0, undefined, page);
        return `the page at ${page} of ${name} is zeroed`;
      }
      default: {
        const noise = Buffer.from(Array.from({ length: Math.min(512, size - at) }, () => upTo(256)));
        writeSync(file, noise, 0, undefined, at);
        return `${noise.length} bytes at ${at} of ${name} are noise`;
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Reads everything back. Gives what became of it, for the count at the end. */
async function readBack(folder: string, name: string): Promise<string> {
  const events: EmbeddedEvent[] = [];
  let broker: Awaited<ReturnType<typeof openEmbeddedBroker>>;
  try {
    broker = await openEmbeddedBroker({ directory: folder, codecs, onEvent: (event) => events.push(event) });
  } catch (error) {
    ok(isError(error, 'BROKER_CORRUPT') || isError(error, 'BROKER_REJECTED'), `${name}: ${String(error)}`);
    ok(error.message.includes(folder), error.message);
    return 'refused';
  }
  await using _ = broker;
  const isLogLost = events.some(({ kind }) => kind === 'log-damaged');
  let lost = 0;
  let outcome = isLogLost ? 'log damaged' : 'whole';
  for (const topic of topics) {
    for (let partition = 0; partition < partitions; partition++) {
      let expected = 0;
      const skipped = (offset: number): boolean =>
        events.some(
          (event) =>
            event.kind === 'damaged-batch' &&
            event.topic === topic &&
            event.partition === partition &&
            event.damaged.baseOffset <= offset &&
            offset <= event.damaged.lastOffset,
        );
      try {
        for await (const { records } of broker.read({ topic, partition, from: 'earliest', until: 'end' })) {
          for (const { offset, value } of records) {
            for (; expected < offset; expected++) {
              if (!skipped(expected)) fail(`${name}: ${topic}-${partition}@${expected} is left out without a word`);
              outcome = 'skipped';
            }
            equal(offset, expected, name);
            equal(Buffer.from(value!).toString(), contentOf(topic, partition, offset), name);
            expected++;
          }
        }
      } catch (error) {
        if (!isError(error)) throw error;
        const isTopicLost = isError(error, 'UNKNOWN_TOPIC') && isLogLost;
        ok(isError(error, 'BROKER_CORRUPT') || isTopicLost, `${name}: ${error.message}`);
        outcome = 'read failed';
        continue;
      }
      while (expected < perPartition && skipped(expected)) expected++;
      lost += perPartition - expected;
    }
  }
  if (!isLogLost) {
    equal(lost, 0, `${name}: the last ${lost} records are left out without a word`);
    deepEqual(await broker.committedOffsets('g'), committed, `${name}: offsets are left out without a word`);
    deepEqual((await broker.describeTopic('one')).config, altered, `${name}: the configuration is as before`);
  }
  return outcome;
}

test(`damage at ${rounds} random places is told or skipped and counted (TEST_SEED=${testSeed})`, async () => {
  await writeOriginal();
  for (const name of files) ok(statSync(join(original.path, name)).size > 1_000_000, `${name} holds a part`);
  const outcomes = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    await using copy = await tempFolder('damage');
    for (const name of [...files, mark]) copyFileSync(join(original.path, name), join(copy.path, name));
    const outcome = await readBack(copy.path, damage(copy.path));
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  const told = rounds - (outcomes.get('whole') ?? 0);
  ok(told > 0, `damage showed: ${[...outcomes].map(([what, count]) => `${count} ${what}`).join(', ')}`);
});
