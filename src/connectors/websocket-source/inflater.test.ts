import { deepEqual, equal, throws } from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { constants, createDeflateRaw, type DeflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import { FrameFault } from './frame-fault.ts';
import { Inflater, type InflaterOptions } from './inflater.ts';

/** A sender that keeps its window from message to message. */
async function compressAll(messages: readonly Buffer[], options: ZlibOptions): Promise<Buffer[]> {
  const deflate: DeflateRaw = createDeflateRaw(options);
  const out: Buffer[] = [];
  for (const message of messages) {
    const parts: Buffer[] = [];
    deflate.removeAllListeners('data');
    deflate.on('data', (part: Buffer) => parts.push(part));
    deflate.write(message);
    const flushed = Promise.withResolvers<void>();
    deflate.flush(constants.Z_SYNC_FLUSH, () => flushed.resolve());
    await flushed.promise;
    out.push(Buffer.concat(parts).subarray(0, -4));
  }
  deflate.close();
  await once(deflate, 'close');
  return out;
}

function compress(message: Buffer, options: ZlibOptions): Buffer {
  return deflateRawSync(message, { ...options, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

function noise(random: () => number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

/** Where the heads of stored blocks end: what is cut off there is a whole message, as nothing in it says that more was to come. */
function endsOfHeads(payload: Buffer): Set<number> {
  const ends = new Set<number>();
  for (let at = 0; at < payload.length; at += at + 5 > payload.length ? 5 : 5 + payload.readUInt16LE(at + 1)) {
    equal(payload[at]! & 6, 0, 'a stored block');
    ends.add(at + 1);
  }
  return ends;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function pick<T>(random: () => number, list: readonly T[]): T {
  return list[Math.floor(random() * list.length)]!;
}

/** Text that repeats itself, JSON, noise, few different bytes, nothing. */
function arbitraryMessage(random: () => number, longest = 40_000): Buffer {
  const length = Math.min(Math.floor(random() ** 3 * pick(random, [100, 400, 3000, 40_000])), longest);
  switch (Math.floor(random() * 4)) {
    case 0:
      return Buffer.from(`{"n":${Math.floor(random() * 1e6)},"pad":"${'abcdef'.repeat(length / 6)}"}`);
    case 1:
      return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
    case 2:
      return Buffer.from(Array.from({ length }, () => 97 + Math.floor(random() ** 4 * 26)));
    default:
      return Buffer.from(Array.from({ length }, () => (random() < 0.99 ? 120 : Math.floor(random() * 256))));
  }
}

const never = { mostOwnBytes: 0x10000 };
const always = { mostOwnBytes: 0 };

for (const [name, way] of [
  ['by ourselves', never],
  ['by zlib', always],
  ['short ones by ourselves, long ones by zlib', {}],
] as const) {
  const make = (options: InflaterOptions): Inflater => new Inflater({ ...way, ...options });
  describe(`inflating ${name}`, () => {
    test(`whatever zlib has compressed comes out as it was, and stays so (TEST_SEED=${testSeed})`, async () => {
      const random = seeded(testSeed);
      for (let run = 0; run < fuzzRuns(5); run++) {
        const messages = Array.from({ length: 40 }, () => arbitraryMessage(random));
        const windowBits = 9 + Math.floor(random() * 7);
        const { Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE } = constants;
        const options = {
          windowBits,
          level: Math.floor(random() * 10),
          memLevel: 1 + Math.floor(random() * 9),
          strategy: pick(random, [Z_DEFAULT_STRATEGY, Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE]),
        };
        const noContextTakeover = random() < 0.3;
        const payloads = noContextTakeover
          ? messages.map((message) => compress(message, options))
          : await compressAll(messages, options);
        const alone = make({ noContextTakeover, windowBits });
        const inflated = payloads.map((payload) => alone.inflate(payload, 100_000));
        deepEqual(
          inflated.map((bytes) => Buffer.from(bytes)),
          messages,
          JSON.stringify(options),
        );
        deepEqual(togetherOf(make({ noContextTakeover, windowBits }), payloads), messages, JSON.stringify(options));
      }
    });

    test('a final block ends a stream, not the connection; the window is empty behind it', () => {
      const inflater = make({ noContextTakeover: false, windowBits: 15 });
      for (const text of ['one', 'two']) {
        const final = Buffer.concat([deflateRawSync(Buffer.from(text)), Buffer.from([0])]);
        equal(Buffer.from(inflater.inflate(final, 100)).toString(), text);
        equal(Buffer.from(inflater.inflate(deflateRawSync(Buffer.from(text)), 100)).toString(), text);
      }
      const dictionary = Buffer.from('the window of before');
      const reference = deflateRawSync(dictionary, { dictionary, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
      throws(() => inflater.inflate(reference, 100), { label: 'inflate' });
    });

    test('a message of the longest length passes, one byte more does not', () => {
      for (const length of [20, 5_000, 200_000]) {
        const payload = compress(Buffer.alloc(length), {});
        const inflater = make({ noContextTakeover: true, windowBits: 15 });
        equal(inflater.inflate(payload, length).length, length);
        throws(() => inflater.inflate(payload, length - 1), { label: 'oversize' });
      }
    });

    test('an empty message is one, whether its one byte was left out or not', () => {
      const inflater = make({ noContextTakeover: false, windowBits: 15 });
      for (const payload of [Buffer.from([0]), Buffer.alloc(0), Buffer.from([2, 0])])
        equal(inflater.inflate(payload, 100).length, 0);
      equal(Buffer.from(inflater.inflate(compress(Buffer.from('next'), {}), 100)).toString(), 'next');
    });

    test('no message that was cut off passes as a shorter one', () => {
      const payload = compress(Buffer.from(`{"text":"${'what is said is said, '.repeat(9)}","n":12345}`), {});
      for (let length = 1; length < payload.length; length++) {
        const inflater = make({ noContextTakeover: false, windowBits: 15 });
        throws(() => inflater.inflate(payload.subarray(0, length), 1000), { label: 'inflate' }, `${length} bytes`);
      }
    });

    test(`no cut of stored bytes, noise or a final block passes, whatever its length (TEST_SEED=${testSeed})`, () => {
      const random = seeded(testSeed);
      for (const [length, level, isLast] of [
        [3000, 0, false],
        [3000, 0, true],
        [20_000, 0, false],
        [20_000, 0, true],
        [70_000, 0, false],
        [20_000, 9, true],
      ] as const) {
        const message = noise(random, length);
        const payload = isLast ? deflateRawSync(message, { level }) : compress(message, { level });
        const inflater = make({ noContextTakeover: true, windowBits: 15 });
        const what = `${length} bytes, level ${level}, ${isLast ? 'final' : 'not final'}`;
        deepEqual(Buffer.from(inflater.inflate(payload, 100_000)), message, what);
        const heads = endsOfHeads(payload);
        // As many bytes as may be put behind a message, and near those at which its parts end.
        const ends =
          process.env['TEST_LONG'] === '1' ? range(1, 700) : [...range(1, 16), ...range(318, 330), ...range(640, 660)];
        for (const cut of [...ends, ...Array.from({ length: 40 }, () => 1 + Math.floor(random() * length))]) {
          if (heads.has(payload.length - cut)) continue;
          const torn = payload.subarray(0, payload.length - cut);
          throws(() => inflater.inflate(torn, 100_000), { label: 'inflate' }, `${what}, ${cut} bytes cut off`);
        }
      }
    });

    test('a message may end with what we put behind messages', () => {
      for (const end of ['4001bffe', '4101befe', '0000ffff', 'ffffffff', `4001bffe${'ff'.repeat(320)}`]) {
        for (const isLast of [false, true]) {
          const message = Buffer.concat([Buffer.alloc(20_000, 'ab'), Buffer.from(end, 'hex')]);
          const payload = isLast ? deflateRawSync(message, { level: 0 }) : compress(message, { level: 0 });
          const inflater = make({ noContextTakeover: false, windowBits: 15 });
          deepEqual(Buffer.from(inflater.inflate(payload, 30_000)), message, end);
          // A final block whose rest was left out, as in another payload of RFC 7692, 7.2.3.4.
          const begun = Buffer.concat([compress(message, { level: 0 }).subarray(0, -1), Buffer.from([1])]);
          deepEqual(Buffer.from(inflater.inflate(begun, 30_000)), message, end);
        }
      }
    });

    test('rubbish is a fault', () => {
      const inflater = make({ noContextTakeover: false, windowBits: 15 });
      throws(() => inflater.inflate(Buffer.from([0xff, 0xff, 0xff]), 100), { label: 'inflate' });
    });
  });
}

test(`of what is broken we say the same as zlib (TEST_SEED=${testSeed})`, () => {
  const random = seeded(testSeed);
  const seen = { message: 0, inflate: 0, oversize: 0 };
  for (let run = 0; run < fuzzRuns(300); run++) {
    const window = arbitraryMessage(random, 3000);
    const payload = breakIt(
      random,
      compress(arbitraryMessage(random, 1000), { level: 1 + (run % 9), dictionary: window }),
    );
    if (payload.length === 0) continue;
    const [ours, zlibs] = [never, always].map((way) => {
      const inflater = new Inflater({ noContextTakeover: false, windowBits: 15, ...way });
      inflater.inflate(compress(window, {}), 100_000);
      try {
        return Buffer.from(inflater.inflate(payload, 12_000)).toString('hex');
      } catch (error) {
        if (!(error instanceof FrameFault)) throw error;
        return error.label;
      }
    });
    equal(ours, zlibs, `run ${run}, window ${window.toString('hex')}, payload ${payload.toString('hex')}`);
    seen[ours === 'inflate' || ours === 'oversize' ? ours : 'message']++;
  }
  equal(seen.message > 10 && seen.inflate > 50, true, JSON.stringify(seen));
});

/** Bits turned, bytes cut off, put in, or changed. */
function breakIt(random: () => number, payload: Buffer): Buffer {
  const broken = Buffer.from(payload);
  for (let times = 1 + Math.floor(random() * 3); times > 0 && broken.length > 0; times--) {
    // The head of a block, where its codes stand, more often.
    const at = Math.floor(random() ** 2 * broken.length);
    if (random() < 0.5) broken[at]! ^= 1 << Math.floor(random() * 8);
    else broken[at] = Math.floor(random() * 256);
  }
  const cut = random();
  if (cut < 0.15) return broken.subarray(0, Math.floor(random() * broken.length));
  return cut < 0.3 ? Buffer.concat([broken, Buffer.from([0, 1, 2].slice(0, 1 + Math.floor(random() * 3)))]) : broken;
}

/** As the frame reader does it: as many together as the memory has room for, the others alone. */
function togetherOf(inflater: Inflater, payloads: readonly Buffer[]): Buffer[] {
  const chunk = Buffer.concat([...payloads, Buffer.alloc(8)]);
  const out: Buffer[] = [];
  let at = 0;
  for (let index = 0; index < payloads.length; ) {
    const memory = inflater.open();
    const ends: number[] = [inflater.end];
    while (index < payloads.length && inflater.append(chunk, at, at + payloads[index]!.length, 100_000)) {
      ends.push(inflater.end);
      at += payloads[index++]!.length;
    }
    for (let one = 1; one < ends.length; one++) out.push(Buffer.from(memory.subarray(ends[one - 1], ends[one])));
    if (ends.length > 1) continue;
    out.push(Buffer.from(inflater.inflate(payloads[index]!, 100_000)));
    at += payloads[index++]!.length;
  }
  return out;
}
