/**
 * The gateway on one core, its load clients (bench/tools) on the other, records of 200 bytes that say when they were published and
 * which number they have. The broker is the embedded one, in the gateway's process. A delivery is one record at one subscriber;
 * processor time is the kernel's, of the gateway alone, all of its threads, publishing included. Rates are those of the whole
 * chain: with other work on the machine only the processor time says what the gateway can do.
 *
 * In each round the floor is measured beside it (peers/bare-fan-main.ts writes the same records to as many sockets and does nothing
 * else), and nginx with nchan where it is installed. Each round has a gateway of its own.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { toolsMissing } from '../test/support/tools.ts';
import { startBareFan } from './peers/bare-fan.ts';
import { buildTools } from './support/feed.ts';
import {
  type BenchGateway,
  clientCore,
  type FanResult,
  type Form,
  gatewayCore,
  publish,
  spreadTopic,
  startBenchGateway,
  startFan,
  topic,
} from './support/gateway.ts';
import { GatewayReport } from './support/gateway-report.ts';
import { machineLine } from './support/machine.ts';
import { startBenchNchan } from './support/nchan.ts';
import { processUse } from './support/process.ts';
import { showCount } from './support/stats.ts';

export interface GatewayBenchOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly runs?: number | undefined;
  /** Our program alone, without floor and peers. */
  readonly alone?: boolean;
}

interface Sizes {
  readonly subscribers: number;
  readonly many: number;
  readonly records: number;
  readonly published: number;
  readonly seconds: number;
  /** Subscriptions are asked for when connections open, and answered a little later: nothing outside tells when. */
  readonly settleMs: number;
  /** With the client that never reads, and without. */
  readonly rounds: readonly ('alone' | 'beside')[];
}

const full: Sizes = {
  subscribers: 1000,
  many: 10_000,
  records: 6000,
  published: 1_000_000,
  seconds: 10,
  settleMs: 1500,
  rounds: ['alone', 'beside', 'beside', 'alone', 'alone', 'beside'],
};
const tiny: Sizes = {
  subscribers: 20,
  many: 50,
  records: 200,
  published: 2000,
  seconds: 1,
  settleMs: 300,
  rounds: ['alone', 'beside'],
};
const wanted: Readonly<Record<Form, number>> = { bin: 1_000_000, json: 600_000, sse: 400_000 };

export async function run({ json, smoke, runs = smoke ? 1 : 3, alone = false }: GatewayBenchOptions): Promise<void> {
  buildTools();
  const sizes = smoke ? tiny : full;
  const report = new GatewayReport();
  if (!json) {
    const where = `the gateway on core ${gatewayCore}, clients in processes of their own on core ${clientCore}`;
    console.log(
      `gateway: records of 200 B, embedded broker; ${where}; ${runs} runs, middle (least – most)\n${machineLine()}\n`,
    );
  }
  for (let round = 0; round < runs; round++) {
    await using gateway = await startBenchGateway();
    for (const form of ['bin', 'json', 'sse'] as const) await fanOut(gateway, form, sizes, report);
    if (!alone) await floor(sizes, report);
    if (!alone && toolsMissing(['nchan']) === false)
      for (const form of ['json', 'sse'] as const) await peer(form, sizes, report);
    await publishing(gateway, sizes, report);
    await stalled(gateway, sizes, report);
    await gateway.restart();
    await idle(gateway, sizes, report);
    if (!alone) await idleFloor(sizes, report);
    await comeBack(gateway, sizes, report);
  }
  report.print(json);
}

/** More is published than can be delivered: frames grow until the gateway, or the client, is at its limit. */
async function fanOut(
  gateway: BenchGateway,
  form: Form,
  { subscribers, records, settleMs }: Sizes,
  report: GatewayReport,
): Promise<void> {
  const messages = subscribers * records;
  const fan = startFan({ port: gateway.port, form, connections: subscribers, messages, seconds: 120 });
  await fan.open;
  await sleep(settleMs);
  const before = processUse(gateway.pid);
  await publish({ port: gateway.port, count: records, rate: 2000, batch: 20 });
  const result = await fan.result;
  const after = processUse(gateway.pid);
  const about = `${showCount(subscribers)} subscribers, more offered than delivered; wanted ≥ ${showCount(wanted[form])}/s`;
  addFan(report, form, about, result, records, after.cpuMs - before.cpuMs);
}

