import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isError } from '../../base/errors.ts';
import type { Codecs } from '../../record/codecs.ts';
import { crc32c } from '../../record/crc32c.ts';
import { noHeaders, type ProduceRecord } from '../../record/record.ts';
import type { Broker } from '../broker.ts';
import { type EmbeddedBroker, type EmbeddedBrokerOptions, type EmbeddedEvent, openEmbeddedBroker } from './embedded.ts';

const codecs: Codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };
const file = 'tributary.db';

test('what was acknowledged, offsets of groups and the cluster id are there after the next open', async () => {
  await using folder = temporary();
  await using first = await open(folder.path);
  await first.createTopic({ name: 'empty' });
  await first.createTopic({ name: 't', partitions: 2 });
  await send(first, 't', 1, ['a', 'b']);
  await first.setCommittedOffsets('g', [{ topic: 't', partition: 1, offset: 1 }]);
  const id = await first.clusterId();
  await first.close();
  await using second = await open(folder.path);
  deepEqual(await values(second, 't', 1), ['a', 'b']);
  equal(await second.offset('empty', 0, 'latest'), 0);
  deepEqual(await second.committedOffsets('g'), [{ topic: 't', partition: 1, offset: 1 }]);
  equal(await second.clusterId(), id);
});

test('deleted records and topics leave room: the file does not grow for ever', async () => {
  await using folder = temporary();
  await using broker = await open(folder.path);
  await broker.createTopic({ name: 't', config: { 'retention.bytes': String(2 * mib) } });
  const producer = await broker.producer();
  for (let round = 0; round < 60; round++) await producer.send('t', 0, [record('x'.repeat(500_000))]);
  ok((await broker.offset('t', 0, 'earliest')) > 50);
  await broker.deleteTopic('t');
  await broker.createTopic({ name: 'u' });
  for (let round = 0; round < 10; round++) await producer.send('u', 0, [record('x'.repeat(500_000))]);
  await broker.close();
  const { size } = statSync(join(folder.path, file));
  ok(size < 16 * mib, `the file has ${size} bytes`);
});

test('a full store is a retriable error, and writing goes on when there is room again', async () => {
  await using folder = temporary();
  await using broker = await open(folder.path, { maxBytes: 4 * mib });
  await broker.createTopic({ name: 't' });
  const retries: string[] = [];
  const producer = await broker.producer({ deliveryTimeoutMs: 2000, onRetry: ({ reason }) => retries.push(reason) });
  const stored: number[] = [];
  let refused: unknown;
  for (let n = 0; n < 20 && refused === undefined; n++) {
    try {
      stored.push((await producer.send('t', 0, [record(`${n}${'x'.repeat(400_000)}`)])).baseOffset);
    } catch (error) {
      refused = error;
    }
  }
  ok(isError(refused, 'BROKER_FULL') && refused.retriable);
  match(retries[0]!, /full/);
  ok(stored.length >= 4);
  // What is small still passes beside what is large.
  const sends = [producer.send('t', 0, [record('y'.repeat(900_000))]), broker.createTopic({ name: 'small' })] as const;
  await rejects(sends[0], (error) => isError(error, 'BROKER_FULL'));
  await sends[1];
  await broker.deleteRecords('t', 0, stored.length - 1);
  const { baseOffset } = await producer.send('t', 0, [record('after')]);
  equal(baseOffset, stored.length);
  equal((await values(broker, 't', 0)).at(-1), 'after');
});

test('batches are taken away from between, for good, and readers pass over the hole', async () => {
  await using folder = temporary();
  {
    await using broker = await open(folder.path);
    await broker.createTopic({ name: 't' });
    for (const value of ['a', 'b', 'c', 'd']) await send(broker, 't', 0, [value]);
    const { bytes } = broker.extent('t', 0);
    await broker.deleteRange('t', 0, 1, 3);
    equal(broker.extent('t', 0).bytes, bytes / 2);
    equal(broker.extent('t', 0).first, 0);
    await rejects(broker.deleteRange('t', 0, 1, 5), { code: 'OFFSET_OUT_OF_RANGE' });
  }
  await using broker = await open(folder.path);
  deepEqual(await values(broker, 't', 0), ['a', 'd']);
  const { damaged, nextOffset, release } = await broker.fetchRuns('t', 0, 0, mib);
  deepEqual({ damaged, nextOffset }, { damaged: [], nextOffset: 4 });
  release();
});

