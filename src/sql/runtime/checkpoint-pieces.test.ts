/** Checkpoints in pieces, over random rows and many groups: what is stored is the state, whatever was not written again. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryBroker, memoryBroker } from '../../../test/support/memory-broker.ts';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import type { ConsumedRecord, ProduceRecord } from '../../record/record.ts';
import { Application } from '../plan/application.ts';
import { StateReader } from '../state/state-reader.ts';
import { StateWriter } from '../state/state-writer.ts';
import type { Value } from '../values/value.ts';
import { CheckpointPieces } from './checkpoint-pieces.ts';
import { type StoredState, stateOf } from './checkpoint-state.ts';
import { summaryOf } from './checkpoint-summary.ts';
import { heldPieces, readEntries } from './checkpoint-topic.ts';

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

function checkpointOf(application: Application, held: ReadonlySet<string>, id: string) {
  const pieces = new CheckpointPieces(held);
  const writer = new StateWriter(pieces);
  application.snapshot(writer);
  writer.cut();
  const records = pieces.records({ id, takenAtMs: 0, statements: [], generation: '', positions: [] }, 0);
  return { records, held: pieces.heldThen, bytes: pieces.bytes };
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

async function stored(broker: MemoryBroker): Promise<{ held: Set<string>; id?: string; state?: StoredState }> {
  const entries = await readEntries(broker, topic, 0, { signal: AbortSignal.timeout(60_000) });
  const summary = summaryOf(entries, 0);
  const held = heldPieces(entries, 0);
  return summary === undefined ? { held } : { held, id: summary.id, state: stateOf(entries, summary, 0) };
}

/** As brokers do: of each key the newest value stays. Deletions go where `dropsDeletions` says so, for readers come too late for them. */
function compact(broker: MemoryBroker, dropsDeletions: boolean): void {
  const records = broker.records(topic) as ConsumedRecord[];
  const newest = new Map(records.map((record, place) => [String(record.key), place]));
  const kept = records.filter(
    ({ key, value }, place) => newest.get(String(key)) === place && (value !== null || !dropsDeletions),
  );
  records.splice(0, records.length, ...kept.map((record, offset) => ({ ...record, offset })));
}

for (const [what, query] of Object.entries(queries)) {
  test(`${what}: killed between any two writes, a start finds one whole checkpoint (seed ${testSeed})`, async () => {
    const random = seeded(testSeed);
    const below = (bound: number): number => Math.floor(random() * bound);
    await using broker = await brokerWithTopic();
    const script = scriptOf(query);
    let application = start(script);
    let held: ReadonlySet<string> = new Set();
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
      const last = (await stored(broker)).id;
      const { records, held: then, bytes } = checkpointOf(application, held, id);
      equal(bytes, plain.length);
      const written = below(3) === 0 ? below(records.length + 1) : records.length;
      await write(broker, records.slice(0, written));
      if (below(3) === 0) compact(broker, below(2) === 0);
      const found = await stored(broker);
      if (written === records.length) {
        equal(found.id, id);
        ok([...then].every((hash) => found.held.has(hash)));
      } else ok(found.id === last || found.id === id);
      if (found.state !== undefined) deepEqual(found.state.bytes, states.get(found.id!));
      held = then;
      if (written === records.length && below(4) > 0) continue;
      application = start(script);
      if (found.state !== undefined) {
        application.restore(new StateReader(found.state.bytes, found.state.pieces));
        deepEqual(whole(application), states.get(found.id!));
      }
      held = found.held;
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
    const first = checkpointOf(application, new Set(), 'first');
    await write(broker, first.records);
    ok(size(first.records) > first.bytes);
    for (let group = 7; group < 20_000; group += 1000) touch(group); // 20 of 20,000
    const second = checkpointOf(application, first.held, 'second');
    ok(size(second.records) < first.bytes * 0.05, `${size(second.records)} of ${first.bytes} bytes`);
    await write(broker, second.records);
    const { held, state } = await stored(broker);
    deepEqual(held, second.held, 'nothing is left of the first one that the second does not need');
    deepEqual(state?.bytes, whole(application));
    const third = checkpointOf(application, second.held, 'third');
    ok(third.records.length <= 3, 'nothing has changed');
    // A new start knows what is stored, as well.
    const next = start(`CREATE STREAM Feed ${columns} WITH (event.time.field = 't'); INSERT INTO Out ${query};`);
    next.restore(new StateReader(state!.bytes, state!.pieces));
    ok(checkpointOf(next, held, 'fourth').records.length <= 3, 'nothing has changed by a start');
  });
}

test('what comes and goes in the midst of a list moves no piece but those beside it', () => {
  const entries = Array.from({ length: 20_000 }, (_, index) => `entry ${index}`);
  const held = (list: readonly string[]): ReadonlySet<string> => {
    const pieces = new CheckpointPieces(new Set());
    const writer = new StateWriter(pieces);
    writer.list(list, (entry) => writer.text(entry));
    writer.cut();
    return pieces.heldThen;
  };
  const before = held(entries);
  const after = held([
    ...entries.slice(1, 9_000),
    ...entries.slice(9_001, 15_000),
    'another',
    ...entries.slice(15_000),
  ]);
  ok(before.size > 100);
  const added = [...after].filter((hash) => !before.has(hash));
  ok(added.length <= 12, `${added.length} of ${after.size} pieces are new`);
});

test('a value larger than a record may be is written in several', async () => {
  await using broker = await brokerWithTopic();
  const { application } = withGroups(1, 'SELECT MAX(k) AS m FROM Feed');
  application.push('Feed', ['z'.repeat(2_000_000), 1, 1, 1]);
  const { records } = checkpointOf(application, new Set(), 'large');
  ok(records.every(({ value }) => (value?.length ?? 0) <= 512 * 1024));
  await write(broker, records);
  deepEqual((await stored(broker)).state?.bytes, whole(application));
});

test('a piece that is not stored is never taken for one that is', async () => {
  const { application } = withGroups(200, 'SELECT k, COUNT(*) AS n FROM Feed GROUP BY k');
  checkpointOf(application, new Set(), 'lost');
  await rejects(async () => checkpointOf(application, new Set(), 'next'), { code: 'INTERNAL' });
});
