/** Entries of the index whose end was changed on the disk: they cost their own batch at most, and never a record beside it. */
import { deepEqual, equal } from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { codecs } from '../../app/codecs.ts';
import { noHeaders } from '../../record/record.ts';
import { asList } from '../../record/value-column.ts';
import type { DamagedRange } from '../broker.ts';
import { type EmbeddedBroker, type EmbeddedEvent, openEmbeddedBroker } from './embedded.ts';

const timeout = 60_000;
const perBatch = 10;
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

/** Each record is its offset. */
async function sendBatches(broker: EmbeddedBroker, from: number, count: number): Promise<void> {
  await using producer = await broker.producer();
  for (let base = from; base < from + count * perBatch; base += perBatch) {
    const values = numbers(base, base + perBatch).map((n) => Buffer.from(`${n}`));
    const records = values.map((value) => ({ key: null, value, headers: noHeaders, timestampMs: 1 }));
    await producer.send('t', 0, records);
  }
}

/** A log of so many batches, changed by the statements while nobody has it open. */
async function damagedLog(batches: number, statements: readonly string[]) {
  const folder = await tempFolder('damaged-index');
  {
    await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
    await broker.createTopic({ name: 't' });
    await sendBatches(broker, 0, batches);
  }
  const db = new DatabaseSync(join(folder.path, 'tributary.db'));
  for (const statement of statements) equal(db.prepare(statement).run().changes, 1, statement);
  db.close();
  return folder;
}

interface Seen {
  readonly read: number[];
  readonly damaged: number[];
  readonly nextOffset: number;
}

async function fetchAll(broker: EmbeddedBroker, from: number): Promise<Seen> {
  const read: number[] = [];
  const damaged: number[] = [];
  let offset = from;
  while (offset < broker.extent('t', 0).stable) {
    const fetched = await broker.fetchRuns('t', 0, offset, 500);
    for (const run of fetched.runs) read.push(...asList(run).map(({ value }) => Number(Buffer.from(value!))));
    damaged.push(...fetched.damaged.flatMap(offsetsOf));
    fetched.release();
    offset = fetched.nextOffset;
  }
  return { read, damaged, nextOffset: offset };
}

async function readAll(broker: EmbeddedBroker, from: number): Promise<Seen> {
  const seen = { read: [] as number[], damaged: [] as number[], nextOffset: from };
  const options = { topic: 't', partition: 0, from: { offset: from }, until: 'end', maxBytes: 500 } as const;
  for await (const { records, damaged, nextOffset } of broker.read(options)) {
    seen.read.push(...records.map(({ value }) => Number(Buffer.from(value!))));
    seen.damaged.push(...(damaged ?? []).flatMap(offsetsOf));
    seen.nextOffset = nextOffset;
  }
  return seen;
}

function offsetsOf({ from, to }: DamagedRange): number[] {
  return numbers(from, to);
}

const endOf = (base: number, last: number): string => `UPDATE batches SET last = ${last} WHERE base = ${base}`;
const bodyOf = (base: number, bytes: string): string =>
  `UPDATE bodies SET bytes = ${bytes} WHERE id = (SELECT body FROM batches WHERE base = ${base})`;
const cut = 'substr(bytes, 1, 100)';
const changed = "CAST(substr(bytes, 1, length(bytes) - 3) || x'ffffff' AS BLOB)";
/** As a kill leaves it: the end of the partition is found by its batches. */
const unsaved = 'UPDATE partitions SET next = 0, bytes = 0';
const none: number[] = [];
const block = (base: number): number[] => numbers(base, base + perBatch);

