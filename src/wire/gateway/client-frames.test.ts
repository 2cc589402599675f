import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readBinaryFrames } from './binary-frames.ts';
import { readClientFrames } from './client-frames.ts';
import type { ClientFrame } from './frames.ts';
import { decodePosition } from './position.ts';
import { readV2Binary, readV2Text } from './v2.ts';

const limits = { topics: 64, window: 10_000 };
const runs = process.env['TEST_LONG'] === '1' ? 200_000 : 2000;

const fatal: readonly (readonly [what: string, text: string])[] = [
  ['no JSON', '{'],
  ['an empty line', ''],
  ['a list', '[]'],
  ['no type', '{"id":1}'],
  ['a type that is no text', '{"type":1}'],
  ['an unknown type', '{"type":"subscribe","id":1}'],
  ["a frame that is the server's", '{"type":"welcome"}'],
  ['a publish without an id', '{"type":"pub","topic":"t","value":"v"}'],
  ['an id of 0', '{"type":"sub","id":0,"topics":["t"]}'],
  ['an id that is too large', '{"type":"end","id":4294967296}'],
  ['an id with a fraction', '{"type":"end","id":1.5}'],
  ['single quotes', "{'type':'ping'}"],
  ['65 levels', `{"type":"pub","id":1,"topic":"t","value":${'['.repeat(64)}${']'.repeat(64)}}`],
];

for (const [what, text] of fatal) {
  test(`${what} ends the connection`, () => {
    const frames = readClientFrames(`${text}\n{"type":"ping"}`, limits);
    equal(frames[0]?.type, 'fatal');
    equal(frames.length, 1);
  });
}

const refused: readonly (readonly [frame: string, member: string])[] = [
  ['{"type":"sub","id":3}', 'topics'],
  ['{"type":"sub","id":3,"topics":["t"],"pattern":"t*"}', 'topics'],
  ['{"type":"sub","id":3,"topics":[]}', 'topics'],
  ['{"type":"sub","id":3,"topics":["a/b"]}', 'topics'],
  ['{"type":"sub","id":3,"topics":["t"],"from":"yesterday"}', 'from'],
  ['{"type":"sub","id":3,"topics":["t"],"from":{"offsets":{"t":{"0":-1}}}}', 'from.offsets'],
  ['{"type":"sub","id":3,"topics":["t"],"ifLost":"never"}', 'ifLost'],
  ['{"type":"sub","id":3,"topics":["t"],"format":"xml"}', 'format'],
  ['{"type":"sub","id":3,"topics":["t"],"window":0}', 'window'],
  ['{"type":"sub","id":3,"topics":["t"],"window":10001}', 'window'],
  ['{"type":"sub","id":3,"topics":["t"],"slow":"later"}', 'slow'],
  ['{"type":"sub","id":3,"topics":["t"],"group":"g","slow":"wait"}', 'slow'],
  ['{"type":"sub","id":3,"topics":["t"],"group":"a b"}', 'group'],
  ['{"type":"sub","id":3,"topics":["t"],"filter":{"key":[1]}}', 'filter.key'],
  ['{"type":"pub","id":3,"topic":"t"}', 'value'],
  ['{"type":"pub","id":3,"topic":"t","value":"a","value_base64":"YQ=="}', 'value'],
  ['{"type":"pub","id":3,"topic":"..","value":"a"}', 'topic'],
  ['{"type":"pub","id":3,"topic":"t","value_base64":"YQ"}', 'value_base64'],
  ['{"type":"pub","id":3,"topic":"t","value":"a","key":1}', 'key'],
  ['{"type":"pub","id":3,"topic":"t","value":"a","partition":-1}', 'partition'],
  ['{"type":"pub","id":3,"topic":"t","value":"a","mid":""}', 'mid'],
  ['{"type":"pub","id":3,"topic":"t","value":"a","headers":[{"name":"tributary-x","value":""}]}', 'tributary-'],
  ['{"type":"pub","id":3,"topic":"t","value":"a","headers":[{"name":"a\\nb","value":""}]}', 'header'],
  ['{"type":"pub","id":3,"topic":"t","value":"a","headers":[{"name":"a"}]}', 'header'],
  ['{"type":"ack","id":3}', 'seq'],
];

for (const [frame, member] of refused) {
  test(`${frame} is answered with an error that names ${member}`, () => {
    const [read] = readClientFrames(frame, limits);
    ok(read?.type === 'refused', JSON.stringify(read));
    equal(read.id, 3);
    equal(read.fault.code, 'bad_request');
    ok(read.fault.message.includes(member), read.fault.message);
  });
}

test('a value that is no text keeps its source, blanks and all; of members that stand twice the last wins', () => {
  const [frame] = readClientFrames(
    '{"type":"pub","id":1,"topic":"no","topic":"t","value": { "b":1.0, "1":[true] } }',
    limits,
  );
  ok(frame?.type === 'pub');
  equal(frame.publish.topic, 't');
  equal(Buffer.from(frame.publish.value!).toString(), '{ "b":1.0, "1":[true] }');
});

test('a lone surrogate becomes U+FFFD, and null a tombstone', () => {
  const [one, two] = readClientFrames(
    '{"type":"pub","id":1,"topic":"t","value":"\\ud800"}\n{"type":"pub","id":2,"topic":"t","value":null}',
    limits,
  );
  ok(one?.type === 'pub' && two?.type === 'pub');
  equal(Buffer.from(one.publish.value!).toString(), '\ufffd');
  equal(two.publish.value, null);
});

test('a filter has at most 100 values', () => {
  const values = (count: number): string => JSON.stringify(Array.from({ length: count }, (_, at) => `k${at}`));
  const read = (count: number): ClientFrame['type'] | undefined =>
    readClientFrames(`{"type":"sub","id":1,"topics":["t"],"filter":{"key":${values(count)}}}`, limits)[0]?.type;
  equal(read(100), 'sub');
  equal(read(101), 'refused');
});

test('no text and no bytes make a parser throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      readClientFrames(text, limits);
      readV2Text(text);
      decodePosition(text);
    }),
    { numRuns: runs },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      ok(readBinaryFrames(bytes, limits).length > 0);
      readV2Binary(bytes);
    }),
    { numRuns: runs },
  );
});

test('no damaged frame makes a parser throw, whatever JSON it is', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom('sub', 'pub', 'ack', 'end', 'auth'), (json, type) => {
      const frames = readClientFrames(
        `{"type":"${type}","id":1,"topics":${json},"value":${json},"from":${json},"filter":${json}}`,
        limits,
      );
      equal(frames.length, 1);
    }),
    { numRuns: runs },
  );
});

test('frames of a message are read in order, up to the first that ends the connection', () => {
  const frames = readClientFrames('{"type":"ping"}\n{"type":"end","id":1}\nx\n{"type":"ping"}', limits);
  deepEqual(
    frames.map(({ type }) => type),
    ['ping', 'end', 'fatal'],
  );
});