async function peer(
  form: 'json' | 'sse',
  { subscribers, records: ours, settleMs }: Sizes,
  report: GatewayReport,
): Promise<void> {
  await using nchan = await startBenchNchan();
  const { port } = nchan;
  const url = form === 'sse' ? `http://127.0.0.1:${port}/eventsource` : `ws://127.0.0.1:${port}/websocket`;
  const records = Math.ceil(ours / 6); // one message a frame takes it long enough
  const fan = startFan({ port, form, url, connections: subscribers, messages: subscribers * records, seconds: 120 });
  await fan.open;
  await sleep(settleMs);
  const before = processUse(nchan.pid);
  await nchan.publish(records, 2000);
  const result = await fan.result;
  const cpuMs = processUse(nchan.pid).cpuMs - before.cpuMs;
  addFan(report, form === 'sse' ? 'nchan-sse' : 'nchan-ws', 'nginx with nchan', result, records, cpuMs, false);
}

/** What the kernel and Node's sockets take for the same records in frames of as many. */
async function floor({ subscribers, records, settleMs }: Sizes, report: GatewayReport): Promise<void> {
  await using bare = await startBareFan();
  const { port } = bare;
  const fan = startFan({ port, form: 'bin', connections: subscribers, messages: subscribers * records, seconds: 120 });
  await fan.open;
  await sleep(settleMs);
  const before = processUse(bare.pid);
  await bare.write(records, 2000, 20);
  const result = await fan.result;
  const cpuMs = processUse(bare.pid).cpuMs - before.cpuMs;
  addFan(report, 'floor', 'a bare writer of frames to as many sockets', result, records, cpuMs, false);
}

function addFan(
  report: GatewayReport,
  name: string,
  about: string,
  { messages, active_s: seconds, seq, frames, min_per_conn: least }: FanResult,
  records: number,
  cpuMs: number,
  isOurs = true,
): void {
  const perSecond = messages / seconds;
  const cpuUs = (cpuMs * 1000) / messages;
  const losses = { lost: Math.max(seq.lost, records - least), doubled: seq.dup_or_back };
  const figures = { perSecond, cpuUsPerDelivery: cpuUs, recordsPerFrame: messages / frames };
  report.add(name, about, figures, losses, isOurs);
}

async function publishing(gateway: BenchGateway, { published: count }: Sizes, report: GatewayReport): Promise<void> {
  const before = processUse(gateway.pid);
  const { published, per_s: perSecond } = await publish({ port: gateway.port, count, connections: 100, partitions: 4 });
  const cpuUs = ((processUse(gateway.pid).cpuMs - before.cpuMs) * 1000) / published;
  const { partitions } = (await (await fetch(`http://127.0.0.1:${gateway.port}/v1/topics/${spreadTopic}`)).json()) as {
    partitions: { end: number }[];
  };
  const stored = partitions.reduce((sum, { end }) => sum + end, 0);
  const lost = Math.max(0, published - stored);
  report.add(
    'publish',
    'acknowledged over 100 connections; wanted ≥ 200 k/s',
    { perSecond, cpuUsPerRecord: cpuUs },
    { lost, doubled: Math.max(0, stored - published) },
  );
}

/** More than its queue (`limits.queue`, 1 MiB) and the buffers of both kernels take: about 20 MB as JSON. */
const floodRecords = 60_000;
const queueBytes = 1_048_576;

/**
 * The same subscribers with and without one more that never reads, in turn. Its queue is full before they come, which the
 * gateway's own metric must say, and still when they are done.
 */
