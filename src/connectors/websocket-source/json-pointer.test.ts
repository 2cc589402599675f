import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePointer, readPointer } from './json-pointer.ts';

function read(json: string, pointer: string): string | null {
  const found = readPointer(Buffer.from(json), parsePointer(pointer));
  return found === null ? null : Buffer.from(found).toString('utf8');
}

for (const [json, pointer, key] of [
  ['{"s":"BTC"}', '/s', 'BTC'],
  [' { "a" : 1 , "s" : "BTC" } ', '/s', 'BTC'],
  ['{"data":{"x":[1,{"s":"é"}]}}', '/data/x/1/s', 'é'],
  ['{"n":12.50}', '/n', '12.50'],
  ['{"b":true}', '/b', 'true'],
  ['{"o":{"a": 1}}', '/o', '{"a": 1}'],
  ['{"o":[1, 2]}', '/o', '[1, 2]'],
  ['{"s":null}', '/s', null],
  ['{"s":"null"}', '/s', 'null'],
  ['{"s":""}', '/s', ''],
  ['{"s":"a\\"b\\u0041"}', '/s', 'a"bA'],
  ['{"a/b":1,"c~d":2}', '/a~1b', '1'],
  ['{"a/b":1,"c~d":2}', '/c~0d', '2'],
  ['{"\\u0073":"x"}', '/s', 'x'],
  ['{"":"empty"}', '/', 'empty'],
  ['"whole"', '', 'whole'],
  ['{"x":"}\\"{","s":1}', '/s', '1'],
  ['{"a":{"s":1},"s":2}', '/s', '2'],
  ['{"ss":1}', '/s', null],
  ['{"t":1}', '/s', null],
  ['[1,2]', '/2', null],
  ['[]', '/0', null],
  ['[1,2]', '/01', null],
  ['{"a":1}', '/a/b', null],
  ['not json', '/s', null],
  ['{"s"', '/s', null],
  ['{"s":', '/s', null],
  ['{"s":"open', '/s', null],
  ['{"a":[1,', '/s', null],
  ['', '/s', null],
] as const) {
  test(`${pointer || 'the whole'} of ${json || 'nothing'} is ${key}`, () => equal(read(json, pointer), key));
}

test('finds what JSON.parse finds', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (object, name) => {
      const pointer = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      const value = Object.hasOwn(object, name) ? object[name] : null;
      const parsed = (JSON.parse(JSON.stringify(object)) as Record<string, unknown>)[name] ?? null;
      const wanted = value === null ? null : typeof parsed === 'string' ? parsed : JSON.stringify(parsed);
      equal(
        read(JSON.stringify(object, null, 1), pointer)?.replace(/\s/g, '') ?? null,
        wanted?.replace(/\s/g, '') ?? null,
      );
    }),
  );
});

test('ends on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      readPointer(bytes, parsePointer('/a/0'));
    }),
  );
});