test('sends that wait while the store is full are stored in order, once, as soon as there is room', async () => {
  await using folder = temporary();
  await using broker = await open(folder.path, { maxBytes: 4 * mib });
  await broker.createTopic({ name: 't' });
  await broker.createTopic({ name: 'ballast' });
  for (let n = 0; n < 5; n++) await send(broker, 'ballast', 0, ['x'.repeat(500_000)]);
  const full = new Promise<void>((resolve) => {
    const onRetry = (): void => resolve();
    void (async () => {
      const producer = await broker.producer({ onRetry });
      sends = Array.from({ length: 8 }, (_, n) => producer.send('t', 0, [record(`${n}${'y'.repeat(300_000)}`)]));
      await Promise.allSettled(sends);
    })();
  });
  let sends: Promise<unknown>[] = [];
  await full;
  await broker.deleteTopic('ballast');
  await Promise.all(sends);
  deepEqual(
    (await values(broker, 't', 0)).map((value) => value[0]),
    ['0', '1', '2', '3', '4', '5', '6', '7'],
  );
});

test('a damaged batch is passed over and reported, the others are read', async () => {
  await using folder = temporary();
  await using writer = await open(folder.path);
  await writer.createTopic({ name: 't' });
  for (const value of ['first', 'second', 'third']) await send(writer, 't', 0, [value]);
  await writer.close();
  const db = new DatabaseSync(join(folder.path, file));
  const [, second] = db.prepare('SELECT id, bytes FROM bodies ORDER BY id').all() as {
    id: number;
    bytes: Uint8Array;
  }[];
  second!.bytes[70]! ^= 1;
  db.prepare('UPDATE bodies SET bytes = ? WHERE id = ?').run(second!.bytes, second!.id);
  db.close();
  const events: EmbeddedEvent[] = [];
  await using broker = await open(folder.path, { onEvent: (event) => events.push(event) });
  deepEqual(await values(broker, 't', 0), ['first', 'third']);
  deepEqual(
    events.map(
      (event) => event.kind === 'damaged-batch' && [event.topic, event.damaged.baseOffset, event.damaged.lastOffset],
    ),
    [['t', 1, 1]],
  );
});

test('a file of another program or of another version is refused in one clear sentence', async () => {
  await using folder = temporary();
  await using broker = await open(folder.path);
  await broker.close();
  const path = join(folder.path, file);
  const change = (sql: string): void => {
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
  };
  change('PRAGMA user_version = 99');
  await rejects(open(folder.path), (error) => isError(error, 'BROKER_REJECTED') && /version "99"/.test(error.message));
  change('PRAGMA user_version = 1; PRAGMA application_id = 7');
  await rejects(open(folder.path), (error) => isError(error, 'BROKER_REJECTED') && /not one of/.test(error.message));
});

test('a torn file and one that is no database are refused as damaged, by name', async () => {
  await using folder = temporary();
  await using broker = await open(folder.path);
  await broker.createTopic({ name: 't' });
  for (let n = 0; n < 20; n++) await send(broker, 't', 0, ['x'.repeat(100_000)]);
  await broker.close();
  const path = join(folder.path, file);
  const isCorrupt = (error: unknown): boolean => isError(error, 'BROKER_CORRUPT') && error.message.includes(path);
  truncateSync(path, statSync(path).size - 100_000);
  await rejects(open(folder.path), isCorrupt);
  writeFileSync(path, 'not a database, and long enough to look like one'.repeat(1000));
  await rejects(open(folder.path), isCorrupt);
});

test('a write-ahead log that was damaged after the writing is reported, and one whose acknowledged end is gone', async () => {
  await using folder = temporary();
  await using broker = await open(folder.path);
  await broker.createTopic({ name: 't' });
  for (let n = 0; n < 5; n++) await send(broker, 't', 0, [`value ${n}`]);
  // As after a kill: the log is copied before the broker moves it into the file.
  await using copy = temporary();
  for (const name of [file, `${file}-wal`]) copyFileSync(join(folder.path, name), join(copy.path, name));
  const log = join(copy.path, `${file}-wal`);
  const whole = readFileSync(log);
  const eventsAfter = async (bytes: Uint8Array, mark?: string): Promise<EmbeddedEvent[]> => {
    await using damaged = temporary();
    copyFileSync(join(copy.path, file), join(damaged.path, file));
    if (mark !== undefined) copyFileSync(mark, join(damaged.path, `${file}-acknowledged`));
    writeFileSync(join(damaged.path, `${file}-wal`), bytes);
    const events: EmbeddedEvent[] = [];
    await using opened = await open(damaged.path, { onEvent: (event) => events.push(event) });
    await opened.listTopics();
    return events;
  };
  deepEqual(await eventsAfter(whole), []);
  // Without the count of what was acknowledged it looks like a write that a crash cut off.
  const torn = whole.subarray(0, whole.length - 1000);
  deepEqual(await eventsAfter(torn), []);
  const mark = join(folder.path, `${file}-acknowledged`);
  deepEqual(await eventsAfter(whole, mark), []);
  deepEqual(await eventsAfter(torn, mark), [{ kind: 'log-damaged', lostFrames: 0, lostRecords: 1, lostChanges: 0 }]);
  deepEqual(await eventsAfter(whole.subarray(0, 0), mark), [
    { kind: 'log-damaged', lostFrames: 0, lostRecords: 5, lostChanges: 6 },
  ]);
  writeFileSync(join(copy.path, 'no-mark'), 'twenty bytes or more, and wrong');
  deepEqual(await eventsAfter(torn, join(copy.path, 'no-mark')), []);
  const flipped = Buffer.from(whole);
  flipped[Math.floor(whole.length / 2)]! ^= 1;
  const [event] = await eventsAfter(flipped);
  ok(event?.kind === 'log-damaged' && event.lostFrames > 0);
});

