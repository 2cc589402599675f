import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../../test/support/random.ts';
import { EventStreamParser, type EventStreamSink } from './event-stream-parser.ts';

type Seen =
  | { readonly event: string | null; readonly id: string | null; readonly data: string }
  | { readonly retry: number }
  | 'empty'
  | 'oversize';

interface Read {
  readonly seen: Seen[];
  readonly lastEventId: string | null;
}

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('utf8'));

function recorder(seen: Seen[], room: () => boolean = () => true): EventStreamSink {
  return {
    event(name, id, data) {
      seen.push({ event: text(name), id: text(id), data: text(data)! });
      return room();
    },
    retry: (ms) => void seen.push({ retry: ms }),
    empty: () => void seen.push('empty'),
    oversize: () => seen.push('oversize') > 0,
  };
}

function read(chunks: readonly Uint8Array[], maxEventBytes = 1000): Read {
  const seen: Seen[] = [];
  const parser = new EventStreamParser(recorder(seen), maxEventBytes);
  for (const chunk of chunks) parser.push(chunk);
  return { seen, lastEventId: text(parser.lastEventId) };
}

function eachByte(bytes: Uint8Array): Uint8Array[] {
  return [...bytes].map((byte) => Uint8Array.of(byte));
}

const event = (data: string, id: string | null = null, name: string | null = null): Seen => ({ event: name, id, data });

describe('streams', () => {
  const cases: readonly (readonly [name: string, stream: string, seen: readonly Seen[], lastEventId: string | null])[] =
    [
      ['a whole event', 'event: a\nid: 1\ndata: x\n\n', [event('x', '1', 'a')], '1'],
      ['an event without a name', 'data: x\n\n', [event('x')], null],
      ['an empty name is none', 'event\ndata: x\n\nevent:\ndata: y\n\n', [event('x'), event('y')], null],
      ['lines of data', 'data: a\ndata:\ndata: b\n\n', [event('a\n\nb')], null],
      ['data without a colon', 'data\n\n', [event('')], null],
      ['empty data', 'data:\n\n', [event('')], null],
      ['two empty lines of data', 'data\ndata\n\n', [event('\n')], null],
      ['no data is no event, its id counts', 'event: a\nid: 7\n\n', ['empty'], '7'],
      ['one space is taken away', 'data:  x \n\n', [event(' x ')], null],
      ['no space', 'data:x\n\n', [event('x')], null],
      ['a tab is data', 'data:\tx\n\n', [event('\tx')], null],
      ['comments', ': a\n\n:\n: b\ndata: x\n: c\n\n', [event('x')], null],
      ['unknown fields', 'foo: 1\ndatax: 2\ndat: 3\n data: 4\nData: 5\ndata: x\nid2: 6\n\n', [event('x')], null],
      [
        'the last name and id of a block count',
        'event: a\nevent: b\nid: 1\nid: 2\ndata: x\n\n',
        [event('x', '2', 'b')],
        '2',
      ],
      [
        'an id stays for the connection, not for the next event',
        'id: 1\ndata: x\n\ndata: y\n\n',
        [event('x', '1'), event('y')],
        '1',
      ],
      ['an empty id resets', 'id: 1\ndata: x\n\nid\ndata: y\n\n', [event('x', '1'), event('y', '')], ''],
      ['an id with NUL is ignored', 'id: 1\ndata: x\n\nid: a\0b\ndata: y\n\n', [event('x', '1'), event('y')], '1'],
      [
        'an id of a block that has not ended does not count',
        'id: 1\ndata: x\n\nid: 2\ndata: y\n',
        [event('x', '1')],
        '1',
      ],
      ['retry', 'retry: 3000\n\nretry: 1s\nretry:\nretry: -1\nretry:010\n\n', [{ retry: 3000 }, { retry: 10 }], null],
      ['a retry of many digits', `retry: ${'9'.repeat(30)}\n`, [{ retry: Number.MAX_SAFE_INTEGER }], null],
      ['CRLF', 'event: a\r\ndata: x\r\n\r\ndata: y\r\n\r\n', [event('x', null, 'a'), event('y')], null],
      ['CR', 'event: a\rdata: x\r\rdata: y\r\r', [event('x', null, 'a'), event('y')], null],
      ['mixed line ends', 'data: a\rdata: b\ndata: c\r\n\rdata: d\n\r\n', [event('a\nb\nc'), event('d')], null],
      ['LF CR are two ends', 'data: a\n\rdata: b\n\n', [event('a'), event('b')], null],
      ['a byte order mark', '\ufeffdata: x\n\n\ufeffdata: y\n\n', [event('x')], null],
      ['only one byte order mark', '\ufeff\ufeffdata: x\n\n', [], null],
      ['colons in data', 'data: a:b: c\n\n', [event('a:b: c')], null],
      ['no blank line, no event', 'data: x\n', [], null],
      ['blank lines alone', '\n\r\n\r\r\n\n', [], null],
      ['beyond ASCII', 'event: é\nid: ü\ndata: 世界 🌍\n\n', [event('世界 🌍', 'ü', 'é')], 'ü'],
      ['a long line', `data: ${'x'.repeat(300)}\n\n`, [event('x'.repeat(300))], null],
      [
        'a long line with CR',
        `data: ${'x'.repeat(300)}\r\rdata: ${'y'.repeat(300)}\r\n\r\n`,
        [event('x'.repeat(300)), event('y'.repeat(300))],
        null,
      ],
      ['too much data', `id: 1\ndata: ${'x'.repeat(1001)}\n\ndata: y\n\n`, ['oversize', event('y')], '1'],
      [
        'too many lines of data',
        `${'data: xxxxxxxxx\n'.repeat(101)}id: 2\n\ndata: y\n\n`,
        ['oversize', event('y')],
        '2',
      ],
      ['a long comment is no matter', `: ${'x'.repeat(5000)}\ndata: y\n\n`, [event('y')], null],
      ['a long unknown field', `zz: ${'x'.repeat(500)}\ndata: y\n\n`, [event('y')], null],
    ];
  for (const [name, stream, seen, lastEventId] of cases) {
    const bytes = Buffer.from(stream);
    test(name, () => deepEqual(read([bytes]), { seen, lastEventId }));
    test(`${name}, byte by byte`, () => deepEqual(read(eachByte(bytes)), { seen, lastEventId }));
  }
});

