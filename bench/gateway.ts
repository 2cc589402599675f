/**
 * The gateway on one core, its load clients (bench/tools) on the other, records of 200 bytes that say when they were published and
 * which number they have. The broker is the embedded one, in the gateway's process. A delivery is one record at one subscriber;
 * processor time is the kernel's, of the gateway alone, all of its threads, publishing included. Rates are those of the whole
 * chain: with other work on the machine only the processor time says what the gateway can do.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { toolsMissing } from '../test/support/tools.ts';
import { buildTools } from './support/feed.ts';
import {
  type BenchGateway,
  type FanResult,
  type Form,
  publish,
  spreadTopic,
  startBenchGateway,
  startFan,
  topic,
} from './support/gateway.ts';
import { machineLine } from './support/machine.ts';
import { startBenchNchan } from './support/nchan.ts';
import { processUse } from './support/process.ts';
import { showCount } from './support/stats.ts';

export interface GatewayBenchOptions {
  readonly json: boolean;
  readonly smoke: boolean;
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

type Print = (scenario: string, figures: Readonly<Record<string, number>>, text: string) => void;

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

export async function run({ json, smoke }: GatewayBenchOptions): Promise<void> {
  buildTools();
  const sizes = smoke ? tiny : full;
  const print: Print = (scenario, figures, text) =>
    console.log(
      json ? JSON.stringify({ benchmark: 'gateway', scenario, ...figures }) : `${scenario.padEnd(12)} ${text}`,
    );
  if (!json)
    console.log(`gateway: records of 200 B, embedded broker, clients in processes of their own\n${machineLine()}\n`);
  await using gateway = await startBenchGateway();
  for (const form of ['bin', 'json', 'sse'] as const) await fanOut(gateway, form, sizes, print);
  if (toolsMissing(['nchan']) === false) for (const form of ['json', 'sse'] as const) await peer(form, sizes, print);
  await publishing(gateway, sizes, print);
  await stalled(gateway, sizes, print);
  await gateway.restart();
  await idle(gateway, sizes, print);
  await comeBack(gateway, sizes, print);
}

/** More is published than can be delivered: frames grow until the gateway, or the client, is at its limit. */
async function fanOut(
  gateway: BenchGateway,
  form: Form,
  { subscribers, records, settleMs }: Sizes,
  print: Print,
): Promise<void> {
  const messages = subscribers * records;
  const fan = startFan({ port: gateway.port, form, connections: subscribers, messages, seconds: 120 });
  await fan.open;
  await sleep(settleMs);
  const before = processUse(gateway.pid);
  await publish({ port: gateway.port, count: records, rate: 2000, batch: 20 });
  const result = await fan.result;
  const after = processUse(gateway.pid);
  reportFan(form, result, records, after.cpuMs - before.cpuMs, print, wanted[form]);
}

async function peer(
  form: 'json' | 'sse',
  { subscribers, records: ours, settleMs }: Sizes,
  print: Print,
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
  reportFan(
    form === 'sse' ? 'nchan-sse' : 'nchan-ws',
    result,
    records,
    processUse(nchan.pid).cpuMs - before.cpuMs,
    print,
  );
}

function reportFan(
  name: string,
  { messages, active_s: seconds, seq, frames, min_per_conn: least }: FanResult,
  records: number,
  cpuMs: number,
  print: Print,
  goal?: number,
): void {
  const perSecond = messages / seconds;
  const cpuUs = (cpuMs * 1000) / messages;
  const missing = Math.max(seq.lost, records - least);
  print(
    name,
    { perSecond, cpuUsPerDelivery: cpuUs, recordsPerFrame: messages / frames, lost: missing, doubled: seq.dup_or_back },
    `${showCount(perSecond)} deliveries/s, ${cpuUs.toFixed(3)} µs of processor each (${showCount(1e6 / cpuUs)}/s of one core), ` +
      `${missing} lost, ${seq.dup_or_back} doubled${goal === undefined ? '' : `; wanted ≥ ${showCount(goal)}/s`}`,
  );
}

