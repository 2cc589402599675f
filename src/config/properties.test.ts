import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseProperties } from './properties.ts';

const cases: readonly (readonly [
  name: string,
  text: string,
  entries: readonly (readonly [string, string, number])[],
])[] = [
  ['an equals sign separates', 'a=b', [['a', 'b', 1]]],
  ['a colon separates', 'a:b', [['a', 'b', 1]]],
  ['blanks separate', 'a \t b c', [['a', 'b c', 1]]],
  ['blanks around the separator do not count', '  a  =  b  ', [['a', 'b  ', 1]]],
  ['only the first separator separates', 'url=ws://h:1/?a=b', [['url', 'ws://h:1/?a=b', 1]]],
  ['a second separator belongs to the value', 'a==b', [['a', '=b', 1]]],
  ['a separator in the key can be escaped', 'a\\:b\\=c\\ d=e', [['a:b=c d', 'e', 1]]],
  ['comments and empty lines are skipped', '# x=y\n\n ! z\na=1', [['a', '1', 4]]],
  ['a comment is not continued', '# x \\\na=1', [['a', '1', 2]]],
  [
    'a backslash at the end continues, blanks before the rest vanish',
    'a=1,\\\n   2,\\\n\t3\nb=4',
    [
      ['a', '1,2,3', 1],
      ['b', '4', 4],
    ],
  ],
  [
    'two backslashes at the end are one and continue nothing',
    'a=1\\\\\nb=2',
    [
      ['a', '1\\', 1],
      ['b', '2', 2],
    ],
  ],
  ['a continuation at the end of the file is the end', 'a=1\\', [['a', '1', 1]]],
  ['a continued line may look like a comment', 'a=1\\\n#2', [['a', '1#2', 1]]],
  ['escapes', 'a=\\t\\n\\r\\f\\\\\\z\\"', [['a', '\t\n\r\f\\z"', 1]]],
  ['unicode escapes', 'a=\\u00e9\\uD83D\\uDE00', [['a', 'é😀', 1]]],
  ['text beyond ASCII stays', 'a=é😀', [['a', 'é😀', 1]]],
  [
    'a key alone has an empty value',
    'a\nb=\nc:',
    [
      ['a', '', 1],
      ['b', '', 2],
      ['c', '', 3],
    ],
  ],
  ['an empty key is kept', '=b', [['', 'b', 1]]],
  [
    'every kind of line end',
    'a=1\r\nb=2\rc=3\n',
    [
      ['a', '1', 1],
      ['b', '2', 2],
      ['c', '3', 3],
    ],
  ],
  ['a byte order mark is not part of the key', '\uFEFFa=1', [['a', '1', 1]]],
  [
    'a key may occur twice',
    'a=1\na=2',
    [
      ['a', '1', 1],
      ['a', '2', 2],
    ],
  ],
];

for (const [name, text, entries] of cases) {
  test(`properties: ${name}`, () => {
    deepEqual(parseProperties(text), {
      ok: true,
      properties: entries.map(([key, value, line]) => ({ key, value, line })),
    });
  });
}

for (const text of ['a=\\u12', 'a=1\nb\\u00zz=2', 'a=\\u']) {
  test(`properties: ${JSON.stringify(text)} names the line of the malformed escape`, () => {
    deepEqual(parseProperties(text), {
      ok: false,
      line: text.includes('\n') ? 2 : 1,
      problem: 'Malformed \\u escape: four hexadecimal digits are wanted',
    });
  });
}

test('properties: what is escaped as Java stores it reads back the same', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }))), (entries) => {
      const text = entries.map(([key, value]) => `${stored(key, true)}=${stored(value, false)}`).join('\n');
      deepEqual(parseProperties(text), {
        ok: true,
        properties: entries.map(([key, value], i) => ({ key, value, line: i + 1 })),
      });
    }),
  );
});

function stored(text: string, isKey: boolean): string {
  return [...text]
    .map((char, i) => {
      if (char === ' ') return isKey || i === 0 ? '\\ ' : ' ';
      if (/[\\=:#!]/.test(char)) return `\\${char}`;
      if (/[ -~]/.test(char)) return char;
      return Array.from(
        { length: char.length },
        (_, j) => `\\u${char.charCodeAt(j).toString(16).padStart(4, '0')}`,
      ).join('');
    })
    .join('');
}
