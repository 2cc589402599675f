import { deepEqual, equal, notEqual, throws } from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { constants, createDeflateRaw, type DeflateRaw, deflateRawSync } from 'node:zlib';
import { seeded } from '../../../test/support/random.ts';
import { handleInflater, type InflaterOptions, publicInflater } from './inflater.ts';

/** A sender that keeps its window from message to message. */
async function compressAll(messages: readonly Buffer[], windowBits = 15): Promise<Buffer[]> {
  const deflate: DeflateRaw = createDeflateRaw({ windowBits });
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

const random = seeded(5);
const messages = Array.from({ length: 300 }, (_, index) =>
  Buffer.from(`{"n":${index},"pad":"${'abcdef'.repeat(Math.floor(random() * (index % 50 === 0 ? 40_000 : 40)))}"}`),
);

for (const [name, make] of [
  ['by the handle', (options: InflaterOptions) => handleInflater(options)!],
  ['by public functions', publicInflater],
] as const) {
  describe(`inflating ${name}`, () => {
    test('the window is kept from message to message, and messages stay as they are', async () => {
      const inflater = make({ noContextTakeover: false, windowBits: 15 });
      const inflated = (await compressAll(messages)).map((payload) => inflater.inflate(payload, 1_000_000));
      deepEqual(
        inflated.map((bytes) => Buffer.from(bytes)),
        messages,
      );
      inflater.close();
    });

    test('a smaller window will do where the server chose one', async () => {
      const inflater = make({ noContextTakeover: false, windowBits: 10 });
      for (const [index, payload] of (await compressAll(messages, 10)).entries()) {
        deepEqual(Buffer.from(inflater.inflate(payload, 1_000_000)), messages[index]);
      }
      inflater.close();
    });

    test('a final block ends a stream, not the connection', () => {
      const inflater = make({ noContextTakeover: true, windowBits: 15 });
      for (const text of ['one', 'two']) {
        const final = Buffer.concat([deflateRawSync(Buffer.from(text)), Buffer.from([0])]);
        equal(Buffer.from(inflater.inflate(final, 100)).toString(), text);
      }
      inflater.close();
    });

    test('a message of the longest length passes, one byte more does not', () => {
      const payload = deflateRawSync(Buffer.alloc(200_000), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
      const inflater = make({ noContextTakeover: true, windowBits: 15 });
      equal(inflater.inflate(payload, 200_000).length, 200_000);
      throws(() => inflater.inflate(payload, 199_999), { label: 'oversize' });
      inflater.close();
    });

    test('rubbish is a fault', () => {
      const inflater = make({ noContextTakeover: false, windowBits: 15 });
      throws(() => inflater.inflate(Buffer.from([0xff, 0xff, 0xff]), 100), { label: 'inflate' });
      inflater.close();
    });
  });
}

test('the fast way is there in this version of Node', () => {
  const inflater = handleInflater({ noContextTakeover: false, windowBits: 15 });
  notEqual(inflater, undefined);
  inflater?.close();
});
