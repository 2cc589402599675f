import { deepEqual, equal, fail } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import { encodeServerFrame, fragments } from '../../../test/support/ws-frames.ts';
import { ColumnWriter } from '../../record/column-writer.ts';
import { FrameFault } from './frame-fault.ts';
import { FrameReader, type TextHandler } from './frame-reader.ts';
import { Inflater } from './inflater.ts';

interface Seen {
  readonly calls: string[];
  fault?: string;
  within: boolean;
}

interface Reading {
  readonly maxBytes?: number;
  readonly deflate?: boolean;
  /** The server keeps its window from message to message. */
  readonly takeover?: boolean;
  /** Messages after which the handler takes no more until it is asked again. */
  readonly stopEvery?: number;
  /** The handler takes the texts of a chunk together, and the reader uses its memory again: nothing here keeps a view. */
  readonly together?: boolean;
}

/** Reads chunks and tells what came, in the order in which it came. */
function readAll(
  chunks: readonly Uint8Array[],
  { maxBytes = 1_000_000, deflate = false, takeover = false, stopEvery, together = false }: Reading = {},
): Seen {
  const calls: string[] = [];
  const inflater = deflate ? new Inflater({ noContextTakeover: !takeover, windowBits: 15 }) : null;
  let messages = 0;
  const room = (): number => (stopEvery === undefined ? 1000 : stopEvery - (messages % stopEvery));
  const columns = new ColumnWriter();
  let isFull = false;
  const texts: TextHandler = {
    get records() {
      return room();
    },
    bytes: 1e6,
    get isFull() {
      return isFull;
    },
    take(chunk, spans, count) {
      isFull = count === room();
      if (!columns.appendTexts(chunk, spans, count)) return false;
      for (const { value } of columns.take()) calls.push(`text ${Buffer.from(value!).toString('latin1')}`);
      messages += count;
      return true;
    },
  };
  const reader = new FrameReader(
    {
      ...(together ? { texts } : {}),
      message(payload, binary) {
        calls.push(`${binary ? 'binary' : 'text'} ${Buffer.from(payload).toString('latin1')}`);
        messages++;
        return stopEvery === undefined || messages % stopEvery !== 0;
      },
      ping: (payload) => calls.push(`ping ${Buffer.from(payload).toString('latin1')}`),
      pong: () => calls.push('pong'),
      close: (code, reason) => calls.push(`close ${code} ${reason}`),
    },
    { maxBytes, inflater, copies: together },
  );
  const seen: Seen = { calls, within: false };
  try {
    for (const chunk of chunks) {
      reader.push(chunk);
      while (reader.hasUnread) reader.resume();
    }
  } catch (error) {
    if (!(error instanceof FrameFault)) throw error;
    seen.fault = `${error.label} ${error.closeCode}`;
  }
  seen.within = reader.isWithinMessage;
  return seen;
}

