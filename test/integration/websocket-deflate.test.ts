import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { constants, deflateRawSync } from 'node:zlib';
import { WebSocketServer } from 'ws';
import { textsOf } from '../support/connector-context.ts';
import { seeded, testSeed } from '../support/random.ts';
import { runSource } from '../support/websocket-run.ts';
import { encodeServerFrame, fragments } from '../support/ws-frames.ts';
import { WsServer } from '../support/ws-server.ts';

describe('messages that ws compresses arrive as they were', () => {
  for (const [name, settings] of [
    ['with a window kept from message to message', { threshold: 0 }],
    ['each by itself', { threshold: 0, serverNoContextTakeover: true }],
    ['with a small window', { threshold: 0, serverMaxWindowBits: 9 }],
    ['only the long ones', { threshold: 200 }],
  ] as const) {
    test(`${name} (seed ${testSeed})`, async () => {
      const random = seeded(testSeed);
      const sent = Array.from(
        { length: 400 },
        (_, index) => `${index}:${'price '.repeat(Math.floor(random() ** 8 * 20_000))}`,
      );
      const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: settings });
      await once(server, 'listening');
      try {
        server.on('connection', (client) => {
          client.on('error', () => {});
          for (const [index, text] of sent.entries()) {
            if (index % 7 !== 0) client.send(text);
            else {
              client.send(text.slice(0, 3), { fin: false });
              client.ping('between');
              client.send(text.slice(3), { fin: true });
            }
          }
        });
        await using run = runSource(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
        deepEqual(textsOf(await run.take(sent.length)), sent);
        equal(run.events('websocket_opened')[0]?.fields['compressed'], true);
        run.stop();
        await run.drain();
      } finally {
        for (const client of server.clients) client.terminate();
        server.close();
      }
    });
  }
});

const agreed = {
  kind: 'upgrade',
  headers: ['Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover'],
} as const;

function compressed(bytes: Uint8Array): Buffer {
  return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

describe('compressed data that is wrong', () => {
  for (const [name, payload, code, reason] of [
    ['a bomb of 1000 to 1', compressed(Buffer.alloc(50_000_000)), 1009, 'oversize'],
    ['what cannot be inflated', Buffer.from([0xff, 0xff, 0xff]), 1007, 'inflate'],
    ['text that is not UTF-8', compressed(Buffer.from([0xc0, 0x80])), 1007, 'utf8'],
  ] as const) {
    test(`${name} ends the connection with ${code}`, async () => {
      await using server = await WsServer.start({
        answer: () => agreed,
        onOpen(peer) {
          if (peer.request.number === 0) peer.send({ opcode: 1, payload, reserved: 0x40 });
          else peer.text('fine');
        },
      });
      const before = process.memoryUsage().rss;
      await using run = runSource(server.url, { 'websocket.message.max.bytes': '1000000' });
      deepEqual(textsOf(await run.take(1)), ['fine']);
      equal((await server.peer(0)).closeFrame?.code, code);
      equal(run.metric('frames_malformed_total', { reason }), 1);
      ok(process.memoryUsage().rss - before < 40_000_000, 'memory stays bounded');
    });
  }
});

test('a compressed message in fragments, byte by byte, with pings between', async () => {
  const text = 'fragmented and compressed '.repeat(20);
  const ping = encodeServerFrame({ opcode: 9, payload: Buffer.from('p') });
  const frames = fragments(1, compressed(Buffer.from(text)), 4, 0x40).flatMap((frame) => [frame, ping]);
  await using server = await WsServer.start({
    answer: () => agreed,
    onOpen: (peer) => void peer.trickle(Buffer.concat(frames)),
  });
  await using run = runSource(server.url);
  deepEqual(textsOf(await run.take(1)), [text]);
});
