import { deepEqual, equal } from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { unwatchedMeters } from '../../../test/support/websocket-meters.ts';
import { encodeServerFrame } from '../../../test/support/ws-frames.ts';
import { silentLog } from '../../telemetry/log.ts';
import { Intake } from './intake.ts';
import { Link } from './link.ts';

/** A link over a socket without a network, whose queue holds two messages. */
function linkOver(socket: Duplex) {
  const events: string[] = [];
  const meters = unwatchedMeters();
  const intake = new Intake({
    topic: 't',
    queue: { maxRecords: 2, maxBytes: 100, overflow: 'block' },
    messages: {
      ...{ binary: 'bytes', encoding: 'none', maxBytes: 100, key: null, heartbeatReply: null },
      numbering: { sequence: null, dedupe: null, gapTopic: null, isFilled: false },
    },
    meters: () => meters,
    log: silentLog,
    clock: new ManualClock(),
    onRecords: () => {},
    onGap: () => '',
  });
  const link = new Link({
    socket: Object.assign(socket, { setNoDelay() {}, setKeepAlive() {} }) as unknown as Socket,
    read: null,
    head: new Uint8Array(0),
    deflate: null,
    maxMessageBytes: 100,
    intake,
    monotonicMs: () => 0,
    events: {
      closeReceived: (code) => events.push(`close ${code}`),
      malformed: (fault) => events.push(`malformed ${fault.label}`),
      ended: ({ text }, withinMessage) => events.push(`ended ${text}${withinMessage ? ', torn' : ''}`),
      paused: () => events.push('paused'),
    },
  });
  const take = (): string[] => {
    const taken = intake.take();
    const records = 'records' in taken ? taken.records : [...taken.column.values];
    return records.map(({ value }) => Buffer.from(value as Uint8Array).toString());
  };
  const end = (): number => {
    intake.end(0);
    return meters.dropped.abandoned.value;
  };
  return { link, events, take, end, meters };
}

const text = (payload: string) => encodeServerFrame({ opcode: 1, payload: Buffer.from(payload) });
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('what had come when a socket is lost that was held back is given out before its end is told', async () => {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const { link, events, take } = linkOver(socket);
  socket.push(Buffer.concat([text('1'), text('2'), text('3')]));
  await turn();
  socket.push(Buffer.concat([text('4'), text('5'), text('torn').subarray(0, 3)]));
  socket.destroy(new Error('connection reset'));
  await turn();
  equal(link.isPaused, true);
  deepEqual(events, ['paused']);
  const taken: string[] = [];
  for (let round = 0; round < 4; round++) {
    taken.push(...take());
    link.resume();
  }
  deepEqual(taken, ['1', '2', '3', '4', '5']);
  deepEqual(events, ['paused', 'ended connection reset, torn']);
});

test('abandoned, it gives out nothing more and tells its end once', async () => {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const { link, events, take } = linkOver(socket);
  socket.push(Buffer.concat([text('1'), text('2'), text('3')]));
  await turn();
  link.abandon(true);
  await turn();
  take();
  link.resume();
  deepEqual(take(), []);
  deepEqual(events, ['paused', 'ended connection ended without a close frame']);
});

const ping = encodeServerFrame({ opcode: 9, payload: Buffer.from('p') });
const fragment = encodeServerFrame({ opcode: 1, payload: Buffer.from('a'), fin: false });
const last = encodeServerFrame({ opcode: 0, payload: Buffer.from('b') });
const close = encodeServerFrame({ opcode: 8, payload: Buffer.alloc(0) });
const unread: readonly [string, readonly Buffer[], number][] = [
  ['messages', [text('3'), text(''), text('x'.repeat(90))], 3],
  ['no pings', [ping, text('4'), ping], 1],
  ['one of several frames once', [fragment, ping, last, text('5')], 2],
  ['none that is torn', [text('6'), text('torn').subarray(0, 3)], 1],
  ['none that is only begun', [text('7'), fragment], 1],
  ['none behind a close frame', [text('8'), close, text('9')], 1],
];
for (const [what, frames, count] of unread) {
  for (const [where, isLost] of [
    ['the chunk and the stream', false],
    ['what a lost socket left', true],
  ] as const) {
    test(`abandoned, what came whole and was not read is counted: ${what}, in ${where}`, async () => {
      const bytes = Buffer.concat(frames);
      for (const cut of [0, 1, Math.floor(bytes.length / 2), bytes.length]) {
        const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
        const { link, end, meters } = linkOver(socket);
        socket.push(Buffer.concat([text('1'), text('2'), bytes.subarray(0, cut)]));
        await turn();
        socket.push(bytes.subarray(cut));
        if (isLost) socket.destroy(new Error('connection reset'));
        await turn();
        link.abandon(true);
        // The two that were queued come to it.
        deepEqual([end(), meters.received.value], [count + 2, count + 2], `cut at ${cut}`);
      }
    });
  }
}
