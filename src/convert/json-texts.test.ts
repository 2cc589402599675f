import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../test/support/random.ts';
import { ColumnWriter } from '../record/column-writer.ts';
import { OPTIONAL_STRING, type Schema, STRING } from '../record/schema.ts';
import type { Converter } from './converter.ts';
import { jsonConverter } from './json.ts';
import { JsonTexts } from './json-texts.ts';

const schema: Schema = {
  type: 'struct',
  optional: false,
  fields: [
    { name: 'na"me', schema: STRING },
    { name: 'id', schema: OPTIONAL_STRING },
    { name: 'data', schema: STRING },
  ],
};
const texts = new JsonTexts(() => '', '');
const shown = (bytes: Uint8Array | null | undefined): string | undefined =>
  bytes ? Buffer.from(bytes).toString('utf8') : undefined;

/** The values of a column that the value was appended to; none where it was left to others. */
function appended(converter: Converter, value: unknown): readonly (string | undefined)[] {
  const writer = new ColumnWriter();
  const isWritten = converter.append!(schema, value, writer);
  const column = writer.take();
  equal(column.length, isWritten ? 1 : 0);
  return Array.from({ length: column.length }, (_, index) => shown(column.value(index)));
}

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', '\u0000\u001f"\\/\b\f\n\r\t\u007f', '🌍\ud7ff'),
);

for (const envelope of ['true', 'false']) {
  test(`texts as bytes are written as texts as strings are, schemas.enable=${envelope}`, () => {
    const converter = jsonConverter({ 'schemas.enable': envelope });
    fc.assert(
      fc.property(text, fc.option(text), text, (name, id, data) => {
        // Lone surrogates have no UTF-8.
        const [a, b, c] = [name.toWellFormed(), id?.toWellFormed() ?? null, data.toWellFormed()];
        const asBytes = { 'na"me': Buffer.from(a), id: b === null ? null : Buffer.from(b), data: Buffer.from(c) };
        const strings = { 'na"me': a, id: b, data: c };
        equal(shown(converter.toBytes('t', schema, asBytes)), shown(converter.toBytes('t', schema, strings)));
        equal(appended(converter, asBytes).join(), shown(converter.toBytes('t', schema, strings)));
      }),
      { numRuns: fuzzRuns(500) },
    );
  });
}

test('what they do not write is left to others', () => {
  const bytes = Buffer.from('x');
  const whole = { 'na"me': bytes, id: null, data: bytes };
  equal(shown(texts.write(schema, whole)), '{"na\\"me":"x","id":null,"data":"x"}');
  equal(texts.write(schema, { ...whole, data: 'a string' }), undefined);
  equal(texts.write(schema, { ...whole, data: null }), undefined);
  equal(texts.write(schema, { ...whole, data: Buffer.from([0x61, 0xff]) }), undefined);
  equal(texts.write(schema, { ...whole, data: Buffer.alloc(100_000) }), undefined);
  equal(
    texts.write({ ...schema, fields: [{ name: 'n', schema: { type: 'int8', optional: false } }] }, { n: 1 }),
    undefined,
  );
  equal(texts.write(STRING, whole), undefined);
});

test('a column takes what is written in its place, and nothing of what is left to others', () => {
  const converter = jsonConverter({ 'schemas.enable': 'false' });
  const writer = new ColumnWriter();
  const bytes = (value: string) => ({ 'na"me': Buffer.from(value), id: null, data: Buffer.from(value.repeat(50)) });
  const values = [bytes('a'), { ...bytes('b'), data: 'a string' }, { ...bytes('c'), data: null }, bytes('"d"')];
  deepEqual(
    values.map((value) => converter.append!(schema, value, writer)),
    [true, false, false, true],
  );
  equal(converter.append!(schema, { ...bytes('e'), data: Buffer.from([0x61, 0xff]) }, writer), false);
  equal(converter.append!(STRING, Buffer.from('f'), writer), false);
  const column = writer.take();
  deepEqual(
    [0, 1].map((index) => shown(column.value(index))),
    [bytes('a'), bytes('"d"')].map((value) => shown(converter.toBytes('t', schema, value))),
  );
  deepEqual([column.length, column.longest], [2, column.value(1).length]);
});

test('what was written stays when more is', () => {
  const written = Array.from({ length: 5000 }, (_, n) => {
    const bytes = Buffer.from(`value ${n} "é🌍"`);
    return texts.write(schema, { 'na"me': bytes, id: bytes, data: bytes })!;
  });
  for (const [n, bytes] of written.entries()) equal(JSON.parse(shown(bytes)!).data, `value ${n} "é🌍"`);
});
