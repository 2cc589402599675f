/**
 * A feed into either broker for a while, with faults at random moments: connections that are dropped in every way, a network
 * that cuts, stalls, delays and slows them down, the program that is stopped and started, a Kafka that is killed and comes back.
 * The ledger tells whether anything that had reached us is lost, doubled or out of order; the program's memory and its open
 * files must not grow. The program is stopped in the first third only, so that one run of it lasts long enough to tell.
 */
import { deepEqual, ok } from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { until } from '../e2e/support/run.ts';
import { type StartedWorker, startWorker } from '../e2e/support/worker.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { flawless, Ledger } from '../support/ledger.ts';
import { type LedgerServer, startLedgerServer } from '../support/ledger-server.ts';
import { seeded, testSeed } from '../support/random.ts';
import { slopeOf } from '../support/slope.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { tempFolder } from '../support/temp-folder.ts';

const isLong = process.env['TEST_LONG'] === '1';
/** TRIBUTARY_SOAK_S: how long each broker is under load. */
const durationMs = 1000 * Number(process.env['TRIBUTARY_SOAK_S'] ?? (isLong ? 600 : 2));
const perTick = isLong ? 50 : 20;
const [leastPauseMs, mostPauseMs] = isLong ? [2000, 30_000] : [50, 300];
const moreReconnects = isLong ? 50 : 0;
const badNetworkMs = isLong ? 5000 : 150;
const readingMs = 1000;
/** Of all reconnects: a leak of twenty kilobytes by each of a thousand would be more. */
const mostGrownBytes = 16 * 1024 * 1024;
const patienceMs = 120_000;

const skip = await kafkaMissing();
const kafka = skip === false ? startKafka() : undefined;
after(async () => (await kafka)?.[Symbol.asyncDispose]());

test(`into the embedded broker for ${durationMs / 1000} s: drops and restarts lose, double and reorder nothing (TEST_SEED=${testSeed})`, {
  timeout: isLong ? 2 * durationMs + 600_000 : durationMs + 240_000,
}, async () => {
  await using folder = await tempFolder('soak');
  const directory = join(folder.path, 'data');
  await soak(folder.path, `embedded:${directory}`, everyFault, async () => openEmbeddedBroker({ directory, codecs }));
});

test(`into Kafka for ${durationMs / 1000} s: drops, restarts and kills of the broker lose, double and reorder nothing (TEST_SEED=${testSeed})`, {
  skip,
  timeout: isLong ? 2 * durationMs + 600_000 : durationMs + 240_000,
}, async () => {
  await using folder = await tempFolder('soak');
  const { bootstrap } = await kafka!;
  await soak(folder.path, `kafka://${bootstrap}`, [...everyFault, 'kill-broker'], async () =>
    openKafkaBroker({ bootstrap: [bootstrap], codecs }),
  );
});

type Fault = 'restart' | 'close' | 'fin' | 'reset' | 'cut' | 'stall' | 'delay' | 'rate' | 'kill-broker';
const everyFault: readonly Fault[] = ['close', 'fin', 'reset', 'restart', 'cut', 'stall', 'delay', 'rate'];

async function soak(cwd: string, broker: string, faults: readonly Fault[], open: () => Promise<Broker>): Promise<void> {
  const random = seeded(testSeed);
  await using feed = await startLedgerServer({ perTick });
  await using network = await startTcpProxy(feed.port);
  await writeFile(join(cwd, 'soak.yaml'), configOf(broker, `ws://127.0.0.1:${network.port}`));
  const start = (): Promise<StartedWorker> => startWorker(['start', 'soak.yaml'], { cwd });
  let worker = await start();
  let footprints: Footprint[] = [];
  let downMs = 0;
  try {
    const startedAtMs = performance.now();
    const progress = (): number => (performance.now() - startedAtMs) / durationMs;
    // Each fault once, then at random.
    for (let turn = 0; turn < faults.length || progress() < 1; turn++) {
      await flowing(feed);
      const endsAtMs = performance.now() + leastPauseMs! + random() * (mostPauseMs! - leastPauseMs!);
      while (performance.now() < endsAtMs) {
        await sleep(Math.min(endsAtMs - performance.now(), readingMs));
        footprints.push(await footprintOf(worker));
      }
      const left = faults.filter((fault) => fault !== 'restart' || progress() < 1 / 3);
      const fault = faults[turn] ?? left[Math.floor(random() * left.length)]!;
      if (fault === 'restart') {
        checkFootprints(footprints);
        await stop(worker);
        worker = await start();
        footprints = [];
      } else if (fault === 'kill-broker') {
        const since = performance.now();
        await (await kafka!).kill9();
        await (await kafka!).restart();
        downMs += performance.now() - since;
      } else await disturb(fault, feed, network);
      // What a reconnect leaves behind is small: it takes many to be seen.
      for (let times = 0; times < moreReconnects; times++) {
        await flowing(feed);
        const before = feed.connections.length;
        feed.drop('reset');
        await until('a new connection', async () => feed.connections.length > before, patienceMs);
      }
    }
    await flowing(feed);
    await feed.quiesce();
    footprints.push(await footprintOf(worker));
    await stop(worker);
  } finally {
    await worker[Symbol.asyncDispose]();
  }
  const ledger = new Ledger();
  await using reader = await open();
  for await (const { records } of reader.read({ topic: 'soak', partition: 0, from: 'earliest', until: 'end' })) {
    for (const { value } of records) ledger.add(value);
  }
  deepEqual(ledger.audit(feed.connections), flawless(ledger.read), `Kafka was away for ${Math.round(downMs)} ms`);
  ok(ledger.read > 0 && feed.mostOpen() === 1, `${ledger.read} records, ${feed.mostOpen()} connections at a time`);
  checkFootprints(footprints);
  if (isLong) checkSlopes(footprints, feed.connections.length);
}

