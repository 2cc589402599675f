import { deepEqual, equal } from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { WebSocket } from 'ws';
import { Outbox } from './outbox.ts';

function outboxTo(raw: PassThrough): Outbox {
  const socket = { readyState: 1, OPEN: 1, extensions: '', bufferedAmount: 0 };
  return new Outbox(socket as unknown as WebSocket, raw, { joins: true, onDrain: () => {} });
}

test('bytes are counted, not characters', () => {
  const outbox = outboxTo(new PassThrough());
  outbox.push('€'.repeat(1000));
  outbox.push(Buffer.alloc(10));
  equal(outbox.waitingBytes, 3010);
  equal(outbox.room(4000), 990);
});

test('frames are joined up to 256 KiB of bytes', async () => {
  const raw = new PassThrough({ highWaterMark: 10_000_000 });
  const outbox = outboxTo(raw);
  for (let count = 0; count < 2; count++) outbox.push('€'.repeat(60_000)); // 180,000 bytes each
  await once(raw, 'readable');
  const sent = raw.read() as Buffer;
  equal(sent.length, 2 * (180_000 + 10));
  equal(sent.readBigUInt64BE(2), 180_000n);
});

test('what is pushed by whoever flushes in the same turn leaves in one write, and nothing is left for later', async () => {
  const raw = new PassThrough();
  const writes: number[] = [];
  raw.on('data', (bytes: Buffer) => writes.push(bytes.length));
  const outbox = outboxTo(raw);
  outbox.hold();
  outbox.push(Buffer.alloc(10));
  outbox.push(Buffer.alloc(10));
  outbox.flush();
  equal(outbox.waitingBytes, 0);
  outbox.push(Buffer.alloc(5)); // by somebody else, later: it flushes by itself
  await once(raw, 'data');
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  deepEqual(writes, [22, 7]);
});
