import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { isError } from '../../base/errors.ts';
import { ByteReader } from './byte-reader.ts';

const reader = (hex: string): ByteReader => new ByteReader(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'Test');
const isProtocolError = (error: unknown): boolean => isError(error, 'PROTOCOL_ERROR');

test('numbers are read in network order', () => {
  const bytes = reader('ff fffe 00010000 0000000100000002 ffffffffffffffff 8001');
  deepEqual(
    [bytes.int8(), bytes.int16(), bytes.int32(), bytes.int64(), bytes.int64(), bytes.unsignedVarint(), bytes.remaining],
    [-1, -2, 65_536, 4_294_967_298, -1, 128, 0],
  );
});

test('texts, bytes and ids are read', () => {
  const bytes = reader('03 6869 00 01 03 0102 00112233445566778899aabbccddeeff');
  equal(bytes.compactString(), 'hi');
  equal(bytes.compactNullableString(), null);
  equal(bytes.compactString(), '');
  deepEqual([...bytes.compactBytes()!], [1, 2]);
  equal(bytes.uuid(), '00112233-4455-6677-8899-aabbccddeeff');
});

test('tagged fields that are not known are passed over', () => {
  const bytes = reader('02 00 01 2a 07 02 ffff 05');
  const seen: number[] = [];
  bytes.taggedFields((tag, field) => {
    if (tag === 0) seen.push(field.int8());
  });
  deepEqual([seen, bytes.int8()], [[42], 5]);
});

for (const [name, hex, read] of [
  ['a number that is cut', '0001', (bytes: ByteReader) => bytes.int32()],
  ['a text longer than what is there', '0a61', (bytes: ByteReader) => bytes.compactString()],
  ['a length that never ends', 'ffffffffffff', (bytes: ByteReader) => bytes.unsignedVarint()],
  ['an array of more than can be there', 'ffffffff0f00', (bytes: ByteReader) => bytes.compactArray(1, () => 0)],
  ['a tagged field that passes the end', '01 00 7f 00', (bytes: ByteReader) => bytes.taggedFields()],
] as const) {
  test(`${name} is a typed error`, () => throws(() => read(reader(hex)), isProtocolError));
}
