/**
 * The same subscribers with and without one more that never reads, in turn. Its queue is full before they come, which the
 * gateway's own metric must say, and still when they are done.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { spread } from '../support/stats.ts';
import { publish } from './clients.ts';
import { deliver } from './delivery.ts';
import { topic } from './places.ts';
import type { Scenario } from './scenario.ts';
import type { BenchGateway } from './server.ts';

/** More than its queue (`limits.queue`, 1 MiB) and the buffers of both kernels take: about 20 MB as JSON. */
const floodRecords = 60_000;
const queueBytes = 1_048_576;

export const stalled: Scenario = async ({ gateway, sizes, report }) => {
  const { subscribers, seconds, settleMs, rounds } = sizes;
  const connections = subscribers / 4;
  const records = (seconds / 2) * 200;
  const p99s: Record<'alone' | 'beside', number[]> = { alone: [], beside: [] };
  const losses = { lost: 0, doubled: 0 };
  let peakMb = 0;
  for (const kind of rounds) {
    const socket = kind === 'beside' ? await stalledClient(gateway.port) : undefined;
    await publish({ port: gateway.port, count: floodRecords });
    if (socket !== undefined) await queueIsFull(gateway);
    const write = (count: number) => publish({ port: gateway.port, count, rate: 200, batch: 2 });
    const delivery = await deliver({ server: gateway, form: 'bin', connections, records, settleMs, write });
    p99s[kind].push(delivery.p99Ms);
    peakMb = Math.max(peakMb, delivery.peakMb);
    losses.lost += delivery.losses.lost;
    losses.doubled += delivery.losses.doubled;
    if (socket !== undefined) await queueIsFull(gateway);
    socket?.destroy();
  }
  report.add({
    name: 'stalled',
    about: 'with and without a client that never reads; wanted at most 20 % more',
    count: rounds.length * connections * records,
    figures: { p99AloneMs: spread(p99s.alone).median, p99BesideMs: spread(p99s.beside).median, peakMb },
    losses,
  });
};

/** Without it the round would show nothing: what the kernels' buffers take costs the gateway no queue. */
async function queueIsFull(gateway: BenchGateway): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  for (;;) {
    const waiting = await gateway.metric('queue_bytes');
    if (waiting >= queueBytes) return;
    if (performance.now() > deadlineMs) throw new Error(`only ${waiting} bytes wait for the client that never reads`);
    await sleep(100);
  }
}

/** Subscribed, and then it takes nothing any more. */
async function stalledClient(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  const sub = `{"type":"sub","id":1,"topics":["${topic}"]}`;
  const handshake = `GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: tributary.v1.json\r\n\r\n`;
  socket.write(handshake);
  await heard(socket, '"type":"welcome"');
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | sub.length, 0, 0, 0, 0]), Buffer.from(sub)]));
  await heard(socket, '"type":"ok"');
  socket.pause();
  return socket;
}

/** Before the subscription is answered, records would pass the client by. */
async function heard(socket: Socket, wanted: string): Promise<void> {
  let text = '';
  while (!text.includes(wanted)) text += String((await once(socket, 'data'))[0]);
}
