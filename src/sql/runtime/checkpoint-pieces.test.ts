/** Checkpoints in pieces, over random rows and many groups: what is stored is the state, whatever was not written again. */
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryBroker, memoryBroker } from '../../../test/support/memory-broker.ts';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import type { Broker, FetchedRecords } from '../../broker/broker.ts';
import type { ConsumedRecord, ProduceRecord } from '../../record/record.ts';
import { Application } from '../plan/application.ts';
import { maxPieceBytes } from '../state/pieces.ts';
import { StateReader } from '../state/state-reader.ts';
import { StateWriter } from '../state/state-writer.ts';
import type { Value } from '../values/value.ts';
import { CheckpointPieces, nothingStored, type StoredPieces } from './checkpoint-pieces.ts';
import { type StoredState, stateOf } from './checkpoint-state.ts';
import { summaryOf } from './checkpoint-summary.ts';
import { readEntries, stalePieces } from './checkpoint-topic.ts';

const topic = 'checkpoints';
const columns = '(k STRING, v LONG, d DOUBLE, t LONG)';
const sums = 'k, COUNT(*) AS n, SUM(v) AS s, AVG(d) AS a, MIN(k) AS lo, LAST(v) AS l, COUNT(DISTINCT v) AS u';
const queries: Readonly<Record<string, string>> = {
  'groups without a window': `SELECT ${sums} FROM Feed GROUP BY k`,
  'groups of several keys': 'SELECT k, v, COUNT(*) AS n FROM Feed GROUP BY k, v',
  TUMBLING: `SELECT ${sums}, MAX_FOREVER(v) AS ever FROM Feed WINDOW TUMBLING(400 ms) GROUP BY k`,
  'TUMBLING with rows': 'SELECT k, v FROM Feed WINDOW TUMBLING(400 ms)',
  HOP: `SELECT ${sums} FROM Feed WINDOW HOP(400 ms, 100 ms) GROUP BY k`,
  // Rows far in front open sessions that rows between then join.
  'SESSION with groups': `SELECT ${sums} FROM Feed WINDOW SESSION(60 ms) GROUP BY k`,
  LENGTHBATCH: `SELECT ${sums} FROM Feed WINDOW LENGTHBATCH(300) GROUP BY k`,
  LENGTH: `SELECT ${sums} FROM Feed WINDOW LENGTH(300) GROUP BY k`,
  UNIQUE: 'SELECT k, COUNT(*) AS n FROM Feed WINDOW UNIQUE(k) GROUP BY k',
  'a table': 'SELECT Feed.v AS a, T.v AS b FROM Feed LEFT JOIN T ON Feed.k = T.k',
};
function scriptOf(query: string): string {
  return `CREATE STREAM Feed ${columns} WITH (event.time.field = 't', watermark.delay.ms = 150);
    CREATE TABLE T (k STRING PRIMARY KEY, v LONG); INSERT INTO T SELECT k, v FROM Feed; INSERT INTO Out ${query};`;
}
function start(script: string): Application {
  return new Application(script, { random: () => 0.5, maxState: 1_000_000 });
}

/** The state as one piece, to compare with. */
function whole(application: Application): Buffer {
  const writer = new StateWriter();
  application.snapshot(writer);
  return Buffer.from(writer.take());
}

function checkpointOf(application: Pick<Application, 'snapshot'>, before: StoredPieces, id: string) {
  const pieces = new CheckpointPieces(before, 1e9);
  const writer = new StateWriter(pieces);
  application.snapshot(writer);
  writer.cut();
  const records = pieces.records({ id, takenAtMs: 0, statements: [], generation: '', positions: [] }, 0);
  return { records, stored: pieces.storedThen, bytes: pieces.bytes };
}

async function brokerWithTopic(): Promise<MemoryBroker> {
  const broker = memoryBroker();
  await broker.createTopic({ name: topic });
  return broker;
}

async function write(broker: MemoryBroker, records: readonly ProduceRecord[]): Promise<void> {
  if (records.length === 0) return;
  await using producer = await broker.producer();
  await producer.send(topic, 0, records);
}

async function found(broker: Broker): Promise<{ stored: StoredPieces; id?: string; state?: StoredState }> {
  const entries = await readEntries(broker, topic, 0, { signal: AbortSignal.timeout(60_000) });
  const summary = summaryOf(entries, 0);
  const state = summary && stateOf(entries, summary, 0);
  const held = state?.named ?? new Set();
  const stored = { held, stale: stalePieces(entries, 0, held) };
  return { stored, ...(state && { id: summary!.id, state }) };
}