async function stalled(
  gateway: BenchGateway,
  { subscribers, seconds, settleMs, rounds }: Sizes,
  report: GatewayReport,
): Promise<void> {
  const p99s: Record<'alone' | 'beside', number[]> = { alone: [], beside: [] };
  for (const kind of rounds) {
    const socket = kind === 'beside' ? await stalledClient(gateway.port) : undefined;
    await publish({ port: gateway.port, count: floodRecords });
    if (socket !== undefined) await queueIsFull(gateway);
    const records = (seconds / 2) * 200;
    const connections = subscribers / 4;
    const fan = startFan({
      port: gateway.port,
      form: 'bin',
      connections,
      messages: connections * records,
      seconds: 60,
    });
    await fan.open;
    await sleep(settleMs);
    await publish({ port: gateway.port, count: records, rate: 200, batch: 2 });
    p99s[kind].push((await fan.result).lat_ms.p99);
    if (socket !== undefined) await queueIsFull(gateway);
    socket?.destroy();
  }
  const [alone, beside] = [median(p99s.alone), median(p99s.beside)];
  report.add(
    'stalled',
    'with and without a client that never reads; wanted at most 20 % more',
    { p99AloneMs: alone, p99BesideMs: beside },
    undefined,
  );
}

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

/** What a connected subscriber costs, and how late records are with many of them: ten a second to each. */
async function idle(gateway: BenchGateway, sizes: Sizes, report: GatewayReport): Promise<void> {
  const publishes = (count: number): Promise<unknown> => publish({ port: gateway.port, count, rate: 10, batch: 1 });
  await many('many', 'wanted ≤ 20 KB, p99 ≤ 50 ms', gateway, publishes, sizes, report);
}

async function idleFloor(sizes: Sizes, report: GatewayReport): Promise<void> {
  await using bare = await startBareFan();
  await many('many-floor', 'a bare writer', bare, (count) => bare.write(count, 10, 1), sizes, report, false);
}

async function many(
  name: string,
  about: string,
  { pid, port }: { readonly pid: number; readonly port: number },
  write: (records: number) => Promise<unknown>,
  { many: connections, seconds, settleMs }: Sizes,
  report: GatewayReport,
  isOurs = true,
): Promise<void> {
  const before = processUse(pid);
  const records = seconds * 10;
  const fan = startFan({ port, form: 'bin', connections, messages: connections * records, seconds: 120 });
  await fan.open;
  await sleep(settleMs);
  const open = processUse(pid);
  const kilobytes = ((open.residentMb - before.residentMb) * 1024) / connections;
  await write(records);
  const { lat_ms: late, seq, min_per_conn: least } = await fan.result;
  const cpuMs = processUse(pid).cpuMs - open.cpuMs;
  const cpuUsPerDelivery = (cpuMs * 1000) / (connections * records);
  report.add(
    name,
    `${showCount(connections)} subscribers, ${showCount(connections * 10)} deliveries/s; ${about}`,
    { kilobytes, p50Ms: late.p50, p99Ms: late.p99, cpuUsPerDelivery },
    { lost: Math.max(seq.lost, records - least), doubled: seq.dup_or_back },
    isOurs,
  );
}

/** The gateway is killed; as soon as it listens again all dial at once, and each reads the topic's last records anew. */
async function comeBack(gateway: BenchGateway, { many }: Sizes, report: GatewayReport): Promise<void> {
  await gateway.restart();
  const fan = startFan({
    port: gateway.port,
    form: 'bin',
    connections: many,
    messages: many,
    seconds: 60,
    dialing: many,
  });
  await fan.open;
  await publish({ port: gateway.port, count: 1, rate: 10, batch: 1 });
  const { open_s: open, min_per_conn: least, active_s: active } = await fan.result;
  report.add(
    'come-back',
    `${showCount(many)} clients at once after kill -9; wanted ≤ 10 s`,
    { openSeconds: open, servedSeconds: open + active },
    { lost: 1 - least, doubled: 0 },
  );
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
