import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { messagesOf } from './backfill-answer.ts';
import { backfillUrl, backfillUrlProblem } from './backfill-url.ts';
import { parsePointer } from './json-pointer.ts';

const json = { 'content-type': 'application/json' };
const lines = { 'content-type': 'application/x-ndjson' };
const cases: readonly (readonly [
  body: string,
  headers: Record<string, string>,
  pointer: string | null,
  found: string[] | string,
])[] = [
  ['[{"s":1}, {"s" : 2},[3], 4 ,null]', json, null, ['{"s":1}', '{"s" : 2}', '[3]', '4', 'null']],
  [' [ ] ', json, null, []],
  ['["{\\"s\\":1}","\\u00e4"]', {}, null, ['{"s":1}', 'ä']],
  ['{"a":{"b":[1,2]}}', json, '/a/b', ['1', '2']],
  ['{"a":1}', json, '/a', '"/a" of it is no array'],
  ['{"a":[1]}', json, '/b', '"/b" of it is no array'],
  ['{"a":[1]}', json, null, 'it is no array'],
  ['[1,2', json, null, 'it is not JSON'],
  ['', json, null, 'it is not JSON'],
  ['1\n\n2\r\n  \n3', lines, null, ['1', '2', '3']],
  ['', lines, null, []],
  ['{"s":1}\n', { 'content-type': 'application/jsonl; charset=utf-8' }, null, ['{"s":1}']],
  ['{"a":["x"]}', lines, '/a', ['x']],
  ['[1]', { 'content-encoding': 'gzip' }, null, 'it is compressed ("gzip"), which was not asked for'],
];

for (const [body, headers, pointer, found] of cases) {
  test(`an answer ${JSON.stringify(body)} ${JSON.stringify(headers)} ${pointer ?? ''}`, () => {
    const read = messagesOf({ body: Buffer.from(body), headers }, pointer === null ? null : parsePointer(pointer));
    deepEqual(
      read.kind === 'unusable' ? read.problem : read.messages.map((bytes) => Buffer.from(bytes).toString()),
      found,
    );
  });
}

test('an answer that is no UTF-8 cannot be used', () => {
  deepEqual(messagesOf({ body: Buffer.from([0x5b, 0xff, 0x5d]), headers: {} }, null), {
    kind: 'unusable',
    problem: 'it is not UTF-8',
  });
});

const templates: readonly (readonly [string, string | undefined])[] = [
  ['https://x.example/m?from={from}&to={to}', undefined],
  ['https://x.example/{channel}/{from}-{to}', undefined],
  ['http://[::1]:80/{from}/{to}?q=%7B', undefined],
  ['', undefined],
  ['https://x.example/m?from={from}', 'Must hold "{to}", a place for the to of what is asked for'],
  ['https://x.example/m', 'Must hold "{from}", a place for the from of what is asked for'],
  ['https://x.example/{form}/{to}', '"{form}" is none of {from}, {to}, {channel}. Did you mean "{from}"?'],
  ['wss://x.example/{from}/{to}', 'Must be an http:// or https:// URL'],
  ['x.example/{from}/{to}', 'Must be an http:// or https:// URL'],
  ['https://{channel}.example/{from}/{to}', 'Must name the host itself: places are for path and query'],
];

for (const [template, problem] of templates) {
  test(`address "${template}"`, () => deepEqual(backfillUrlProblem(template), problem));
}

test('numbers and the channel stand at their places, escaped', () => {
  const range = { channel: 'a/b &{to}', from: 5, to: 9 };
  deepEqual(
    backfillUrl('http://x/{channel}?f={from}&t={to}&c={channel}', range),
    'http://x/a%2Fb%20%26%7Bto%7D?f=5&t=9&c=a%2Fb%20%26%7Bto%7D',
  );
});
