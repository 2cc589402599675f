import { deepEqual, equal } from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { encodeServerFrame } from '../../../test/support/ws-frames.ts';
import { silentLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { Intake } from './intake.ts';
import { Link } from './link.ts';
import { declareMeters } from './meters.ts';

/** A link over a socket without a network, whose queue holds two messages. */
function linkOver(socket: Duplex) {
  const events: string[] = [];
  const meters = declareMeters(new MetricRegistry().root(), {
    queueRecords: () => 0,
    queueBytes: () => 0,
    queueCapacity: 2,
    queueCapacityBytes: 100,
    isConnected: () => true,
    secondsSinceLastMessage: () => 0,
    uptimeSeconds: () => 0,
    isPaused: () => false,
    tlsInsecure: false,
  });
  const intake = new Intake({
    topic: 't',
    queue: { maxRecords: 2, maxBytes: 100, overflow: 'block' },
    messages: { binary: 'bytes', encoding: 'none', maxBytes: 100, key: null, heartbeatReply: null },
    meters: () => meters,
    log: silentLog,
    onRecords: () => {},
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
  return { link, events, take };
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
