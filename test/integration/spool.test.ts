/** A source, a spool on the disk, and a broker in Kafka's place that can be held up. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { TributaryError } from '../../src/base/errors.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { BYTES } from '../../src/record/schema.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import { type ScriptedSource, scriptedPartition, scriptedSource, textRecord } from '../support/scripted-source.ts';
import { type SpoolRun, startSpoolRun } from '../support/spool-run.ts';
import { tempFolder } from '../support/temp-folder.ts';

const modes = ['best-effort', 'at-least-once', 'exactly-once'] as const;
const forwarded = 'tributary_spool_records_forwarded_total';
const dropped = 'tributary_spool_records_dropped_total';
const whole = 'tributary_spool_whole_batches_forwarded_total';
const received = 'kafka_connect_source_task_source_record_write_total';
const large = 'x'.repeat(100_000);

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!holds()) {
    ok(Date.now() < deadline, `${what}: not after 30 s`);
    await new Promise((next) => setTimeout(next, 2));
  }
}

/** A Kafka that does not take anything for the topic, until it is called. */
function holdUp(kafka: MemoryBroker, topic = 't'): () => void {
  kafka.beforeSend = (to) => {
    if (to === topic) throw new TributaryError('BROKER_UNAVAILABLE', 'nobody is there', { retriable: true });
  };
  return () => {
    kafka.beforeSend = () => {};
  };
}

function give(run: SpoolRun, from: number, count: number): void {
  for (let n = from; n < from + count; n++) run.source.give(`${n} ${large}`);
}

function numbersIn(kafka: MemoryBroker): number[] {
  return kafka.values('t').map((value) => Number.parseInt(value!, 10));
}

for (const mode of modes) {
  test(`${mode}: keys, headers, times and partitions are in Kafka as they are without a spool`, async () => {
    await using folder = await tempFolder('spool');
    const kafka = memoryBroker();
    await kafka.createTopic({ name: 't', partitions: 3 });
    await using run = await startSpoolRun(folder.path, kafka, { 'spool.mode': mode });
    const record = { ...textRecord('t', 'v'), timestampMs: 1_234 };
    const key = Buffer.from('k');
    const headers = [{ key: 'h', value: Buffer.from('1'), schema: BYTES }];
    run.source.giveBatch({
      records: [
        { ...record, key, keySchema: BYTES },
        { ...record, partition: 2, headers },
        { ...record, partition: 0, value: null, valueSchema: null },
      ],
      partition: scriptedPartition,
      receivedAtMs: 0,
    });
    run.source.give('alone');
    await until('all is forwarded', () => run.counter(forwarded) === 4);
    const all = [0, 1, 2].flatMap((partition) =>
      kafka.records('t', partition).map((stored) => ({
        partition,
        key: stored.key && String(stored.key),
        value: stored.value && String(stored.value),
        headers: stored.headers.map((header) => [header.key, String(header.value)]),
        isOld: stored.timestampMs === 1_234,
      })),
    );
    const of = (partition: number, value: string | null, more: object = {}) => ({
      ...{ partition, key: null, value, headers: [], isOld: true },
      ...more,
    });
    const keyed = all.find((each) => each.key === 'k');
    deepEqual(keyed, of(keyed!.partition, 'v', { key: 'k' }));
    deepEqual(
      all.filter((each) => each !== keyed && each.value !== 'alone'),
      [of(0, null), of(2, 'v', { headers: [['h', 'MQ==']] })],
    );
    equal(all.filter(({ value }) => value === 'alone').length, 1);
  });

  test(`${mode}: Kafka holds back; what was received is there after a restart, and the source goes on behind it`, async () => {
    await using folder = await tempFolder('spool');
    const kafka = memoryBroker();
    await kafka.createTopic({ name: 't' });
    const release = holdUp(kafka);
    {
      await using run = await startSpoolRun(folder.path, kafka, { 'spool.mode': mode });
      run.source.give('1', '2');
      run.source.give('3');
      await until('all is received', () => run.counter(received) === 3);
      equal(await run.stop(), true);
      equal(run.offsets.get('c', scriptedPartition), undefined, 'the offset in Kafka follows the records');
    }
    deepEqual(kafka.values('t'), []);
    release();
    await using run = await startSpoolRun(folder.path, kafka, { 'spool.mode': mode });
    deepEqual(run.source.context.resumeOffset(scriptedPartition), { sequence: 3 });
    run.source.give('4');
    await until('all is forwarded', () => run.spooled.isEmpty && run.counter(forwarded) === 4);
    deepEqual(kafka.values('t'), ['1', '2', '3', '4']);
    await run.stop();
    deepEqual(run.offsets.get('c', scriptedPartition), { sequence: 4 });
  });
}