/** As brokers do: of each key the newest value stays. Deletions go where `dropsDeletions` says so. */
function compacted(records: readonly ConsumedRecord[], dropsDeletions: boolean): ConsumedRecord[] {
  const newest = new Map(records.map(({ key, offset }) => [String(key), offset]));
  return records.filter(
    ({ key, value, offset }) => newest.get(String(key)) === offset && (value !== null || !dropsDeletions),
  );
}
function compact(broker: MemoryBroker, dropsDeletions: boolean): void {
  const records = broker.records(topic) as ConsumedRecord[];
  const kept = compacted(records, dropsDeletions);
  records.splice(0, records.length, ...kept.map((record, offset) => ({ ...record, offset })));
}

/** Compacts, deletions included, before the eyes of a reader that has seen the first `seen` records as they were. */
function compactedMidway(broker: MemoryBroker, seen: number): Broker {
  const before = [...broker.records(topic)];
  const rest = compacted(before, true).filter(({ offset }) => offset >= seen);
  compact(broker, true);
  const slices = [
    { records: before.slice(0, seen), nextOffset: seen },
    { records: rest, nextOffset: before.length },
  ];
  async function* read(): AsyncGenerator<FetchedRecords> {
    for (const slice of slices) yield slice as unknown as FetchedRecords;
  }
  return { ...broker, read, offset: async () => before.length };
}

for (const [what, query] of Object.entries(queries)) {
  test(`${what}: killed between any two writes, a start finds one whole checkpoint (seed ${testSeed})`, async () => {
    const random = seeded(testSeed);
    const below = (bound: number): number => Math.floor(random() * bound);
    await using broker = await brokerWithTopic();
    const script = scriptOf(query);
    let application = start(script);
    let before = nothingStored;
    const states = new Map<string, Buffer>();
    let at = 1_000;
    for (let round = 0; round < fuzzRuns(12); round++) {
      for (let row = 0, rows = below(200); row < rows; row++) {
        at += below(3) === 0 ? 1 : 0;
        const values: Value[] = [`key ${below(400)}`, below(9), random() * 10, at - below(120)];
        application.push('Feed', values);
      }
      const id = String(round);
      const plain = whole(application);
      states.set(id, plain);
      const last = (await found(broker)).id;
      const { records, stored, bytes } = checkpointOf(application, before, id);
      equal(bytes, plain.length);
      const written = below(3) === 0 ? below(records.length + 1) : records.length;
      await write(broker, records.slice(0, written));
      if (below(3) === 0) compact(broker, below(2) === 0);
      const is = await found(
        below(3) === 0 ? compactedMidway(broker, below(broker.records(topic).length + 1)) : broker,
      );
      if (written === records.length) {
        equal(is.id, id);
        deepEqual(is.stored.held, stored.held);
      } else ok(is.id === last || is.id === id);
      if (is.state !== undefined) deepEqual(is.state.bytes, states.get(is.id!));
      before = stored;
      if (written === records.length && below(4) > 0) continue;
      application = start(script);
      if (is.state !== undefined) {
        application.restore(new StateReader(is.state.bytes, is.state.pieces));
        deepEqual(whole(application), states.get(is.id!));
      }
      before = is.stored;
    }
  });
}

/** `count` groups, in an application that has seen each of them once. */
function withGroups(count: number, query: string): { application: Application; touch(group: number): void } {
  const application = start(`CREATE STREAM Feed ${columns} WITH (event.time.field = 't'); INSERT INTO Out ${query};`);
  const touch = (group: number): void => application.push('Feed', [`key ${group}`, group, group / 3, 1]);
  for (let group = 0; group < count; group++) touch(group);
  return { application, touch };
}
const size = (records: readonly ProduceRecord[]): number =>
  records.reduce((sum, { key, value }) => sum + key!.length + (value?.length ?? 0), 0);

for (const [what, window] of Object.entries({ 'a window': ' WINDOW TUMBLING(1 s)', 'no window': '' })) {
  test(`of many groups in ${what} those that change alone are written, and what they replace is deleted`, async () => {
    const query = `SELECT k, COUNT(*) AS n, SUM(d) AS s, MIN(d) AS lo, MAX(d) AS hi FROM Feed${window} GROUP BY k`;
    const { application, touch } = withGroups(20_000, query);
    await using broker = await brokerWithTopic();
    const first = checkpointOf(application, nothingStored, 'first');
    await write(broker, first.records);
    ok(size(first.records) > first.bytes);
    for (let group = 7; group < 20_000; group += 1000) touch(group); // 20 of 20,000
    const second = checkpointOf(application, first.stored, 'second');
    ok(size(second.records) < first.bytes * 0.05, `${size(second.records)} of ${first.bytes} bytes`);
    await write(broker, second.records);
    const { stored, state } = await found(broker);
    deepEqual(stored, second.stored, 'nothing is left of the first one that the second does not need');
    deepEqual(state?.bytes, whole(application));
    const third = checkpointOf(application, second.stored, 'third');
    ok(third.records.length <= 3, 'nothing has changed');
    // A new start knows what is stored, as well.
    const next = start(`CREATE STREAM Feed ${columns} WITH (event.time.field = 't'); INSERT INTO Out ${query};`);
    next.restore(new StateReader(state!.bytes, state!.pieces));
    ok(checkpointOf(next, stored, 'fourth').records.length <= 3, 'nothing has changed by a start');
  });
}

