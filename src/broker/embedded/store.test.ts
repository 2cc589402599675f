import { deepEqual, equal, throws } from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { BatchBuffer } from '../../record/batch-buffer.ts';
import type { Codecs } from '../../record/codecs.ts';
import { crc32c } from '../../record/crc32c.ts';
import { encodeBatch } from '../../record/encode.ts';
import { noHeaders } from '../../record/record.ts';
import type { Appended, AppendWrite, WriteResult } from './protocol.ts';
import { Store } from './store.ts';

const codecs: Codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };

interface BatchNumbers {
  readonly producerId: number;
  readonly producerEpoch?: number;
  readonly baseSequence: number;
}

/** A batch of so many records, as a producer hands it in. The store keeps the buffer: each send has its own. */
function append(partition: number, count: number, { producerEpoch = 0, ...numbers }: BatchNumbers): AppendWrite {
  const into = new BatchBuffer();
  const values = Array.from({ length: count }, (_, i) => `${numbers.baseSequence + i}`);
  const records = values.map((value) => ({
    key: null,
    value: Buffer.from(value),
    headers: noHeaders,
    timestampMs: null,
  }));
  encodeBatch(records, 0, into, { codecs, maxBytes: 100_000, nowMs: 1, producerEpoch, ...numbers });
  const buffer = new ArrayBuffer(into.length);
  Buffer.from(buffer).set(into.view());
  return { kind: 'append', partition, buffer, length: into.length };
}

function appendedOf(results: readonly WriteResult[]): Appended[] {
  return results.flatMap((answer) => (answer.kind === 'append' ? [answer.result] : []));
}

async function opened() {
  const folder = await tempFolder('store');
  const store = new Store({ path: join(folder.path, 'tributary.db'), nowMs: 1 });
  const [made] = store.commit([{ kind: 'create-topic', name: 't', id: 'id', partitions: 2, config: {} }]).results;
  if (made?.kind !== 'topic') throw new Error(JSON.stringify(made));
  const [first, second] = made.topic.partitions.map(({ no }) => no) as [number, number];
  const [given] = store.commit([{ kind: 'new-producer' }]).results;
  if (given?.kind !== 'number') throw new Error(JSON.stringify(given));
  return {
    store,
    first,
    second,
    producerId: given.value,
    send: (...writes: AppendWrite[]) => appendedOf(store.commit(writes).results),
    /** Records that the partition holds. */
    held: (partition: number) =>
      store
        .fetch({ kind: 'fetch', partition, offset: 0, limit: 1_000_000, maxBytes: 1_000_000 })
        .batches.map(({ base, last }) => [base, last]),
    async [Symbol.asyncDispose]() {
      store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test('a batch that is sent again is answered with its first place, and not stored twice', async () => {
  await using at = await opened();
  const { producerId, first } = at;
  const numbered = (count: number, baseSequence: number) => append(first, count, { producerId, baseSequence });
  deepEqual(at.send(numbered(3, 0), numbered(2, 3)), [
    { kind: 'stored', base: 0, last: 2 },
    { kind: 'stored', base: 3, last: 4 },
  ]);
  // The older of the two, the newer one, and both in one commit.
  deepEqual(at.send(numbered(3, 0)), [{ kind: 'stored', base: 0, last: 2 }]);
  deepEqual(at.send(numbered(2, 3)), [{ kind: 'stored', base: 3, last: 4 }]);
  deepEqual(at.send(numbered(1, 5), numbered(1, 5)), [
    { kind: 'stored', base: 5, last: 5 },
    { kind: 'stored', base: 5, last: 5 },
  ]);
  deepEqual(at.held(first), [
    [0, 2],
    [3, 4],
    [5, 5],
  ]);
  deepEqual(at.send(numbered(1, 6)), [{ kind: 'stored', base: 6, last: 6 }]);
});

test('the last five batches are known again; one before them, and one that leaves a gap, is turned away', async () => {
  await using at = await opened();
  const { producerId, first } = at;
  const numbered = (baseSequence: number) => append(first, 1, { producerId, baseSequence });
  for (let n = 0; n < 7; n++) at.send(numbered(n));
  for (let n = 2; n < 7; n++) deepEqual(at.send(numbered(n)), [{ kind: 'stored', base: n, last: n }]);
  deepEqual(at.send(numbered(1), numbered(8)), [{ kind: 'out-of-order' }, { kind: 'out-of-order' }]);
  equal(at.held(first).length, 7);
});

test('the same numbers of another producer, in another partition or of no producer are another batch', async () => {
  await using at = await opened();
  const { producerId, first, second } = at;
  const one = { producerId, baseSequence: 0 };
  const none = { producerId: -1, producerEpoch: -1, baseSequence: -1 };
  deepEqual(
    at
      .send(
        append(first, 1, one),
        append(second, 1, one),
        append(first, 1, { ...one, producerId: producerId + 1 }),
        append(first, 1, none),
        append(first, 1, none),
      )
      .map((answer) => (answer.kind === 'stored' ? answer.base : answer.kind)),
    [0, 0, 1, 2, 3],
  );
  equal(at.held(second).length, 1);
});

test('a newer epoch begins at 0 again, and an older one is fenced', async () => {
  await using at = await opened();
  const { producerId, first } = at;
  const numbered = (producerEpoch: number, baseSequence: number) =>
    append(first, 1, { producerId, producerEpoch, baseSequence });
  at.send(numbered(0, 0), numbered(0, 1));
  deepEqual(at.send(numbered(1, 0), numbered(1, 0)), [
    { kind: 'stored', base: 2, last: 2 },
    { kind: 'stored', base: 2, last: 2 },
  ]);
  const [fenced] = at.send(numbered(0, 2));
  equal(fenced?.kind === 'failed' && fenced.failure.code, 'PRODUCER_FENCED');
  equal(at.held(first).length, 3);
});

test('an open that fails when it aborts what a crash left open keeps no file open', {
  skip: openFilesMissing(),
}, async () => {
  await using folder = await tempFolder('store');
  const path = join(folder.path, 'tributary.db');
  new Store({ path, nowMs: 1 }).close();
  const db = new DatabaseSync(path);
  db.exec('INSERT INTO transactions (producer, epoch, aborted) VALUES (1, 0, 0)');
  db.exec("CREATE TRIGGER broken BEFORE DELETE ON transactions BEGIN SELECT RAISE(FAIL, 'broken'); END");
  db.exec("CREATE TRIGGER broken_too BEFORE UPDATE ON transactions BEGIN SELECT RAISE(FAIL, 'broken'); END");
  db.close();
  throws(() => new Store({ path, nowMs: 1 }), /broken/);
  deepEqual(openFiles(folder.path), []);
});

function openFilesMissing(): string | false {
  return process.platform === 'linux' ? false : 'The open files of a process are asked of Linux';
}

function openFiles(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return []; // the one that listed them
    }
  });
}
