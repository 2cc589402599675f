/**
 * What reads the bytes of feeds and of Kafka, and what people write: valid words that were broken at random places. Nothing
 * throws but what stands in its contract, no input takes long, and memory does not grow. Ten million inputs with TEST_LONG=1.
 */
import { ok } from 'node:assert/strict';
import { test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import { isError } from '../../src/base/errors.ts';
import { readFetchAnswer } from '../../src/broker/kafka/api/fetch.ts';
import { readProduceAnswer } from '../../src/broker/kafka/api/produce.ts';
import { loadToolkit } from '../../src/broker/kafka/toolkit.ts';
import { FrameFault } from '../../src/connectors/websocket-source/frame-fault.ts';
import { FrameReader } from '../../src/connectors/websocket-source/frame-reader.ts';
import { Inflater } from '../../src/connectors/websocket-source/inflater.ts';
import { parse } from '../../src/sql/parse/parse.ts';
import { SqlError } from '../../src/sql/sql-error.ts';
import { EventStreamParser } from '../../src/wire/sse/event-stream-parser.ts';
import { seeded, testSeed } from '../support/random.ts';
import { encodeServerFrame } from '../support/ws-frames.ts';

const isLong = process.env['TEST_LONG'] === '1';
/** Of each kind of input: together ten million. TRIBUTARY_FUZZ_INPUTS: another number. */
const inputs = Number(process.env['TRIBUTARY_FUZZ_INPUTS'] ?? (isLong ? 2_000_000 : 2000));
/** Asking for the time costs more than reading: so many inputs are timed together, and none may take as long as all may. */
const together = 100;
const maxBytes = 1000;
const mostGrownBytes = 300_000_000;

const random = seeded(testSeed);
const upTo = (bound: number): number => Math.floor(random() * bound);

const { Writer } = await loadToolkit();
const topicId = '00112233-4455-6677-8899-aabbccddeeff';
const fetchAnswer = Writer.create()
  .appendInt32(7)
  .appendInt16(0)
  .appendInt32(0)
  .appendArray([0, 1], (topics) => {
    topics.appendUUID(topicId).appendArray(
      [0, 1],
      (partitions, index) => {
        partitions.appendInt32(index).appendInt16(0).appendInt64(100n).appendInt64(90n).appendInt64(10n);
        partitions.appendArray([1n, 2n], (aborted, id) => aborted.appendInt64(id).appendInt64(id * 10n));
        partitions.appendInt32(-1).appendBytes(Buffer.from('records'));
        // tag 1, 9 bytes: leader 3 of epoch 8
        partitions.append(Buffer.from('010109000000030000000800', 'hex'));
      },
      true,
      false,
    );
  })
  .appendTaggedFields().buffer;
const produceAnswer = Writer.create()
  .appendArray(['a', 'b'], (topics, name) => {
    topics.appendString(name).appendArray([0, 1], (partitions, index) => {
      partitions.appendInt32(index).appendInt16(index).appendInt64(5n).appendInt64(-1n).appendInt64(0n);
      partitions.appendArray([0], (errors) => errors.appendInt32(0).appendString('why'));
      partitions.appendString('what');
    });
  })
  .appendInt32(0)
  .appendTaggedFields().buffer;

const zipped = deflateRawSync('{"price":1,"size":1}'.repeat(9), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(
  0,
  -4,
);
const frames = Buffer.concat([
  encodeServerFrame({ opcode: 1, payload: Buffer.from('{"a":"ü€😀"}') }),
  encodeServerFrame({ opcode: 9, payload: Buffer.from('ping') }),
  encodeServerFrame({ opcode: 1, payload: zipped, reserved: 0x40 }),
  encodeServerFrame({ opcode: 1, payload: Buffer.from('begins'), fin: false }),
  encodeServerFrame({ opcode: 0, payload: Buffer.from('x'.repeat(200)) }),
  encodeServerFrame({ opcode: 2, payload: Buffer.alloc(30) }),
  encodeServerFrame({ opcode: 8, payload: Buffer.from([0x03, 0xe8, 0x6f, 0x6b]) }),
]);
const events = Buffer.from(
  '\ufeff: comment\r\nid: 7\revent: e\ndata: ü€😀\ndata: two\n\nretry: 100\r\n\r\nid: 8\0\ndata:x\n\ndata\n\n',
);
const script = Buffer.from(
  `CREATE STREAM S (a LONG NOT NULL, "b c" STRING) WITH (type = 'source', format = 'json', "k.t" = 'x''y'); -- text
   INSERT INTO T SELECT a, CASE WHEN b IS NULL THEN 1.5e3 ELSE CAST(a AS DOUBLE) END AS d FROM S WINDOW TUMBLING(10 sec)
   WHERE a BETWEEN 1 AND 2 OR NOT (b LIKE 'x%') GROUP BY a HAVING COUNT(*) > 1 ORDER BY a DESC LIMIT 3; /* end */`,
);

/** Bytes that mean something to one of the readers. */
const telling = Buffer.from('\0\x01\x7e\x7f\x80\x81\x88\xc1\xff\r\n:\'"`()[]{};,.*-/\\ 09', 'latin1');

/** As long as any input gets: each of four changes makes it longer by so much at most. */
const mostLonger = 4 * 20;
let scratch = Buffer.alloc(0);

/**
 * One to four places are changed, taken out, doubled, or cut off. Valid until the next call: ten million inputs are made in
 * the same memory.
 */
function broken(valid: Buffer): Buffer {
  if (scratch.length < valid.length + mostLonger) scratch = Buffer.alloc(valid.length + mostLonger);
  valid.copy(scratch);
  let length = valid.length;
  for (let times = 1 + upTo(4); times > 0 && length > 0; times--) {
    const at = upTo(length);
    const way = upTo(5);
    if (way === 0) scratch[at] = upTo(256);
    else if (way === 1) scratch[at] = telling[upTo(telling.length)]!;
    else if (way === 2) {
      const from = Math.min(at + 1 + upTo(9), length);
      scratch.copyWithin(at, from, length);
      length -= from - at;
    } else if (way === 3) {
      const more = Math.min(upTo(20), length - at);
      scratch.copyWithin(at + more, at, length);
      length += more;
    } else length = at;
  }
  return scratch.subarray(0, length);
}

/** In two pieces, as from a socket. */
function pieces(bytes: Buffer): readonly Buffer[] {
  const at = upTo(bytes.length + 1);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

function readFrames(bytes: Buffer): void {
  const inflater = new Inflater({ noContextTakeover: true, windowBits: 15 });
  const reader = new FrameReader(
    { message: (payload) => payload.length <= maxBytes, ping: () => {}, pong: () => {}, close: () => {} },
    { maxBytes, inflater, copies: false },
  );
  for (const piece of pieces(bytes)) {
    reader.push(piece);
    ok(!reader.hasUnread, 'a message was longer than it may be');
  }
}

function readEvents(bytes: Buffer): void {
  const parser = new EventStreamParser(
    {
      event: (_name, _id, data) => (data?.length ?? 0) <= maxBytes,
      retry: () => {},
      empty: () => {},
      oversize: () => true,
    },
    maxBytes,
  );
  for (const piece of pieces(bytes)) {
    parser.push(piece);
    while (parser.hasUnread) parser.resume();
  }
}

interface Reader {
  readonly valid: Buffer;
  readonly read: (bytes: Buffer) => void;
  /** What it may throw. */
  readonly isRefusal: (error: unknown) => boolean;
}

const isProtocolError = (error: unknown): boolean => isError(error, 'PROTOCOL_ERROR');
const readers: Readonly<Record<string, Reader>> = {
  'frames of a WebSocket': { valid: frames, read: readFrames, isRefusal: (error) => error instanceof FrameFault },
  'event streams': { valid: events, read: readEvents, isRefusal: () => false },
  "Kafka's answers to Fetch": { valid: fetchAnswer, read: readFetchAnswer, isRefusal: isProtocolError },
  "Kafka's answers to Produce": { valid: produceAnswer, read: readProduceAnswer, isRefusal: isProtocolError },
  'SQL scripts': { valid: script, read: (bytes) => parse(bytes.toString()), isRefusal: (e) => e instanceof SqlError },
};

for (const [name, { valid, read, isRefusal }] of Object.entries(readers)) {
  test(`${inputs} broken inputs: ${name} (TEST_SEED=${testSeed})`, { timeout: isLong ? 3_600_000 : 120_000 }, (t) => {
    read(valid); // else only refusals would be tried
    let before = 0;
    const isTaken = (bytes: Buffer): boolean => {
      try {
        read(bytes);
        return true;
      } catch (error) {
        if (isRefusal(error)) return false;
        throw new Error(`input ${bytes.toString('hex')}`, { cause: error });
      }
    };
    let slowestMs = 0;
    let refused = 0;
    // Where a refusal comes from is the dearest part of it, and nobody asks.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    t.after(() => {
      Error.stackTraceLimit = stackTraceLimit;
    });
    for (let run = 0; run < inputs; run += together) {
      // Behind the first tenth: until then V8's young generation grows.
      if (before === 0 && run >= inputs / 10) before = process.memoryUsage().rss;
      // Of the processor: on a busy machine the wall clock says nothing.
      const { user: startedUs } = process.cpuUsage();
      for (let one = run; one < Math.min(run + together, inputs); one++) if (!isTaken(broken(valid))) refused++;
      slowestMs = Math.max(slowestMs, (process.cpuUsage().user - startedUs) / 1000);
    }
    ok(slowestMs < 1000, `${together} took ${slowestMs} ms`);
    const grownBytes = process.memoryUsage().rss - before;
    ok(grownBytes < mostGrownBytes, `${grownBytes} bytes more`);
    ok(refused > 0 || name === 'event streams', 'nothing was broken');
  });
}