for (const [what, change] of [
  ['offset of a group', (broker) => broker.setCommittedOffsets('g', [{ topic: 't', partition: 0, offset: 3 }])],
  ['altered topic', (broker) => broker.alterTopicConfig('t', { 'retention.ms': '1' })],
  ['added partition', (broker) => broker.addPartitions('t', 2)],
  ['new topic', (broker) => broker.createTopic({ name: 'u' })],
  ['deleted topic', (broker) => broker.deleteTopic('t')],
] as readonly (readonly [string, (broker: Broker) => Promise<unknown>])[]) {
  test(`an acknowledged end of the log that held the ${what} and no record is told when it is gone, once`, async () => {
    await using folder = temporary();
    await using copy = temporary();
    await using broker = await open(folder.path);
    await broker.createTopic({ name: 't' });
    copyFileSync(join(folder.path, `${file}-wal`), join(copy.path, `${file}-wal`));
    await change(broker);
    await broker.committedOffsets('g'); // answered when the change before it is noted
    for (const name of [file, `${file}-acknowledged`]) copyFileSync(join(folder.path, name), join(copy.path, name));
    const events: EmbeddedEvent[] = [];
    for (let opens = 0; opens < 2; opens++) {
      await using _ = await open(copy.path, { onEvent: (event) => events.push(event) });
    }
    deepEqual(events, [{ kind: 'log-damaged', lostFrames: 0, lostRecords: 0, lostChanges: 1 }]);
  });
}

test('what was acknowledged cannot be noted for a while: that is told once, and noted again as soon as it can be', async () => {
  await using folder = temporary();
  await using copy = temporary();
  const elsewhere = join(folder.path, 'elsewhere');
  symlinkSync(join(elsewhere, 'mark'), join(folder.path, `${file}-acknowledged`));
  const events: EmbeddedEvent[] = [];
  await using broker = await open(folder.path, { onEvent: (event) => events.push(event) });
  await broker.createTopic({ name: 't' });
  await send(broker, 't', 0, ['not noted']);
  equal(events.length, 1);
  match(
    events[0]?.kind === 'upkeep-failed' ? events[0].reason : '',
    /Cannot read ".*-acknowledged": ENOENT.*lost end of the log/,
  );
  mkdirSync(elsewhere);
  await send(broker, 't', 0, ['noted']);
  await broker.committedOffsets('g'); // answered when the commits before it are noted
  copyFileSync(join(folder.path, file), join(copy.path, file));
  copyFileSync(join(elsewhere, 'mark'), join(copy.path, `${file}-acknowledged`));
  await using _ = await open(copy.path, { onEvent: (event) => events.push(event) });
  const [, lost] = events;
  ok(lost?.kind === 'log-damaged' && lost.lostRecords === 2 && lost.lostChanges > 0, JSON.stringify(events));
});

test('a transaction that a crash left open is aborted at the next open, its offsets with it', async () => {
  await using folder = temporary();
  await using copy = temporary();
  await using broker = await open(folder.path);
  await broker.createTopic({ name: 't' });
  await send(broker, 't', 0, ['before']);
  const producer = await broker.producer({ transactionalId: 'x' });
  await producer.begin();
  await producer.send('t', 0, [record('open')]);
  await producer.sendOffsets('g', [{ topic: 't', partition: 0, offset: 1 }]);
  await send(broker, 't', 0, ['behind']);
  deepEqual(await values(broker, 't', 0), ['before']);
  for (const name of [file, `${file}-wal`]) copyFileSync(join(folder.path, name), join(copy.path, name));
  const events: EmbeddedEvent[] = [];
  await using reopened = await open(copy.path, { onEvent: (event) => events.push(event) });
  deepEqual(events, [{ kind: 'transactions-aborted', count: 1 }]);
  deepEqual(await values(reopened, 't', 0), ['before', 'behind']);
  deepEqual(await reopened.committedOffsets('g'), []);
  const all: number[] = [];
  const everything = {
    topic: 't',
    partition: 0,
    from: 'earliest',
    until: 'end',
    isolation: 'read-uncommitted',
  } as const;
  for await (const { records } of reopened.read(everything)) all.push(...records.map(({ offset }) => offset));
  deepEqual(all, [0, 1, 2]);
  // The next one with the id begins anew.
  const next = await reopened.producer({ transactionalId: 'x' });
  await next.begin();
  await next.send('t', 0, [record('next')]);
  await next.commit();
  deepEqual(await values(reopened, 't', 0), ['before', 'behind', 'next']);
});