for (const rereads of [true, false]) {
  const how = rereads ? 'in transactions with its positions' : 'without transactions, and its position follows';
  test(`exactly-once: a source that ${rereads ? 'may give' : 'never gives'} records again is received ${how}`, async () => {
    await using folder = await tempFolder('spool');
    const kafka = memoryBroker();
    await kafka.createTopic({ name: 't' });
    const connector = (): ScriptedSource => ({ ...scriptedSource(), rereads: () => rereads });
    const config = { 'spool.mode': 'exactly-once' };
    {
      await using run = await startSpoolRun(folder.path, kafka, config, connector());
      run.source.give('1');
      await until('it is forwarded', () => run.spooled.isEmpty && run.counter(forwarded) === 1);
      run.source.give('2');
      await until('all is forwarded', () => run.spooled.isEmpty && run.counter(forwarded) === 2);
      // The end of a transaction takes an offset of the log.
      deepEqual(run.spooled.log.ends(), [rereads ? 4 : 2]);
      await run.stop();
    }
    await using run = await startSpoolRun(folder.path, kafka, config, connector());
    deepEqual(run.source.context.resumeOffset(scriptedPartition), { sequence: 2 });
    run.source.give('3');
    await until('the rest is forwarded', () => run.spooled.isEmpty && run.counter(forwarded) === 1);
    deepEqual(kafka.values('t'), ['1', '2', '3']);
  });
}

test('exactly-once: large batches go on as they are, once and in order, also where transactions fail on the way', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't' });
  let commits = 0;
  kafka.beforeCommit = () => {
    if (commits++ % 3 === 0) throw new TributaryError('BROKER_UNAVAILABLE', 'now and then', { retriable: true });
  };
  await using run = await startSpoolRun(folder.path, kafka, { 'spool.mode': 'exactly-once' });
  for (let n = 0; n < 10; n++) {
    give(run, n, 1);
    run.source.give(`${n}.5`);
    await until('it is received', () => run.counter(received) === 2 * n + 2);
  }
  await until('all is forwarded', () => run.spooled.isEmpty && run.counter(forwarded) === 20);
  deepEqual(
    kafka.values('t').map((value) => Number.parseFloat(value!)),
    Array.from({ length: 20 }, (_, n) => n / 2),
  );
  ok(run.counter(whole) > 0, 'some were whole');
  ok(run.counter('tributary_spool_transactions_aborted_total') > 0, 'some failed');
});

const refused = 'tributary_spool_offsets_refused_total';
const fencedParts = { isFenced: true, offsetFlushIntervalMs: 10 };

test('what a run that has ended left is forwarded, and its position follows, without another start or a close', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  const goOn = holdUp(kafka);
  await using run = await startSpoolRun(folder.path, kafka, {}, undefined, fencedParts);
  run.source.give('1');
  await run.stop();
  deepEqual(
    kafka.values('offsets').filter((value) => value !== null),
    [],
  );
  goOn();
  await until('the position', () => run.offsets.get('c', scriptedPartition)?.['sequence'] === 1);
});

test('a position of a run that has ended is refused once another worker has started the task', async () => {
  await using folder = await tempFolder('spool');
  await using elsewhere = await tempFolder('spool-elsewhere');
  const kafka = memoryBroker();
  holdUp(kafka);
  await using run = await startSpoolRun(folder.path, kafka, {}, undefined, fencedParts);
  run.source.give('1');
  await run.stop();
  const isSent = Promise.withResolvers<void>();
  const arrives = Promise.withResolvers<void>();
  kafka.beforeSend = (topic) => {
    if (topic !== 'offsets') return undefined;
    kafka.beforeSend = () => {};
    isSent.resolve();
    return arrives.promise;
  };
  await isSent.promise;
  const before = kafka.values('offsets').length;
  await using other = await startSpoolRun(elsewhere.path, kafka, {}, undefined, fencedParts);
  await until('the other one has claimed the task', () => kafka.values('offsets').length > before);
  arrives.resolve();
  await until('the refusal', () => run.counter(refused) === 1);
  other.source.give('2');
  await until('the position of the other one', () => kafka.values('offsets').at(-1) !== null);
  equal(other.counter(refused), 0);
});