function compressed(text: string): Buffer {
  return deflateRawSync(Buffer.from(text), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

/** A message whose references go back into `window`. */
function compressedBehind(message: Buffer, window: Buffer, level: number, isLast: boolean): Buffer {
  const options = window.length > 0 ? { level, dictionary: window } : { level };
  if (isLast) return deflateRawSync(message, options);
  return deflateRawSync(message, { ...options, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

const text = (payload: string) => encodeServerFrame({ opcode: 1, payload: Buffer.from(payload) });
const stream = Buffer.concat([
  text('a'),
  text(''),
  encodeServerFrame({ opcode: 2, payload: Buffer.from([0, 255, 1]) }),
  text('x'.repeat(125)),
  text('y'.repeat(126)),
  encodeServerFrame({ opcode: 9, payload: Buffer.from('hi') }),
  ...fragments(1, Buffer.from('fragmented message'), 5).flatMap((frame) => [
    frame,
    encodeServerFrame({ opcode: 0xa, payload: Buffer.alloc(0) }),
  ]),
  text('ü€😀'),
  encodeServerFrame({ opcode: 8, payload: Buffer.from([0x03, 0xe9, 0x62, 0x79, 0x65]) }),
  text('after the end'),
]);
const expected = readAll([stream]).calls;

test('messages, fragments and control frames come in the order in which they were sent', () => {
  deepEqual(
    expected.map((call) => call.slice(0, 24)),
    [
      'text a',
      'text ',
      'binary \u0000ÿ\u0001',
      'text xxxxxxxxxxxxxxxxxxx',
      'text yyyyyyyyyyyyyyyyyyy',
      'ping hi',
      'pong',
      'pong',
      'pong',
      'pong',
      'text fragmented message',
      'pong',
      'text Ã¼â\u0082¬ð\u009f\u0098\u0080',
      'close 1001 bye',
    ],
  );
});

test('it does not matter where the bytes are cut', () => {
  for (let cut = 0; cut <= stream.length; cut++) {
    for (const together of [false, true])
      deepEqual(readAll([stream.subarray(0, cut), stream.subarray(cut)], { together }).calls, expected);
  }
  deepEqual(readAll(Array.from(stream, (byte) => Uint8Array.of(byte))).calls, expected);
});

test('whatever the cuts and wherever the handler stops, the messages are the same', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(stream.length), { maxLength: 12 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      (positions, stopEvery, together) => {
        const cuts = [0, ...positions.sort((a, b) => a - b), stream.length];
        const chunks = cuts.slice(1).map((cut, index) => stream.subarray(cuts[index], cut));
        deepEqual(readAll(chunks, { stopEvery, together }).calls, expected);
      },
    ),
  );
});

test('a handler of texts is asked to take no more than it has room for', () => {
  const chunk = Buffer.concat(['a', 'b', 'c', 'd', 'e'].map(text));
  const runs: number[] = [];
  let left = 2;
  const texts: TextHandler = {
    get records() {
      return left;
    },
    bytes: 100,
    get isFull() {
      return left === 0;
    },
    take(_chunk, _spans, count) {
      runs.push(count);
      left -= count;
      return true;
    },
  };
  const never = (): never => fail('nothing else came');
  const reader = new FrameReader(
    { texts, message: never, ping: never, pong: never, close: never },
    { maxBytes: 10, inflater: null },
  );
  reader.push(chunk);
  equal(reader.hasUnread, true);
  left = 2;
  reader.resume();
  equal(reader.hasUnread, true);
  left = 2;
  reader.resume();
  equal(reader.hasUnread, false);
  deepEqual(runs, [2, 2, 1]);
});

test('texts before one that is not UTF-8 are given, whether alone or together', () => {
  const letter = Buffer.from('é');
  const torn = [letter.subarray(0, 1), letter.subarray(1)].map((payload) => encodeServerFrame({ opcode: 1, payload }));
  for (const together of [false, true]) {
    const seen = readAll([Buffer.concat([text('1'), text('2'), ...torn, text('3')])], { together });
    deepEqual([seen.calls, seen.fault], [['text 1', 'text 2'], 'utf8 1007']);
  }
});

test('long messages come whole out of many chunks', () => {
  const long = 'z'.repeat(70_000);
  const bytes = Buffer.concat([text(long), text('next')]);
  const chunks = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, i) =>
    bytes.subarray(i * 1000, i * 1000 + 1000),
  );
  deepEqual(readAll(chunks).calls, [`text ${long}`, 'text next']);
});

describe('what breaks the protocol is told apart', () => {
  for (const [name, bytes, fault, options] of [
    [
      'reserved bit 2',
      encodeServerFrame({ opcode: 1, payload: Buffer.from('a'), reserved: 0x20 }),
      'reserved_bits 1002',
    ],
    [
      'reserved bit 3',
      encodeServerFrame({ opcode: 1, payload: Buffer.from('a'), reserved: 0x10 }),
      'reserved_bits 1002',
    ],
    [
      'compressed though not agreed',
      encodeServerFrame({ opcode: 1, payload: Buffer.from('a'), reserved: 0x40 }),
      'reserved_bits 1002',
    ],
    ['a masked frame', encodeServerFrame({ opcode: 1, payload: Buffer.from('a'), masked: true }), 'masked 1002'],
    ['opcode 3', encodeServerFrame({ opcode: 3, payload: Buffer.from('a') }), 'opcode 1002'],
    ['opcode 11', encodeServerFrame({ opcode: 11, payload: Buffer.from('a') }), 'opcode 1002'],
    ['text that is not UTF-8', encodeServerFrame({ opcode: 1, payload: Buffer.from([0xc3, 0x28]) }), 'utf8 1007'],
    ['a surrogate in UTF-8', encodeServerFrame({ opcode: 1, payload: Buffer.from([0xed, 0xa0, 0x80]) }), 'utf8 1007'],
    ['fragmented text that is not UTF-8', Buffer.concat(fragments(1, Buffer.from([0xc3, 0x28]), 2)), 'utf8 1007'],
    [
      'a fragmented ping',
      encodeServerFrame({ opcode: 9, payload: Buffer.from('a'), fin: false }),
      'control_frame 1002',
    ],
    ['a long ping', encodeServerFrame({ opcode: 9, payload: Buffer.alloc(126) }), 'control_frame 1002'],
    ['a continuation of nothing', encodeServerFrame({ opcode: 0, payload: Buffer.from('a') }), 'continuation 1002'],
    [
      'a message within a message',
      Buffer.concat([fragments(1, Buffer.from('ab'), 2)[0]!, text('x')]),
      'continuation 1002',
    ],
    ['a close frame of one byte', encodeServerFrame({ opcode: 8, payload: Buffer.from([3]) }), 'close_frame 1002'],
    ['close code 1005', encodeServerFrame({ opcode: 8, payload: Buffer.from([0x03, 0xed]) }), 'close_frame 1002'],
    ['close code 999', encodeServerFrame({ opcode: 8, payload: Buffer.from([0x03, 0xe7]) }), 'close_frame 1002'],
    [
      'a close reason that is not UTF-8',
      encodeServerFrame({ opcode: 8, payload: Buffer.from([0x03, 0xe8, 0xff]) }),
      'utf8 1007',
    ],
    ['a message too long', text('a'.repeat(11)), 'oversize 1009', { maxBytes: 10 }],
    [
      'a length of 2^62',
      encodeServerFrame({ opcode: 2, payload: Buffer.alloc(0), claimedLength: 2 ** 62 }),
      'oversize 1009',
    ],
    [
      'fragments too long together',
      Buffer.concat(fragments(1, Buffer.from('a'.repeat(12)), 2)),
      'oversize 1009',
      { maxBytes: 10 },
    ],
    [
      'a compression bomb',
      encodeServerFrame({ opcode: 2, payload: compressed('\0'.repeat(1_000_001)), reserved: 0x40 }),
      'oversize 1009',
      { deflate: true },
    ],
    [
      'what cannot be inflated',
      encodeServerFrame({ opcode: 1, payload: Buffer.from([0xff, 0xff, 0xff, 0xff]), reserved: 0x40 }),
      'inflate 1007',
      { deflate: true },
    ],
    [
      'compressed text that is not UTF-8',
      encodeServerFrame({
        opcode: 1,
        payload: deflateRawSync(Buffer.from([0xff]), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4),
        reserved: 0x40,
      }),
      'utf8 1007',
      { deflate: true },
    ],
    [
      'a compressed ping',
      encodeServerFrame({ opcode: 9, payload: Buffer.from('a'), reserved: 0x40 }),
      'reserved_bits 1002',
      { deflate: true },
    ],
  ] as const satisfies readonly (readonly [string, Buffer, string, Reading?])[]) {
    test(name, () => {
      const whole = readAll([Buffer.concat([text('before'), bytes, text('never')])], options);
      equal(whole.fault, fault);
      deepEqual(whole.calls, ['text before']);
      const sliced = readAll(
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
        options,
      );
      equal(sliced.fault, fault);
    });
  }
});

test('it says whether a cut would tear a message', () => {
  const frame = text('message');
  for (const [bytes, within] of [
    [frame, false],
    [frame.subarray(0, 1), true],
    [frame.subarray(0, 5), true],
    [fragments(1, Buffer.from('ab'), 2)[0]!, true],
    [Buffer.alloc(0), false],
  ] as const) {
    equal(readAll([bytes]).within, within);
  }
});

test('compressed messages come out as they went in, fragments included', () => {
  const bytes = Buffer.concat([
    encodeServerFrame({ opcode: 1, payload: compressed('one'), reserved: 0x40 }),
    text('plain between'),
    ...fragments(1, compressed('two '.repeat(50_000)), 3, 0x40),
    encodeServerFrame({ opcode: 1, payload: compressed(''), reserved: 0x40 }),
  ]);
  deepEqual(readAll([bytes], { deflate: true }).calls, [
    'text one',
    'text plain between',
    `text ${'two '.repeat(50_000)}`,
    'text ',
  ]);
});

test('any bytes end in messages or in a fault, never in another error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), fc.boolean(), (chunks, deflate) => {
      try {
        readAll(chunks, { deflate, maxBytes: 1000 });
      } catch (error) {
        fail(error as Error);
      }
    }),
    { numRuns: fuzzRuns(2000) },
  );
});