async function disturb(
  fault: Exclude<Fault, 'restart' | 'kill-broker'>,
  feed: LedgerServer,
  network: TcpProxy,
): Promise<void> {
  switch (fault) {
    case 'cut':
      network.cut();
      break;
    case 'stall':
      network.stall();
      await sleep(badNetworkMs);
      network.resume();
      break;
    case 'delay':
      network.delay(20);
      await sleep(badNetworkMs);
      network.delay(0);
      break;
    case 'rate':
      network.rate(100_000);
      await sleep(badNetworkMs);
      network.rate(Number.POSITIVE_INFINITY);
      break;
    default:
      feed.drop(fault);
  }
}

const configOf = (broker: string, url: string): string => `broker: ${broker}
worker: { group.id: soak }
connectors:
  feed:
    connector.class: websocket
    websocket.url: ${url}
    websocket.reconnect.interval.ms: 50
    kafka.topic: soak
`;

/** The newest connection has brought something. */
async function flowing(feed: LedgerServer): Promise<void> {
  await until(
    'messages of a new connection',
    async () => feed.open() > 0 && feed.connections.at(-1)!.confirmed > 0,
    patienceMs,
  );
}

/** Drains what was received: nothing of it may be lost. */
async function stop(worker: StartedWorker): Promise<void> {
  const { code, stderr } = await worker.stop('SIGTERM');
  ok(code === 0, `it ended with ${code}: ${stderr}`);
}

interface Footprint {
  readonly atSeconds: number;
  readonly residentBytes: number;
  readonly openFiles: number;
}

async function footprintOf(worker: StartedWorker): Promise<Footprint> {
  return {
    atSeconds: performance.now() / 1000,
    residentBytes: await worker.metric('process_resident_memory_bytes'),
    // Elsewhere than on Linux nobody tells.
    openFiles: existsSync('/proc/self/fd') ? readdirSync(`/proc/${worker.pid}/fd`).length : 1,
  };
}

/** Each run of the program ends with about what the others end with: nothing piles up with the faults it has seen. */
function checkFootprints(footprints: readonly Footprint[]): void {
  for (const { residentBytes, openFiles } of footprints) {
    ok(residentBytes > 0 && residentBytes < 320 * 1024 * 1024, `${residentBytes} bytes of memory`);
    ok(openFiles > 0 && openFiles < 100, `${openFiles} open files`);
  }
}

/** Of the run that lasted longest, behind its first third, in which caches fill and code is compiled. */
function checkSlopes(footprints: readonly Footprint[], connections: number): void {
  const warm = footprints.slice(Math.floor(footprints.length / 3));
  const slope = (of: (footprint: Footprint) => number): number =>
    slopeOf(warm.map((footprint) => ({ atSeconds: footprint.atSeconds, value: of(footprint) })));
  const seconds = warm.at(-1)!.atSeconds - warm[0]!.atSeconds;
  const filesGrown = slope(({ openFiles }) => openFiles) * seconds;
  const bytesGrown = slope(({ residentBytes }) => residentBytes) * seconds;
  const what = `${warm.length} readings over ${Math.round(seconds)} s, ${connections} connections in all`;
  console.log(`${what}: ${filesGrown.toFixed(2)} files, ${Math.round(bytesGrown / 1024)} KiB more`);
  ok(Math.abs(filesGrown) < 2, `${filesGrown} open files more, ${what}`);
  ok(bytesGrown < mostGrownBytes, `${bytesGrown} bytes of memory more, ${what}`);
}