test('an offset that somebody else has stored meanwhile counts', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  {
    await using run = await startSpoolRun(folder.path, kafka, {});
    run.source.give('1');
    await run.stop();
    deepEqual(run.offsets.get('c', scriptedPartition), { sequence: 1 });
    await run.offsets.put('c', [{ partition: scriptedPartition, offset: { sequence: 70 } }]);
  }
  {
    await using run = await startSpoolRun(folder.path, kafka, {});
    deepEqual(run.source.context.resumeOffset(scriptedPartition), { sequence: 70 });
    run.source.give('71');
    await run.stop();
    deepEqual(run.offsets.get('c', scriptedPartition), { sequence: 71 });
  }
  await using run = await startSpoolRun(folder.path, kafka, {});
  deepEqual(run.source.context.resumeOffset(scriptedPartition), { sequence: 71 });
});

for (const mode of ['at-least-once', 'exactly-once']) {
  test(`${mode}, full, drop-oldest: what was received is forwarded or counted as dropped, to the record`, async () => {
    await using folder = await tempFolder('spool');
    const kafka = memoryBroker();
    await kafka.createTopic({ name: 't' });
    const release = holdUp(kafka);
    const bounds = { 'spool.max.bytes': '2000000', 'spool.when.full': 'drop-oldest' };
    await using run = await startSpoolRun(folder.path, kafka, { 'spool.mode': mode, ...bounds });
    for (let n = 0; n < 100; n += 5) {
      give(run, n, 5);
      await until('it is received', () => run.counter(received) >= n + 5);
    }
    ok(run.counter(dropped) > 20, `${run.counter(dropped)} dropped`);
    release();
    await until('the rest is forwarded', () => run.spooled.isEmpty);
    equal(run.counter(forwarded) + run.counter(dropped), 100);
    const numbers = numbersIn(kafka);
    equal(numbers.length, run.counter(forwarded));
    deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
      'in order, and once',
    );
    equal(numbers.at(-1), 99, 'the newest stays');
  });
}

for (const mode of ['at-least-once', 'exactly-once']) {
  test(`${mode}, full, drop-oldest, and a kill: what was on its way is still there, and nothing is lost uncounted`, async () => {
    await using folder = await tempFolder('spool');
    const before = memoryBroker();
    await before.createTopic({ name: 't' });
    const sends = Promise.withResolvers<void>();
    const bounds = { 'spool.mode': mode, 'spool.max.bytes': '6000000', 'spool.when.full': 'drop-oldest' };
    let droppedBefore = 0;
    {
      await using run = await startSpoolRun(join(folder.path, 'before'), before, bounds);
      before.beforeSend = () => sends.promise; // it takes what is sent, and never answers
      for (let n = 0; n < 120; n += 5) {
        give(run, n, 5);
        await until('it is received', () => run.counter(received) >= n + 5);
      }
      droppedBefore = run.counter(dropped);
      ok(droppedBefore > 20, `${droppedBefore} dropped`);
      // Markers of transactions have offsets, too.
      if (mode === 'at-least-once') equal(run.spooled.log.unforwarded, 120 - droppedBefore, 'holes do not wait');
      await cp(join(folder.path, 'before'), join(folder.path, 'killed'), { recursive: true }); // as a kill leaves it
      before.beforeSend = () => {};
      sends.resolve();
    }
    const kafka = memoryBroker();
    await kafka.createTopic({ name: 't' });
    await using run = await startSpoolRun(join(folder.path, 'killed'), kafka, bounds);
    await until('the rest is forwarded', () => run.spooled.isEmpty);
    const numbers = numbersIn(kafka);
    equal(numbers[0], 0, 'what was on its way is there');
    equal(numbers.at(-1), 119);
    equal(numbers.length + droppedBefore, 120);
    equal(new Set(numbers).size, numbers.length, 'once');
    equal(run.counter('tributary_spool_records_corrupted_total'), 0, 'what was given up is not taken for damage');
  });
}

test('full, block: the source waits, and goes on when there is room', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't' });
  const release = holdUp(kafka);
  await using run = await startSpoolRun(folder.path, kafka, { 'spool.max.bytes': '2000000' });
  give(run, 0, 40);
  await until('it waits', () => run.counter('tributary_spool_full_waits_total') > 0);
  ok(run.counter(received) < 25, `${run.counter(received)} received`);
  release();
  await until('all is forwarded', () => run.counter(forwarded) === 40);
  deepEqual(numbersIn(kafka), [...Array(40).keys()]);
  equal(run.counter(dropped), 0);
});

