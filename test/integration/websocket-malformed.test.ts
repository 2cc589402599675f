import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { textsOf } from '../support/connector-context.ts';
import { runSource } from '../support/websocket-run.ts';
import { encodeServerFrame, fragments } from '../support/ws-frames.ts';
import { WsServer } from '../support/ws-server.ts';

const a = Buffer.from('a');

describe('a breach of the protocol is answered, counted and followed by a new connection', () => {
  for (const [name, bytes, code, reason] of [
    ['bad UTF-8', encodeServerFrame({ opcode: 1, payload: Buffer.from([0xff]) }), 1007, 'utf8'],
    ['reserved bits', encodeServerFrame({ opcode: 1, payload: a, reserved: 0x20 }), 1002, 'reserved_bits'],
    [
      'compression without agreement',
      encodeServerFrame({ opcode: 1, payload: a, reserved: 0x40 }),
      1002,
      'reserved_bits',
    ],
    ['a masked frame', encodeServerFrame({ opcode: 1, payload: a, masked: true }), 1002, 'masked'],
    ['an unknown opcode', encodeServerFrame({ opcode: 5, payload: a }), 1002, 'opcode'],
    ['a lone continuation', encodeServerFrame({ opcode: 0, payload: a }), 1002, 'continuation'],
    ['a fragmented ping', encodeServerFrame({ opcode: 9, payload: a, fin: false }), 1002, 'control_frame'],
    ['a close frame of one byte', encodeServerFrame({ opcode: 8, payload: a }), 1002, 'close_frame'],
    ['a long message', encodeServerFrame({ opcode: 1, payload: Buffer.alloc(101, 'x') }), 1009, 'oversize'],
    ['a claim of 2^60 bytes', encodeServerFrame({ opcode: 1, payload: a, claimedLength: 2 ** 60 }), 1009, 'oversize'],
  ] as const) {
    test(name, async () => {
      await using server = await WsServer.start({
        onOpen(peer) {
          peer.text(`before ${peer.request.number}`);
          if (peer.request.number === 0) peer.raw(Buffer.concat([bytes, encodeServerFrame({ opcode: 1, payload: a })]));
        },
      });
      await using run = runSource(server.url, { 'websocket.message.max.bytes': '100' });
      deepEqual(textsOf(await run.take(2)), ['before 0', 'before 1']);
      equal((await server.peer(0)).closeFrame?.code, code);
      equal(run.metric('frames_malformed_total', { reason }), 1);
      equal(run.metric('frames_malformed_total'), 1);
      equal(run.metric('reconnects_total', { reason: 'malformed' }), 1);
      equal(server.mostOpenSockets, 1);
    });
  }
});

test('frames that come byte by byte are read as if they came whole', async () => {
  const bytes = Buffer.concat([
    encodeServerFrame({ opcode: 1, payload: Buffer.from('one') }),
    ...fragments(1, Buffer.from('fragments: ü€😀'), 4).flatMap((frame) => [
      frame,
      encodeServerFrame({ opcode: 9, payload: a }),
    ]),
    encodeServerFrame({ opcode: 1, payload: Buffer.alloc(200, 'y') }),
  ]);
  await using server = await WsServer.start({ onOpen: (peer) => void peer.trickle(bytes) });
  await using run = runSource(server.url);
  deepEqual(textsOf(await run.take(3)), ['one', 'fragments: ü€😀', 'y'.repeat(200)]);
});

test('a hundred thousand fragments make one message', async () => {
  const payload = Buffer.alloc(100_000, 'z');
  await using server = await WsServer.start({
    onOpen: (peer) => peer.raw(Buffer.concat(fragments(1, payload, 100_000))),
  });
  await using run = runSource(server.url);
  const [record] = await run.take(1);
  equal(payload.equals(record?.value as Uint8Array), true);
});

for (const end of ['FIN', 'RST'] as const) {
  test(`a message torn by ${end} is thrown away and counted`, async () => {
    await using server = await WsServer.start({
      onOpen(peer) {
        if (peer.request.number > 0) {
          peer.text('whole');
          return;
        }
        peer.text('kept');
        peer.socket.write(Buffer.from([0x81, 100, 0x61, 0x62]), () => {
          if (end === 'FIN') peer.socket.end();
        });
      },
    });
    await using run = runSource(server.url);
    await run.take(1);
    if (end === 'RST') (await server.peer(0)).reset();
    deepEqual(textsOf(await run.take(2)), ['kept', 'whole']);
    equal(run.metric('partial_messages_total'), 1);
    equal(run.metric('messages_received_total'), 2);
  });
}
