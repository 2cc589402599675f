import { deepEqual, equal, ok } from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { codecs } from '../app/codecs.ts';
import { BatchBuffer } from './batch-buffer.ts';
import { compressionNames } from './codecs.ts';
import { ColumnWriter } from './column-writer.ts';
import { encodeBatch } from './encode.ts';
import { asList, type ValueColumn } from './value-column.ts';

const values = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 60 });
const gaps = fc.array(fc.uint8Array({ minLength: 1, maxLength: 4 }), { minLength: 61, maxLength: 61 });

function columnOf(given: readonly Uint8Array[]): ValueColumn {
  const writer = new ColumnWriter();
  for (const value of given) writer.append(value);
  return writer.take();
}

/** The values with other bytes between them, as they stand in a chunk. */
function chunkOf(given: readonly Uint8Array[], between: readonly Uint8Array[]) {
  const parts: Uint8Array[] = [];
  const spans = new Int32Array(given.length * 2);
  let at = 0;
  given.forEach((value, index) => {
    parts.push(between[index]!, value);
    at += between[index]!.length;
    spans[index * 2] = at;
    at += value.length;
    spans[index * 2 + 1] = at;
  });
  return { chunk: Buffer.concat(parts), spans };
}

const shown = (column: ValueColumn): string[] => [...column].map(({ value }) => Buffer.from(value!).toString('hex'));
const hex = (given: readonly Uint8Array[]): string[] => given.map((value) => Buffer.from(value).toString('hex'));

test('a column encodes to the same batches as its records, wherever the bound cuts', () => {
  fc.assert(
    fc.property(
      values,
      fc.integer({ min: 400, max: 5000 }),
      fc.constantFrom(...compressionNames),
      (given, maxBytes, compression) => {
        const column = columnOf(given);
        const options = { codecs, maxBytes, nowMs: 1_700_000_000_000, compression, producerId: 7, producerEpoch: 1 };
        for (let from = 0; from < column.length; ) {
          const [one, other] = [new BatchBuffer(16), new BatchBuffer(16)];
          const encoded = encodeBatch(column, from, one, { ...options, baseSequence: from });
          const { count } = encodeBatch(asList(column), from, other, { ...options, baseSequence: from });
          equal(encoded.count, count);
          deepEqual(one.view(), other.view());
          from += count;
        }
      },
    ),
  );
});

test('a value that fits into no batch is refused by its size', () => {
  const column = columnOf([new Uint8Array(10), new Uint8Array(500)]);
  const options = { codecs, maxBytes: 400, nowMs: 0 };
  equal(encodeBatch(column, 0, new BatchBuffer(), options).count, 1);
  let message = '';
  try {
    encodeBatch(column, 1, new BatchBuffer(), options);
  } catch (error) {
    ({ message } = error as Error);
  }
  ok(/Cannot store a record of \d+ bytes in a batch: must be at most 400/.test(message), message);
});

test('texts of a chunk are appended as if each came alone, or none where one is not UTF-8', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }).map((string) => Buffer.from(string)),
    fc.uint8Array({ maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 60 }), gaps, (given, between) => {
      const { chunk, spans } = chunkOf(given, between);
      const writer = new ColumnWriter();
      writer.append(Buffer.from('before'));
      const isText = given.every((value) => isUtf8(value));
      equal(writer.appendTexts(chunk, spans, given.length), isText);
      writer.append(Buffer.from('behind'));
      const all = [Buffer.from('before'), ...(isText ? given : []), Buffer.from('behind')];
      equal(writer.length, all.length);
      equal(
        writer.valueBytes,
        all.reduce((sum, { length }) => sum + length, 0),
      );
      const column = writer.take();
      equal(column.valueBytes, Buffer.concat(all).length);
      equal(column.longest, Math.max(...all.map(({ length }) => length)));
      deepEqual(shown(column), hex(all));
    }),
  );
});

test('a character cannot reach from one text into the next', () => {
  const letter = Buffer.from('é');
  const { chunk, spans } = chunkOf([letter.subarray(0, 1), letter.subarray(1)], [Buffer.alloc(2), Buffer.alloc(2)]);
  const writer = new ColumnWriter();
  equal(writer.appendTexts(chunk, spans, 2), false);
  equal(writer.length, 0);
});

test('a part of a column is a column', () => {
  const given = ['a', 'bc', '', 'def'].map((value) => Buffer.from(value));
  const column = columnOf(given);
  deepEqual(shown(column.slice(1)), hex(given.slice(1)));
  deepEqual(shown(column.slice(1, 3)), hex(given.slice(1, 3)));
  deepEqual(shown(column.slice(4)), []);
  equal(column.slice(1, 3).valueBytes, 2);
});

test('memory that is given back is used again; what a burst has left is not kept', () => {
  const writer = new ColumnWriter();
  writer.append(new Uint8Array(1000));
  const first = writer.take();
  writer.giveBack(first);
  writer.take();
  writer.append(Uint8Array.of(1, 2, 3));
  const second = writer.take();
  equal(second.bytes.buffer, first.bytes.buffer);
  deepEqual(shown(second), ['010203']);

  writer.append(new Uint8Array(1_000_000));
  const burst = writer.take();
  writer.giveBack(burst);
  writer.take();
  writer.append(Uint8Array.of(4));
  const small = writer.take();
  equal(small.bytes.buffer, burst.bytes.buffer);
  writer.giveBack(small);
  writer.take();
  writer.append(Uint8Array.of(5));
  ok(writer.take().bytes.length < 100_000);
});