for (const { what, statements, lost } of [
  { what: 'far too large', statements: [endOf(40, 1_000_000)], lost: none },
  { what: 'too large by the next batches', statements: [endOf(40, 65)], lost: none },
  { what: 'too small', statements: [endOf(40, 43)], lost: none },
  { what: 'before its beginning', statements: [endOf(40, -3)], lost: none },
  { what: 'far too large, of the last one', statements: [endOf(90, 1_000_000)], lost: none },
  { what: 'too small, of the last one', statements: [endOf(90, 92)], lost: none },
  {
    what: 'far too large, of a batch that is cut',
    statements: [endOf(40, 1_000_000), bodyOf(40, cut)],
    lost: block(40),
  },
  {
    what: 'far too large, of a batch with other bytes',
    statements: [endOf(40, 1_000_000), bodyOf(40, changed)],
    lost: block(40),
  },
  { what: 'too small, of a batch that is cut', statements: [endOf(40, 43), bodyOf(40, cut)], lost: block(40) },
  {
    what: 'far too large, of the last one, which is cut',
    statements: [endOf(90, 2000), bodyOf(90, cut)],
    lost: block(90),
  },
]) {
  test(`an end in the index that is ${what}, costs its batch at most, and that is told`, { timeout }, async () => {
    // Of the last one, neither its entry nor its bytes say where it ends.
    const isLastCut = statements.length > 1 && lost[0] === 90;
    for (const more of isLastCut ? [[]] : [[], [unsaved]]) {
      await using folder = await damagedLog(10, [...statements, ...more]);
      await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
      equal(broker.extent('t', 0).next, 100);
      const wanted = { read: numbers(0, 100).filter((n) => !lost.includes(n)), damaged: lost, nextOffset: 100 };
      deepEqual(await fetchAll(broker, 0), wanted);
      deepEqual(await readAll(broker, 0), wanted);
      await sendBatches(broker, 100, 2);
      const behind = { read: numbers(100, 120), damaged: none, nextOffset: 120 };
      deepEqual(await fetchAll(broker, 100), behind);
      deepEqual(await readAll(broker, 100), behind);
    }
  });
}

test('wrong ends that a reader puts right are told, by each of its ways to read', { timeout }, async () => {
  await using folder = await damagedLog(10, [endOf(40, 1_000_000), endOf(60, 63)]);
  let rows = 0;
  const onEvent = (event: EmbeddedEvent): void => {
    if (event.kind === 'index-repaired') rows += event.rows;
  };
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs, onEvent });
  await fetchAll(broker, 0);
  equal(rows, 2);
  await readAll(broker, 0);
  equal(rows, 4);
});

for (const { what, base } of [
  { what: 'far too large', base: 1_000_000 },
  { what: 'within its own offsets', base: 45 },
  { what: 'within those of a batch before it', base: 13 },
  { what: 'within those of a batch behind it', base: 83 },
  { what: 'before all others', base: -7 },
  { what: 'behind the last one', base: 100 },
]) {
  test(`a first offset in the index that is ${what} costs its batch, and that is told`, { timeout }, async () => {
    for (const more of [[], [unsaved]]) {
      await using folder = await damagedLog(10, [`UPDATE batches SET base = ${base} WHERE base = 40`, ...more]);
      await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
      equal(broker.extent('t', 0).next, 100);
      const wanted = { read: numbers(0, 100).filter((n) => n < 40 || n >= 50), damaged: block(40), nextOffset: 100 };
      deepEqual(await fetchAll(broker, 0), wanted);
      deepEqual(await readAll(broker, 0), wanted);
      await sendBatches(broker, 100, 2);
      deepEqual(await fetchAll(broker, 100), { read: numbers(100, 120), damaged: none, nextOffset: 120 });
    }
  });
}

test('what lies below the first offset is taken away, whatever its entries say of its end', { timeout }, async () => {
  for (const base of [0, 150, 160, 330, 340]) {
    await using folder = await damagedLog(40, [endOf(base, 1_000_000)]);
    {
      await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
      equal(await broker.deleteRecords('t', 0, 345), 345);
      deepEqual((await fetchAll(broker, 345)).read, numbers(345, 400), 'the batch around the first offset is whole');
      equal(await broker.deleteRecords('t', 0, 390), 390);
    }
    const db = new DatabaseSync(join(folder.path, 'tributary.db'));
    const left = db
      .prepare('SELECT base FROM batches ORDER BY base')
      .all()
      .map((row) => row['base']);
    const bodies = db.prepare('SELECT count(*) AS n FROM bodies').get();
    db.close();
    deepEqual([left, bodies?.['n']], [[390], 1], `${base}`);
  }
});