async function publishing(gateway: BenchGateway, { published: count }: Sizes, print: Print): Promise<void> {
  const before = processUse(gateway.pid);
  const { published, per_s: perSecond } = await publish({ port: gateway.port, count, connections: 100, partitions: 4 });
  const cpuUs = ((processUse(gateway.pid).cpuMs - before.cpuMs) * 1000) / published;
  const { partitions } = (await (await fetch(`http://127.0.0.1:${gateway.port}/v1/topics/${spreadTopic}`)).json()) as {
    partitions: { end: number }[];
  };
  const stored = partitions.reduce((sum, { end }) => sum + end, 0);
  const lost = Math.max(0, published - stored);
  print(
    'publish',
    { perSecond, cpuUsPerRecord: cpuUs, lost, doubled: Math.max(0, stored - published) },
    `${showCount(perSecond)} records/s acknowledged over 100 connections, ${cpuUs.toFixed(2)} µs each, ${lost} lost; wanted ≥ 200 k/s`,
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
  print: Print,
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
  print(
    'stalled',
    { p99AloneMs: alone, p99BesideMs: beside },
    `p99 ${alone.toFixed(1)} ms without, ${beside.toFixed(1)} ms with a client that never reads; wanted at most 20 % more`,
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
async function stalledClient(port: number): Promise<import('node:net').Socket> {
  const socket = connect(port, '127.0.0.1');
  const sub = `{"type":"sub","id":1,"topics":["${topic}"]}`;
  const handshake = `GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: tributary.v1.json\r\n\r\n`;
  socket.write(handshake);
  await new Promise((resolve) => socket.once('data', resolve));
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | sub.length, 0, 0, 0, 0]), Buffer.from(sub)]));
  await new Promise((resolve) => socket.once('data', resolve));
  socket.pause();
  return socket;
}

/** What a connected subscriber costs, and how late records are with many of them: ten a second to each. */
async function idle(gateway: BenchGateway, { many, seconds, settleMs }: Sizes, print: Print): Promise<void> {
  const before = processUse(gateway.pid);
  const records = seconds * 10;
  const fan = startFan({ port: gateway.port, form: 'bin', connections: many, messages: many * records, seconds: 120 });
  await fan.open;
  await sleep(settleMs);
  const open = processUse(gateway.pid);
  const kilobytes = ((open.residentMb - before.residentMb) * 1024) / many;
  await publish({ port: gateway.port, count: records, rate: 10, batch: 1 });
  const { lat_ms: late, seq, failed, closed, min_per_conn: least } = await fan.result;
  const cpuPercent = (processUse(gateway.pid).cpuMs - open.cpuMs) / (seconds * 10);
  print(
    'many',
    {
      kilobytes,
      p50Ms: late.p50,
      p99Ms: late.p99,
      cpuPercent,
      lost: Math.max(seq.lost, records - least),
      doubled: seq.dup_or_back,
    },
    `${showCount(many)} subscribers (${failed + closed} failed), ${kilobytes.toFixed(1)} KB each; ${showCount(many * 10)} deliveries/s: ` +
      `p50 ${late.p50.toFixed(1)} ms, p99 ${late.p99.toFixed(1)} ms, ${cpuPercent.toFixed(0)} % of a core; wanted ≤ 20 KB, p99 ≤ 50 ms`,
  );
}

/** The gateway is killed; as soon as it listens again all dial at once, and each reads the topic's last records anew. */
async function comeBack(gateway: BenchGateway, { many }: Sizes, print: Print): Promise<void> {
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
  const { open_s: open, failed, min_per_conn: least, active_s: active } = await fan.result;
  print(
    'come-back',
    { openSeconds: open, servedSeconds: open + active, failed, lost: 1 - least },
    `${showCount(many)} clients at once after kill -9: all open after ${open.toFixed(1)} s, all served after ` +
      `${(open + active).toFixed(1)} s, ${failed} failed; wanted ≤ 10 s`,
  );
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