test('what is not UTF-8 is read as U+FFFD', () => {
  const bytes = Buffer.concat([Buffer.from('data: a'), Buffer.from([0xff, 0xc3]), Buffer.from('\n\n')]);
  deepEqual(read([bytes]).seen, [event('a\ufffd\ufffd')]);
  deepEqual(read(eachByte(bytes)).seen, [event('a\ufffd\ufffd')]);
});

test('a line of ten million bytes comes whole, in any chunks', () => {
  const data = 'abcdefghij'.repeat(1_000_000);
  const bytes = Buffer.from(`data: ${data}\n\n`);
  const chunks = [];
  for (let at = 0; at < bytes.length; at += 16_384) chunks.push(bytes.subarray(at, at + 16_384));
  const [seen] = read(chunks, 16_777_216).seen;
  equal((seen as { data: string }).data === data, true);
});

test('a full sink is given the rest later, and nothing twice', () => {
  const seen: Seen[] = [];
  const parser = new EventStreamParser(
    recorder(seen, () => false),
    1000,
  );
  parser.push(Buffer.from('data: 1\n\ndata: 2\r\r'));
  deepEqual([seen.length, parser.hasUnread], [1, true]);
  parser.resume();
  deepEqual([seen.length, parser.hasUnread], [2, false]);
  parser.push(Buffer.from('\ndata: 3\n\n'));
  deepEqual(seen, [event('1'), event('2'), event('3')]);
});

