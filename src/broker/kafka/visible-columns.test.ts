import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import { BatchBuffer } from '../../record/batch-buffer.ts';
import type { Codecs } from '../../record/codecs.ts';
import { encodeControlBatch } from '../../record/control.ts';
import { encodeBatch } from '../../record/encode.ts';
import type { ConsumedRecord } from '../../record/record.ts';
import type { RecordColumn } from '../../record/record-column.ts';
import type { DamagedRange } from '../broker.ts';
import { nextOffsetOf, visibleColumns } from './visible-columns.ts';

const codecs: Codecs = {
  crc32c: (bytes) => crc32c(bytes) >>> 0,
  compress: (_, bytes) => bytes,
  decompress: (_, bytes) => bytes,
};

/** A log as words: `x` a plain record, `1a` a record of producer 1's transaction, `1!` its abort, `1+` its commit. */
function log(words: string, baseOffset = 0): Buffer {
  const into = new BatchBuffer();
  words.split(' ').forEach((word, index) => {
    const producer = Number.parseInt(word, 10);
    const numbers = { producerId: producer, producerEpoch: 0, baseOffset: baseOffset + index, nowMs: 0, codecs };
    if (word.endsWith('!')) encodeControlBatch(into, { ...numbers, type: 'abort' });
    else if (word.endsWith('+')) encodeControlBatch(into, { ...numbers, type: 'commit' });
    else {
      const record = { key: null, value: Buffer.from(word), headers: [], timestampMs: null };
      const isTransactional = !Number.isNaN(producer);
      const options = { ...numbers, producerId: isTransactional ? producer : -1, isTransactional, maxBytes: 1000 };
      encodeBatch([record], 0, into, { ...options, baseSequence: index });
    }
  });
  return into.view();
}

const recordsOf = (columns: readonly RecordColumn[]): ConsumedRecord[] => columns.flatMap((column) => [...column]);

/** The aborted list as `producer:first offset`, in any order. */
const cases: readonly (readonly [name: string, log: string, aborted: string, visible: string])[] = [
  ['without transactions everything is there', 'x y z', '', 'x y z'],
  ['a committed transaction is there, its marker is not', 'x 1a 1b 1+ y', '', 'x 1a 1b y'],
  ['an aborted one is not', 'x 1a 1b 1! y', '1:1', 'x y'],
  ['a producer may abort twice', '1a 1! 1b 1! 1c 1+', '1:2 1:0', '1c'],
  ['a producer may abort, commit and abort', '1a 1! 1b 1+ 1c 1!', '1:0 1:4', '1b'],
  ['the marker may come in a later answer', 'x 1a 1b', '1:1', 'x'],
  ['the transaction may have begun in an earlier answer', '1b 1! 1c 1+', '1:-5', '1c'],
  ['transactions of several producers may be mixed', '1a 2a x 1! 2b 2+ 1b 1+', '1:0', '2a x 2b 1b'],
  ['an idempotent record of that producer that is in no transaction is there', '1a 1! x', '1:0', 'x'],
];

for (const [name, words, aborted, visible] of cases) {
  test(`read-committed: ${name}`, () => {
    const list = aborted === '' ? [] : aborted.split(' ').map((entry) => entry.split(':').map(Number));
    const transactions = list.map(([producerId = 0, firstOffset = 0]) => ({ producerId, firstOffset }));
    const columns = visibleColumns({ records: log(words), aborted: transactions }, 0, 'read-committed', codecs);
    equal(
      recordsOf(columns)
        .map((record) => record.value?.toString())
        .join(' '),
      visible,
    );
  });
}

test('read-uncommitted sees what was aborted, and no markers', () => {
  const columns = visibleColumns({ records: log('1a 1! x'), aborted: [] }, 0, 'read-uncommitted', codecs);
  deepEqual(
    recordsOf(columns).map((record) => record.offset),
    [0, 2],
  );
});

test('what lies below the offset asked for is skipped', () => {
  const columns = visibleColumns({ records: log('a b c', 10), aborted: [] }, 11, 'read-committed', codecs);
  deepEqual(
    recordsOf(columns).map((record) => record.offset),
    [11, 12],
  );
});

test('a batch that cannot be read is an error, or passed over and named where that is asked for', () => {
  const bytes = log('a b c', 10);
  bytes[bytes.length / 3 + 65]! ^= 1; // within the second of three batches of one length
  const read = (damaged?: DamagedRange[]) =>
    recordsOf(visibleColumns({ records: bytes, aborted: [] }, 10, 'read-committed', codecs, damaged));
  throws(() => read(), { code: 'BATCH_CORRUPT' });
  const damaged: DamagedRange[] = [];
  equal(
    read(damaged)
      .map(({ value }) => value)
      .join(),
    'a,c',
  );
  deepEqual(
    damaged.map(({ from, to }) => [from, to]),
    [[11, 12]],
  );
});

test('the next offset is behind the last whole batch, whatever of it is visible', () => {
  const bytes = log('x 1a 1!', 10);
  equal(nextOffsetOf(bytes, 10), 13);
  equal(nextOffsetOf(bytes.subarray(0, bytes.length - 1), 10), 12);
  equal(nextOffsetOf(Buffer.alloc(0), 10), 10);
  // A first batch that is cut is no batch.
  equal(nextOffsetOf(bytes.subarray(0, 30), 10), 10);
});
