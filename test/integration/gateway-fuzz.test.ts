/**
 * Everything that reads what clients send, with valid words that were broken at random places: nothing throws but what
 * stands in its contract, no input takes long, and memory does not grow. A million inputs with TEST_LONG=1.
 */
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { isHostAllowed, isOriginAllowed } from '../../src/gateway/auth/origin.ts';
import { tokenOf } from '../../src/gateway/auth/request-token.ts';
import { negotiate } from '../../src/gateway/http/accept.ts';
import { valueAtPointer } from '../../src/gateway/json-pointer.ts';
import { readBinaryFrames } from '../../src/wire/gateway/binary-frames.ts';
import { readClientFrames } from '../../src/wire/gateway/client-frames.ts';
import { gatewayCodes } from '../../src/wire/gateway/codes.ts';
import { matches } from '../../src/wire/gateway/filter.ts';
import type { ClientFrame } from '../../src/wire/gateway/frames.ts';
import { readJsonObject } from '../../src/wire/gateway/json-object.ts';
import { isTopicName } from '../../src/wire/gateway/names.ts';
import { isPattern, topicMatcher } from '../../src/wire/gateway/pattern.ts';
import { decodePosition, encodePosition } from '../../src/wire/gateway/position.ts';
import { MemberFault, readPublish } from '../../src/wire/gateway/publish-members.ts';
import { QueryFault, readStreamQuery } from '../../src/wire/gateway/stream-query.ts';
import { chooseV2Form, readV2Binary, readV2Query, readV2Text } from '../../src/wire/gateway/v2.ts';
import { fuzzRuns, seeded, testSeed } from '../support/random.ts';

const limits = { message: 1_048_576, topics: 64, window: 10_000 };
const random = seeded(testSeed);
const upTo = (bound: number): number => Math.floor(random() * bound);
const oneOf = <T>(list: readonly T[]): T => list[upTo(list.length)]!;

/** Pieces that break readers more often than random bytes do. */
const nasty = [
  '\0',
  '\r\n',
  '\n',
  '%',
  '%00',
  '%zz',
  '%c3%28',
  '"',
  '\\',
  '\\u',
  '\\ud800',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '=',
  '&',
  ';',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'true',
  '1e999',
  '-0',
  '9007199254740993',
  '.',
  '..',
  '*',
  '**',
  ' ',
  '\t',
  'ÿ',
  '€',
  '\ud800',
  '\ufeff',
  '\u2028',
  'tributary-',
  'bearer.',
  '[[[[[[[[',
  '{"a":',
  '0'.repeat(40),
  'x'.repeat(300),
];

const position = encodePosition(new Map([['orders', { tag: '0a0b0c0d', next: [1, null, 4_000_000_000] }]]));
const seeds = {
  frames: [
    '{"type":"auth","token":"eyJ.x.y"}',
    `{"type":"sub","id":1,"topics":["orders","a.b"],"from":{"pos":"${position}"},"ifLost":"fail","format":"json","window":500}`,
    '{"type":"sub","id":2,"pattern":"a*b*","from":{"offsets":{"orders":{"0":42}}},"filter":{"key":["k"],"keyPrefix":"p","headers":{"h":["v"]}},"slow":"drop"}',
    '{"type":"sub","id":3,"topics":["t"],"group":"g","from":{"timestamp":1700000000000}}',
    '{"type":"pub","id":7,"topic":"orders","key":"k1","value":{"n":2.50,"deep":[[[1]]]},"mid":"c5f1-7","headers":[{"name":"h","value":"v"}],"partition":0,"timestamp":1}',
    '{"type":"pub","id":8,"topic":"orders","key_base64":"AA==","value_base64":"/w=="}\n{"type":"ping"}\n{"type":"end","id":1}',
    '{"type":"ack","id":1,"seq":1,"window":10}',
  ],
  binary: [
    '02070174000000026b027600',
    '04010100',
    '0207017400000005616263646502026b0401016101020400010101610362',
    '0207017400000002ff7fffffffffffff0f',
  ],
  v2: [
    '{"topic":"my_topic","key":"my_key123","message":"my amazing message"}',
    '{"topic":"t","message":2.50,"x":[{}]}',
  ],
  v2Binary: ['086d795f746f7069636d7920617765736f6d65206d657373616765', '017400'],
  query: [
    'topic=a&topic=b&topics=c,d&from=earliest&key=k&keyPrefix=p&header.h=v&format=json&id=stream&envelope=none&slow=drop',
    `pattern=a*&from=${position}&ifLost=fail&since=2026-01-01T00:00:00Z&lastEventId=x`,
    'topics=a,b&group.id=g&access_token=x',
    'topic=t&lastEventId=[{"topic":"t","partition":0,"offset":43},{"topic":"t","timestamp":1}]',
  ],
  header: [
    'Bearer abcdefghijklmnop',
    'tributary.v1.json, bearer.abc, kafka-text',
    'text/event-stream;q=0.5, application/x-ndjson, */*;q=0.1',
    'https://app.example:8443',
    '[::1]:7080',
    'localhost:7080',
  ],
};

