import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { INT32, STRING } from '../record/schema.ts';
import { stringConverter } from './string.ts';

const text = 'aé€🌍';
const encodings: readonly (readonly [string, string])[] = [
  ['UTF-8', '61c3a9e282acf09f8c8d'],
  ['utf8', '61c3a9e282acf09f8c8d'],
  ['US-ASCII', '613f3f3f'],
  ['ISO-8859-1', '61e93f3f'],
  ['UTF-16', 'feff006100e920acd83cdf0d'],
  ['UTF-16BE', '006100e920acd83cdf0d'],
  ['UTF-16LE', '6100e900ac203cd80ddf'],
];

for (const [encoding, hex] of encodings) {
  test(`converter.encoding=${encoding} gives ${hex}, for a string and for its UTF-8`, () => {
    const converter = stringConverter({ 'converter.encoding': encoding });
    equal(Buffer.from(converter.toBytes('t', STRING, text)!).toString('hex'), hex);
    equal(Buffer.from(converter.toBytes('t', STRING, Buffer.from(text))!).toString('hex'), hex);
    equal(converter.toBytes('t', STRING, null), null);
  });
}

test('an encoding that there is not is refused by its name', () => {
  throws(() => stringConverter({ 'converter.encoding': 'EBCDIC' }), {
    code: 'CONFIG_INVALID',
    message: /^Invalid value EBCDIC for configuration converter\.encoding: must be one of utf-8/,
  });
});

test('values that are no texts get their text form; what has none is an error', () => {
  const converter = stringConverter({});
  const shown = (value: unknown, schema = null as typeof INT32 | null): string =>
    Buffer.from(converter.toBytes('t', schema, value)!).toString();
  equal(shown(42, INT32), '42');
  equal(shown([1, 'x', null]), '[1, x, null]');
  equal(shown(new Map([['a', 1.5]])), '{a=1.5}');
  equal(shown(true), 'true');
  throws(() => shown(() => {}), { code: 'CONVERSION_FAILED', message: /topic "t" as text/ });
});