test('full, fail: the task fails and says why, and what was received stays', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't' });
  const release = holdUp(kafka);
  const config = { 'spool.max.bytes': '1500000', 'spool.when.full': 'fail' };
  await using run = await startSpoolRun(folder.path, kafka, config);
  give(run, 0, 40);
  await rejects(run.ended, /The spool of "c-0" is full \(spool.max.bytes=1500000\)/);
  release();
  await until('the rest is forwarded', () => run.spooled.isEmpty);
  equal(run.counter(forwarded), run.counter(received));
});

test('records that are too old: the source waits for those, too', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't' });
  holdUp(kafka);
  await using run = await startSpoolRun(folder.path, kafka, { 'spool.max.age.ms': '1000', 'spool.when.full': 'fail' });
  const old = { ...textRecord('t', 'old'), timestampMs: Date.now() - 5_000 };
  run.source.giveBatch({ records: [old], partition: scriptedPartition, receivedAtMs: 0 });
  await until('it is received', () => run.counter(received) === 1);
  await until('its sending has failed, so that its age is known', () => run.spooled.trouble !== undefined);
  run.source.give('new');
  await rejects(run.ended, /is full \(spool.max.age.ms=1000\)/);
});

for (const { answer, told } of [
  { answer: 'drop-oldest', told: async (run: SpoolRun) => until('it is dropped', () => run.counter(dropped) === 3) },
  {
    answer: 'fail',
    told: async (run: SpoolRun) => rejects(run.ended, /is full \(spool.max.age.ms=1000\)/),
  },
]) {
  test(`records that get too old while nothing more comes, ${answer}: they are found by themselves`, async () => {
    await using folder = await tempFolder('spool');
    const kafka = memoryBroker();
    await kafka.createTopic({ name: 't' });
    holdUp(kafka);
    const bounds = { 'spool.max.age.ms': '1000', 'spool.when.full': answer };
    await using run = await startSpoolRun(folder.path, kafka, bounds);
    run.source.give('1', '2', '3');
    await until('all is received', () => run.counter(received) === 3);
    await told(run);
    deepEqual(kafka.values('t'), []);
  });
}

test('what Kafka refuses for good fails the task with its reason; with a dead-letter topic it goes there', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't' });
  const refuse = (): void => {
    kafka.beforeSend = (topic, _partition, records) => {
      if (topic === 't' && records.some(({ value }) => Buffer.from(value!).toString() === 'bad'))
        throw new TributaryError('RECORD_TOO_LARGE', 'Cannot store a record of 9 bytes: must be at most 8');
    };
  };
  refuse();
  {
    await using run = await startSpoolRun(folder.path, kafka, {});
    run.source.give('good', 'bad', 'more');
    const goesOn = setInterval(() => run.source.give('later'), 20);
    await rejects(run.ended, /must be at most 8/).finally(() => clearInterval(goesOn));
    match(run.spooled.trouble!, /nothing is forwarded: .*must be at most 8/);
  }
  const config = { 'errors.tolerance': 'all', 'errors.deadletterqueue.topic.name': 'dead' };
  await using run = await startSpoolRun(folder.path, kafka, config);
  await until('the rest is forwarded', () => run.spooled.isEmpty);
  deepEqual(kafka.values('dead'), ['bad']);
  // Reads of the log that were under way behind the refused one are written, and once more when it is taken up again.
  const words = kafka.values('t');
  deepEqual(
    words.filter((word) => word !== 'later'),
    ['good', 'more'],
  );
  const lastOf = (word: string): number => words.lastIndexOf(word);
  if (words.includes('later')) ok(lastOf('good') < lastOf('more') && lastOf('more') < lastOf('later'), words.join());
});