/** State that is a list of texts. */
function listed(entries: readonly string[]): Pick<Application, 'snapshot'> {
  return { snapshot: (writer) => writer.list(entries, (entry) => writer.text(entry)) };
}

for (const [what, beginning] of Object.entries({ short: '', 'long and much alike': 'https://feed/'.repeat(8) })) {
  test(`keys that are ${what}: what comes and goes in a list moves no piece but those beside it`, () => {
    const entries = Array.from({ length: 20_000 }, (_, index) => `${beginning}entry ${index} of some`);
    const held = (list: readonly string[]) => checkpointOf(listed(list), nothingStored, '').stored.held;
    const before = held(entries);
    const some = [...entries.slice(1, 9_000), ...entries.slice(9_001, 15_000), 'another', ...entries.slice(15_000)];
    const after = held(some);
    ok(before.size > 100);
    const added = [...after].filter((hash) => !before.has(hash));
    ok(added.length <= 12, `${added.length} of ${after.size} pieces are new`);
  });
}

test('a piece whose deletion compaction has taken in the midst of a restore is not believed to be stored', async () => {
  const [first, second] = ['first', 'second'].map((word) =>
    listed(Array.from({ length: 500 }, (_, index) => `${index > 400 ? word : ''} entry ${index}`)),
  ) as [Pick<Application, 'snapshot'>, Pick<Application, 'snapshot'>];
  const one = checkpointOf(first, nothingStored, '1');
  const two = checkpointOf(second, one.stored, '2');
  const writer = new StateWriter();
  first.snapshot(writer);
  let stale = 0;
  for (let seen = 0; seen <= one.records.length + two.records.length; seen++) {
    await using broker = await brokerWithTopic();
    await write(broker, [...one.records, ...two.records]);
    const { stored, id } = await found(compactedMidway(broker, seen));
    equal(id, '2');
    deepEqual(stored.held, two.stored.held);
    stale += stored.stale.size;
    const three = checkpointOf(first, stored, '3');
    await write(broker, three.records);
    const now = await found(broker);
    deepEqual(now.state?.bytes, Buffer.from(writer.take()));
    deepEqual(now.stored, three.stored, 'and nothing else is kept');
  }
  ok(stale > 0);
});

test('however many pieces are alike, no record is larger than one may be', async () => {
  await using broker = await brokerWithTopic();
  const alike = {
    snapshot(writer: StateWriter): void {
      for (let page = 0; page < 70_000; page++) writer.page(undefined, () => writer.text('x'));
    },
  };
  const { records } = checkpointOf(alike, nothingStored, 'alike');
  equal(Math.max(...records.map(({ value }) => value?.length ?? 0)), maxPieceBytes);
  await write(broker, records);
  equal((await found(broker)).state?.bytes.length, 140_000);
});

test('a state beyond its bound is not gone through to its end', () => {
  const writer = new StateWriter(new CheckpointPieces(nothingStored, 100_000));
  const entries = Array.from({ length: 20_000 }, (_, index) => `entry ${index}`);
  let written = 0;
  const write = (entry: string): void => {
    written++;
    writer.text(entry);
  };
  throws(() => writer.list(entries, write), { code: 'QUEUE_FULL', message: /more than 100000 bytes/ });
  ok(written > 5_000 && written < 15_000, `${written} of ${entries.length}`);
});

test('a value larger than a record may be is written in several', async () => {
  await using broker = await brokerWithTopic();
  const { application } = withGroups(1, 'SELECT MAX(k) AS m FROM Feed');
  application.push('Feed', ['z'.repeat(2_000_000), 1, 1, 1]);
  const { records } = checkpointOf(application, nothingStored, 'large');
  ok(records.every(({ value }) => (value?.length ?? 0) <= maxPieceBytes));
  await write(broker, records);
  deepEqual((await found(broker)).state?.bytes, whole(application));
});

test('a piece that is not stored is never taken for one that is', async () => {
  const { application } = withGroups(200, 'SELECT k, COUNT(*) AS n FROM Feed GROUP BY k');
  checkpointOf(application, nothingStored, 'lost');
  await rejects(async () => checkpointOf(application, nothingStored, 'next'), { code: 'INTERNAL' });
});
