import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { compressionNames } from '../record/codecs.ts';
import { crc32c } from '../record/crc32c.ts';
import { codecs } from './codecs.ts';

const text = Buffer.from('{"symbol":"BTC-USD","price":"64000.10","size":"0.25"}'.repeat(3000));
const bomb = Buffer.alloc(20_000_000);

test('the native checksum is that of the JavaScript one, and of the standard', () => {
  equal(codecs.crc32c(Buffer.from('123456789')), 0xe3069283);
  equal(codecs.crc32c(text), crc32c(text));
});

for (const name of compressionNames) {
  test(`${name} gives back what it was given`, () => {
    for (const bytes of [text, Buffer.alloc(0), Buffer.from('x'), text.subarray(1, 70_000)]) {
      deepEqual(Buffer.from(codecs.decompress(name, codecs.compress(name, bytes), 1e8)), Buffer.from(bytes));
    }
  });
}

for (const name of compressionNames.filter((known) => known !== 'none')) {
  test(`${name} refuses to become larger than its bound`, () => {
    const compressed = codecs.compress(name, bomb);
    throws(() => codecs.decompress(name, compressed, 1_000_000));
  });

  test(`${name} that is cut off throws`, () => {
    const compressed = codecs.compress(name, text);
    throws(() => codecs.decompress(name, compressed.subarray(0, compressed.length >> 1), 1e8));
  });
}