function broken(seed: string): string {
  let text = seed;
  for (let edits = upTo(4); edits >= 0; edits--) {
    const at = upTo(text.length + 1);
    switch (upTo(6)) {
      case 0:
        text = text.slice(0, at) + oneOf(nasty) + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(at + upTo(8));
        break;
      case 2:
        text = text.slice(0, at) + String.fromCharCode(upTo(256)) + text.slice(at + 1);
        break;
      case 3:
        text = text.slice(0, at) + text.slice(upTo(text.length), upTo(text.length)) + text.slice(at);
        break;
      case 4:
        text = text.slice(0, at) + oneOf(nasty).repeat(upTo(80)) + text.slice(at);
        break;
      default:
        text = text.slice(0, at);
    }
  }
  return text;
}

function brokenBytes(hex: string): Buffer {
  return Buffer.from(broken(Buffer.from(hex, 'hex').toString('latin1')), 'latin1');
}

function checkFrames(frames: readonly ClientFrame[]): void {
  for (const [at, frame] of frames.entries()) {
    if (frame.type === 'fatal') equal(at, frames.length - 1);
    if (frame.type === 'fatal' || frame.type === 'refused') ok(frame.fault.code in gatewayCodes);
    if (frame.type === 'pub') ok(isTopicName(frame.publish.topic));
    if (frame.type === 'sub') {
      const { topics, pattern, filter, window } = frame.request;
      ok((topics ?? []).every(isTopicName) && (topics === null) !== (pattern === null));
      ok(window === null || (window >= 1 && window <= limits.window));
      if (filter !== null) matches(filter, record);
      if (pattern !== null) topicMatcher(pattern)('a'.repeat(249));
    }
  }
}

const record = { offset: 0, timestampMs: 0, key: Buffer.from('k'), value: null, headers: [] };

/** Each reads one broken input; what it throws besides its contract fails the test. */
const readers: Readonly<Record<string, () => void>> = {
  'client frames in JSON': () => checkFrames(readClientFrames(broken(oneOf(seeds.frames)), limits)),
  'client frames in binary': () => checkFrames(readBinaryFrames(brokenBytes(oneOf(seeds.binary)), limits)),
  'v2 text': () => {
    const input = readV2Text(broken(oneOf(seeds.v2)));
    if (input.kind === 'message') ok(isTopicName(input.message.topic));
    if (input.kind === 'refused') ok(Buffer.byteLength(input.reason) <= 123);
  },
  'v2 binary': () => {
    const input = readV2Binary(brokenBytes(oneOf(seeds.v2Binary)));
    if (input.kind === 'message') ok(isTopicName(input.message.topic));
  },
  'v2 query': () => {
    const query = readV2Query(broken(oneOf(seeds.query)));
    if (query.ok) ok((query.topics ?? []).every(isTopicName));
    else ok(Buffer.byteLength(query.reason) <= 123);
  },
  'stream query': () => {
    const query = new URLSearchParams(broken(oneOf(seeds.query)));
    const lastEventId = upTo(3) === 0 ? broken(`[{"topic":"t","partition":0,"offset":43}]`) : undefined;
    allowing(QueryFault, () => {
      const read = readStreamQuery(query, lastEventId, { from: 'latest', id: 'pos', envelope: 'record' }, 64);
      ok((read.topics ?? []).every(isTopicName));
      if (read.filter !== null) matches(read.filter, record);
    });
  },
  positions: () => {
    const text = broken(position);
    const read = decodePosition(text);
    // What is taken is exactly what would have been written.
    if (read !== undefined) equal(encodePosition(read), text);
  },
  'bodies of a publish': () => {
    for (const line of broken(oneOf(seeds.frames)).split(/\r?\n/)) {
      const read = readJsonObject(line);
      if (read.ok) allowing(MemberFault, () => void readPublish(read.members, 'orders'));
    }
  },
  headers: () => {
    const text = broken(oneOf(seeds.header));
    const headers = { 'sec-websocket-protocol': text };
    tokenOf({ headers, rawHeaders: ['Authorization', text] }, new URLSearchParams(text), true);
    negotiate(text, ['text/event-stream', 'application/x-ndjson']);
    chooseV2Form(text.split(','));
    isHostAllowed(text, ['gw.example']);
    isOriginAllowed(text, 'localhost:7080', { origins: ['https://*.example', text], hosts: [], isTls: false });
  },
  'JSON pointers and patterns': () => {
    valueAtPointer(Buffer.from(broken('{"user":{"id":7,"a/b":[1,2]}}')), broken('/user/a~1b/1'));
    const pattern = broken('a*b*c*d');
    if (isPattern(pattern)) topicMatcher(pattern)(broken('a'.repeat(100)).slice(0, 249));
  },
};

function allowing(kind: new (...args: never[]) => Error, read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
  }
}

const perReader = fuzzRuns(4000);

for (const [name, read] of Object.entries(readers)) {
  test(`${perReader} broken inputs: ${name} (seed ${testSeed})`, () => {
    const before = process.memoryUsage().heapUsed;
    let slowestMs = 0;
    for (let run = 0; run < perReader; run++) {
      // Of the processor: on a busy machine the wall clock says nothing.
      const { user: startedUs } = process.cpuUsage();
      read();
      slowestMs = Math.max(slowestMs, (process.cpuUsage().user - startedUs) / 1000);
    }
    ok(slowestMs < 1000, `one took ${slowestMs} ms`);
    const grownBytes = process.memoryUsage().heapUsed - before;
    ok(grownBytes < 300_000_000, `${grownBytes} bytes more`);
  });
}