test('a transaction that stays open too long is aborted, and the producer goes on with the next one', async () => {
  await using folder = temporary();
  await using broker = await open(folder.path);
  await broker.createTopic({ name: 't' });
  const producer = await broker.producer({ transactionalId: 'x', transactionTimeoutMs: 1_000 });
  await producer.begin();
  await producer.send('t', 0, [record('late')]);
  await send(broker, 't', 0, ['behind']);
  // The reader waits until the open transaction is out of its way.
  const reader = broker.read({ topic: 't', partition: 0, from: 'earliest' });
  for await (const { records } of reader) {
    if (records.length === 0) continue;
    equal(String(records[0]!.value), 'behind');
    break;
  }
  await rejects(producer.commit(), (error) => isError(error, 'TRANSACTION_ABORTED'));
  await producer.abort();
  await producer.begin();
  await producer.send('t', 0, [record('next')]);
  await producer.commit();
  deepEqual(await values(broker, 't', 0), ['behind', 'next']);
});

test('a member whose onRevoked does not return is replaced, and joins again when it does', async () => {
  await using folder = temporary();
  await using broker = await open(folder.path);
  await broker.createTopic({ name: 't', partitions: 2 });
  const told: string[] = [];
  const silence = Promise.withResolvers<void>();
  const rejoined = Promise.withResolvers<void>();
  const first = await broker.group({
    groupId: 'g',
    topics: ['t'],
    sessionTimeoutMs: 30,
    onRevoked: (_, how) => {
      told.push(how);
      return how === 'revoked' ? silence.promise : undefined;
    },
    onAssigned: () => told.includes('lost') && rejoined.resolve(),
  });
  await using second = await broker.group({ groupId: 'g', topics: ['t'] });
  deepEqual([first.assignment.length, second.assignment.length], [0, 2]);
  const offsets = [{ topic: 't', partition: 0, offset: 0 }];
  await rejects(first.commit(offsets), (error) => isError(error, 'GROUP_MEMBER_UNKNOWN'));
  silence.resolve();
  await rejoined.promise;
  deepEqual([told, first.assignment.length, second.assignment.length], [['revoked', 'lost'], 1, 1]);
  const same = await broker.group({ groupId: 'g', topics: ['t'], instanceId: 'one' });
  await using successor = await broker.group({ groupId: 'g', topics: ['t'], instanceId: 'one' });
  await rejects(same.records[Symbol.asyncIterator]().next(), (error) => isError(error, 'GROUP_MEMBER_UNKNOWN'));
  const taken = Promise.withResolvers<void>();
  await using last = await broker.group({ groupId: 'g', topics: ['t'], onAssigned: () => taken.resolve() });
  deepEqual(last.assignment, []); // both are owned already
  await first.close();
  await second.close();
  await taken.promise;
  deepEqual([successor.assignment.length, last.assignment.length, same.assignment.length], [1, 1, 0]);
});

test('a second broker on the directory is refused and told who has it', async () => {
  await using folder = temporary();
  await using broker = await open(folder.path);
  await rejects(
    open(folder.path),
    (error) =>
      isError(error, 'BROKER_LOCKED') &&
      error.message.includes(folder.path) &&
      error.message.includes(String(process.pid)),
  );
  await broker.createTopic({ name: 'still-works' });
});

const mib = 1024 * 1024;

function temporary(): AsyncDisposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'embedded-'));
  return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true, force: true }) };
}

function open(directory: string, options: Partial<EmbeddedBrokerOptions> = {}): Promise<EmbeddedBroker> {
  return openEmbeddedBroker({ directory, codecs, ...options });
}

function record(value: string): ProduceRecord {
  return { key: null, value: Buffer.from(value), headers: noHeaders, timestampMs: null };
}

async function send(broker: Broker, topic: string, partition: number, texts: readonly string[]): Promise<void> {
  await using producer = await broker.producer();
  await producer.send(topic, partition, texts.map(record));
}

async function values(broker: Broker, topic: string, partition: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { records } of broker.read({ topic, partition, from: 'earliest', until: 'end' }))
    for (const { value } of records) found.push(Buffer.from(value ?? []).toString());
  return found;
}