test('views stay valid when later chunks come', () => {
  const kept: Uint8Array[] = [];
  const sink = {
    ...recorder([]),
    event: (_: unknown, id: Uint8Array | null, data: Uint8Array) => kept.push(id!, data) > 0,
  };
  const parser = new EventStreamParser(sink, 1000);
  for (const part of ['id: 1\nda', 'ta: one\n\nid: 2\ndata: t', 'wo\n\n']) parser.push(Buffer.from(part));
  deepEqual(kept.map(text), ['1', 'one', '2', 'two']);
});

/** The standard's own words, over decoded text: slow, and easy to compare with them. */
function byTheStandard(stream: Uint8Array): Read {
  const seen: Seen[] = [];
  const decoded = new TextDecoder('utf-8').decode(stream);
  const lines = decoded.split(/\r\n|\n|\r/);
  lines.pop(); // what has no end is not a line yet
  let [data, name, started] = ['', '', false];
  let id: string | null = null;
  let lastEventId: string | null = null;
  for (const line of lines) {
    if (line === '') {
      if (id !== null) lastEventId = id;
      if (data !== '') seen.push({ event: name === '' ? null : name, id, data: data.slice(0, -1) });
      else if (started) seen.push('empty');
      [data, name, id, started] = ['', '', null, false];
      continue;
    }
    if (line.startsWith(':')) continue;
    const at = line.indexOf(':');
    const field = at === -1 ? line : line.slice(0, at);
    const value = at === -1 ? '' : line.slice(at + 1).replace(/^ /, '');
    if (field === 'event' || field === 'data' || field === 'id') started = true;
    if (field === 'event') name = value;
    if (field === 'data') data += `${value}\n`;
    if (field === 'id' && !value.includes('\0')) id = value;
    if (field === 'retry' && /^[0-9]+$/.test(value)) seen.push({ retry: Number(value) });
  }
  return { seen, lastEventId };
}

const piece = fc.oneof(
  fc.constantFrom(
    'data',
    'event',
    'id',
    'retry',
    ':',
    ': ',
    ' ',
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    '\0',
    '\ufeff',
    'é',
    '🌍',
    '12',
  ),
  fc.constantFrom(
    'data: a\n',
    'data: {"a":1}\n\n',
    'id: 5\n',
    'event: tick\n',
    ': c\n',
    'data\n',
    'id\n',
    'retry: 10\n',
  ),
  fc.string({ maxLength: 60 }),
);
const raw = fc.uint8Array({ maxLength: 4 });
const stream = fc
  .array(fc.oneof({ weight: 12, arbitrary: piece.map((part) => Buffer.from(part)) }, { weight: 1, arbitrary: raw }), {
    maxLength: 60,
  })
  .map((parts) => Buffer.concat(parts));

test('any stream, cut anywhere, is read as the standard says', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(300), { maxLength: 20 }), (bytes, cuts) => {
      const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort((a, b) => a - b);
      const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
      const wanted = byTheStandard(bytes);
      deepEqual(read(chunks, 1_000_000), wanted);
      deepEqual(read(eachByte(bytes), 1_000_000), wanted);
    }),
    { numRuns: fuzzRuns(1000) },
  );
});

test('a sink that is full now and then gets the same events', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }), (bytes, fullness) => {
      const seen: Seen[] = [];
      let turn = 0;
      const parser = new EventStreamParser(
        recorder(seen, () => fullness[turn++ % fullness.length]!),
        1_000_000,
      );
      parser.push(bytes);
      while (parser.hasUnread) parser.resume();
      deepEqual(seen, byTheStandard(bytes).seen);
    }),
  );
});

test('whatever comes, what is kept stays within the bound', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 30 }), fc.nat(40), (chunks, max) => {
      for (const seen of read(chunks, max).seen) {
        if (typeof seen === 'object' && 'data' in seen)
          equal(Buffer.byteLength(seen.data) <= Math.max(max, 1) * 3, true);
      }
    }),
  );
});
