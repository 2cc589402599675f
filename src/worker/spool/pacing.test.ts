/** What a batch waits for behind a forwarder that is a little behind: its reading, and never a slow Kafka. */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { memoryBroker } from '../../../test/support/memory-broker.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { codecs } from '../../app/codecs.ts';
import { openEmbeddedBroker } from '../../broker/embedded/embedded.ts';
import { noHeaders } from '../../record/record.ts';
import { silentLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { offsetTable } from '../offset-table.ts';
import { openTable } from '../table.ts';
import { Spool } from './spool.ts';
import { spoolSettingsOf } from './spool-options.ts';

const megabyte = 1_000_000;
const config = { name: 'a', 'spool.mode': 'at-least-once' };
const settings = spoolSettingsOf(config)!;

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (!holds()) {
    ok(performance.now() < deadlineMs, `not within a minute: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Whether it resolves before anything else happens. */
async function isOver(waiting: Promise<void>): Promise<boolean> {
  let over = false;
  void waiting.then(() => {
    over = true;
  });
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  return over;
}

/** The spool of a task, of which one record was forwarded just now: the clock stands still. */
async function bench() {
  const folder = await tempFolder('pacing');
  const local = await openEmbeddedBroker({ directory: folder.path, codecs });
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't', partitions: 1 });
  const table = await openTable({ broker: kafka, topic: 'offsets', partitions: 1, log: silentLog });
  const offsets = offsetTable(table);
  const spool = await Spool.open({
    ...{ broker: local, kafka, offsets, mayWrite: () => true, groupId: 'g', producer: {}, log: silentLog },
    topicCreation: { autoCreate: false, partitions: 1 },
    redact: (text) => text,
    metrics: new MetricRegistry().root(),
    clock: new ManualClock(1_000),
    random: () => 0.5,
  });
  const task = await spool.task('a', 0, config, offsets);
  await task.learn(['t']);
  const producer = await local.producer();
  const receive = async (bytes: number): Promise<void> => {
    await producer.send('a-0', 0, [{ key: null, value: Buffer.alloc(bytes, 'x'), headers: noHeaders, timestampMs: 1 }]);
    task.received({}, undefined);
  };
  await receive(1);
  await until('the first one is forwarded', () => task.isEmpty);
  return {
    ...{ local, kafka, task },
    receive: async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await receive(megabyte);
    },
    room: (mayPace = true, signal = new AbortController().signal) => task.room(settings, 1, mayPace, signal, () => {}),
    async [Symbol.asyncDispose]() {
      await producer.close();
      await spool.close();
      await table.close();
      await local.close();
      await kafka.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test('nobody waits for a forwarder that waits for Kafka, however much is behind it', async () => {
  await using it = await bench();
  const held = Promise.withResolvers<void>();
  it.kafka.beforeSend = (topic) => (topic === 't' ? held.promise : undefined);
  await it.receive(16);
  ok(it.task.log.unreadBytes > 4 * megabyte, `${it.task.log.unreadBytes} bytes behind`);
  const deadlineMs = performance.now() + 60_000;
  while (!(await isOver(it.room()))) {
    ok(performance.now() < deadlineMs, 'it waits for Kafka within a minute');
    await new Promise((resolve) => setImmediate(resolve));
  }
  held.resolve();
  await it.kafka.holds('t', 17);
});

test('a batch waits for the reading of one that has room on the way to Kafka, but not of a source that drops meanwhile', async () => {
  await using it = await bench();
  const fetch = it.local.fetchRuns.bind(it.local);
  const held = Promise.withResolvers<void>();
  it.local.fetchRuns = async (...call) => {
    await held.promise;
    return fetch(...call);
  };
  await it.receive(8);
  equal(await isOver(it.room(false)), true);
  const stop = new AbortController();
  const waiting = it.room(true, stop.signal);
  equal(await isOver(waiting), false);
  stop.abort();
  await waiting;
  held.resolve();
  await it.kafka.holds('t', 9);
});