test('the memory of one long frame is given back when short ones follow, whole ones or ones in two chunks', () => {
  for (const slices of [1, 2]) {
    const seen: number[] = [];
    const reader = new FrameReader(
      {
        message: (payload) => seen.push(payload.length) > 0,
        ping: () => fail(),
        pong: () => fail(),
        close: () => fail(),
      },
      { maxBytes: 2_000_000, inflater: null, copies: true },
    );
    const long = text('x'.repeat(1_000_000));
    for (let at = 0; at < long.length; at += 65_536) reader.push(long.subarray(at, at + 65_536));
    equal(reader.heldBytes >= 1_000_000, true);
    const short = text('short');
    const cut = slices === 1 ? short.length : 3;
    for (let count = 0; count < 100; count++) {
      reader.push(short.subarray(0, cut));
      if (slices === 2) reader.push(short.subarray(cut));
    }
    equal(reader.heldBytes < 1024, true, `${reader.heldBytes} bytes`);
    deepEqual([seen.length, seen[0], seen[100]], [101, 1_000_000, 5]);
  }
});

describe('compressed texts that are read together', () => {
  const deflated = (payload: Uint8Array): Buffer =>
    encodeServerFrame({
      opcode: 1,
      payload: deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4),
      reserved: 0x40,
    });

  test(`come as if each came alone, however they are cut (TEST_SEED=${testSeed})`, () => {
    const random = seeded(testSeed);
    for (let run = 0; run < fuzzRuns(20); run++) {
      const stream = Buffer.concat(
        Array.from({ length: 80 }, (_, index) => {
          const payload = Buffer.from(`${index} ${'ü€😀x'.repeat(Math.floor(random() ** 4 * 3000))}`);
          if (random() < 0.05) return encodeServerFrame({ opcode: 9, payload: Buffer.from(`${index}`) });
          return random() < 0.1 ? text(payload.toString()) : deflated(random() < 0.1 ? Buffer.alloc(0) : payload);
        }),
      );
      const chunks: Buffer[] = [];
      for (let at = 0; at < stream.length; ) {
        const next = at + 1 + Math.floor(random() ** 2 * 5000);
        chunks.push(stream.subarray(at, next));
        at = next;
      }
      const alone = readAll([stream], { deflate: true });
      equal(alone.calls.length, 80);
      const options = { deflate: true, together: true, ...(random() < 0.5 ? { stopEvery: 7 } : {}) };
      deepEqual(readAll(chunks, options), alone);
    }
  });

  test(`come as they were sent where the window is kept, long ones between them (TEST_SEED=${testSeed})`, () => {
    const random = seeded(testSeed);
    for (let run = 0; run < fuzzRuns(6); run++) {
      let window = Buffer.alloc(0);
      const sent: string[] = [];
      const stream = Buffer.concat(
        Array.from({ length: 40 }, (_, index) => {
          // Letters at random do not become short: some of these are above 8 KiB when they are compressed, too.
          const letters = Buffer.from(
            Array.from({ length: Math.floor(random() ** 8 * 30_000) }, () => 32 + Math.floor(random() * 90)),
          );
          const payload = Buffer.from(
            `{"n":${index},"text":"${letters.toString()}","end":"${sent.at(-1)?.slice(-40)}"}`,
          );
          sent.push(`text ${payload.toString()}`);
          const isLast = random() < 0.1;
          const level = random() < 0.2 ? 0 : 6;
          const bytes = compressedBehind(payload, window, level, isLast);
          window = isLast ? Buffer.alloc(0) : Buffer.concat([window, payload]).subarray(-32_768);
          if (random() < 0.2 && bytes.length > 3)
            return Buffer.concat(fragments(1, bytes, 1 + Math.floor(random() * 3), 0x40));
          return encodeServerFrame({ opcode: 1, payload: bytes, reserved: 0x40 });
        }),
      );
      const chunks: Buffer[] = [];
      for (let at = 0; at < stream.length; ) {
        const next = at + 1 + Math.floor(random() ** 3 * 20_000);
        chunks.push(stream.subarray(at, next));
        at = next;
      }
      const stopEvery = random() < 0.5 ? { stopEvery: 1 + Math.floor(random() * 7) } : {};
      for (const together of [false, true]) {
        const seen = readAll(chunks, { deflate: true, takeover: true, together, ...stopEvery });
        deepEqual(seen, { calls: sent, within: false }, `run ${run}, together ${together}`);
      }
    }
  });

  for (const [name, bad, fault] of [
    ['one that is not UTF-8', [Buffer.from([0x61, 0xff])], 'utf8 1007'],
    ['a character of which each has a half', [Buffer.from([0x61, 0xc3]), Buffer.from([0xbc])], 'utf8 1007'],
    ['one that is too long', [Buffer.alloc(60, 'a')], 'oversize 1009'],
  ] as const) {
    test(`${name} takes none of those before it along`, () => {
      const stream = Buffer.concat([
        deflated(Buffer.from('one')),
        deflated(Buffer.from('two')),
        ...bad.map(deflated),
        text('never'),
      ]);
      const seen = readAll([stream], { deflate: true, together: true, maxBytes: 50 });
      deepEqual(seen, { calls: ['text one', 'text two'], within: false, fault });
    });
  }
});