test('a damaged block is passed over, counted, and holds nothing up', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't' });
  const release = holdUp(kafka);
  {
    await using run = await startSpoolRun(folder.path, kafka, {});
    for (const [n, word] of ['one', 'two', 'three'].entries()) {
      run.source.give(word);
      await until('it is received', () => run.counter(received) === n + 1);
    }
  }
  const db = new DatabaseSync(join(folder.path, 'tributary.db'));
  const rows = db.prepare('SELECT id, bytes FROM bodies').all() as { id: number; bytes: Uint8Array }[];
  const hit = rows.find(({ bytes }) => Buffer.from(bytes).includes('two'))!;
  hit.bytes[hit.bytes.length - 2]! ^= 1;
  db.prepare('UPDATE bodies SET bytes = ? WHERE id = ?').run(hit.bytes, hit.id);
  db.close();
  release();
  await using run = await startSpoolRun(folder.path, kafka, {});
  await until('the rest is forwarded', () => run.spooled.isEmpty);
  deepEqual(kafka.values('t'), ['one', 'three']);
  equal(run.counter('tributary_spool_records_corrupted_total'), 1, 'however often it is met');
});

test('the log of a deleted connector is forwarded, and then taken away', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't' });
  const release = holdUp(kafka);
  await using run = await startSpoolRun(folder.path, kafka, {});
  run.source.give('1');
  await until('it is received', () => run.counter(received) === 1);
  await run.stop();
  run.spool.forget('c');
  deepEqual(run.spool.connectors(), ['c']);
  release();
  await until('it has gone', () => run.spool.connectors().length === 0);
  deepEqual(kafka.values('t'), ['1']);
});

test('the logs of tasks that a connector has no more of are forwarded, and then taken away', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't' });
  await using run = await startSpoolRun(folder.path, kafka, {});
  run.source.give('1');
  const config = { topic: 't', 'spool.mode': 'at-least-once' };
  for (const task of [1, 2]) await run.spool.task('c', task, config, run.offsets);
  const { broker } = run.spooled.log;
  const logs = async (): Promise<string[]> => (await broker.listTopics()).filter((name) => name.startsWith('c-'));
  deepEqual(await logs(), ['c-0', 'c-1', 'c-2']);
  run.spool.forget('c', 1);
  run.spool.forget('c', 1); // the tasks are made again before they have gone
  while ((await logs()).length > 1) await new Promise((next) => setTimeout(next, 2));
  deepEqual(await logs(), ['c-0']);
  await until('the task that stays is forwarded', () => run.spooled.isEmpty && run.counter(forwarded) === 1);
  run.source.give('2');
  await until('and goes on', () => run.counter(forwarded) === 2);
  deepEqual(kafka.values('t'), ['1', '2']);
});

test('a kill between the two steps of taking a log away: the next start goes on', async () => {
  await using folder = await tempFolder('spool');
  const kafka = memoryBroker();
  await kafka.createTopic({ name: 't' });
  {
    await using run = await startSpoolRun(folder.path, kafka, {});
    run.source.give('1');
    await until('it is forwarded', () => run.spooled.isEmpty && run.counter(forwarded) === 1);
  }
  {
    await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
    await broker.deleteTopic('c-0');
  }
  await using run = await startSpoolRun(folder.path, kafka, {});
  run.source.give('2');
  await until('it is forwarded', () => run.spooled.isEmpty && run.counter(forwarded) === 1);
  deepEqual(kafka.values('t'), ['1', '2']);
});

for (const mode of ['at-least-once', 'exactly-once'] as const) {
  test(`${mode}: a connector that is deleted and made again begins a log of its own, and loses nothing`, async () => {
    await using folder = await tempFolder('spool');
    const kafka = memoryBroker();
    await kafka.createTopic({ name: 't' });
    {
      await using run = await startSpoolRun(folder.path, kafka, { 'spool.mode': 'exactly-once' });
      for (let n = 0; n < 20; n++) run.source.give(`old ${n}`);
      await until('all is received', () => run.counter(received) === 20);
      await until('all is forwarded', () => run.spooled.isEmpty);
      await run.stop();
      run.spool.forget('c');
      await until('it has gone', () => run.spool.connectors().length === 0);
    }
    const release = holdUp(kafka);
    const wanted = Array.from({ length: 100 }, (_, n) => `new ${n}`);
    {
      await using run = await startSpoolRun(folder.path, kafka, { 'spool.mode': mode });
      for (const value of wanted) run.source.give(value);
      await until('all is received', () => run.counter(received) === wanted.length);
    }
    release();
    await using run = await startSpoolRun(folder.path, kafka, { 'spool.mode': mode });
    await until('all is forwarded', () => run.spooled.isEmpty);
    deepEqual(
      kafka.values('t').filter((value) => value!.startsWith('new')),
      wanted,
    );
  });
}
