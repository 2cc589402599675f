/** A process that may not hold more memory than a small container has, and one connector of many that makes it large. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { codecs } from '../../src/app/codecs.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { root, until, watch } from '../e2e/support/run.ts';
import { freePorts } from '../support/free-ports.ts';
import { Ledger } from '../support/ledger.ts';
import { startLedgerServer } from '../support/ledger-server.ts';
import { memoryLimit, memoryLimitMissing } from '../support/memory-limit.ts';
import { tempFolder } from '../support/temp-folder.ts';

const skip = memoryLimitMissing();
const isLong = process.env['TEST_LONG'] === '1';
const patienceMs = 120_000;
/** Metrics of a hundred connectors are a megabyte of text: whoever asks for them all the time is a load of its own. */
const readingMs = isLong ? 1000 : 100;
/**
 * How much larger the 99th percentile of the others may be while the wild one is there, and what is always good enough: on a
 * machine that does other work as well, only that they go on.
 */
const slower = isLong ? 2 : 10;
const alwaysFineSeconds = isLong ? 0.1 : 2.5;

/** Frames of 10 MB, as fast as the client takes them. */
async function startWildFeed() {
  const huge = Buffer.alloc(10_000_000, 'x');
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  await once(server, 'listening');
  server.on('connection', (client) => {
    client.on('error', () => {}); // it was killed
    const send = (): void =>
      client.send(huge, (error) => {
        if (!error) setImmediate(send);
      });
    send();
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Case {
  readonly mebibytes: number;
  /** How many others there are. */
  readonly calm: number;
  readonly config: Readonly<Record<string, string>>;
  /** A metric of the wild connector, and how far it comes while the others are watched. */
  readonly until: readonly [metric: string, count: number];
  readonly what: string;
}

const refused = {
  config: { 'websocket.message.max.bytes': '1048576' },
  until: ['tributary_websocket_reconnects_total', 2],
  what: 'refused',
} as const;

const cases: readonly Case[] = [
  { ...refused, mebibytes: 128, calm: 19 },
  // A hundred connectors and their metrics, a megabyte of text at each reading, come to 128 MiB: now and then the kernel ends them.
  ...(isLong ? [{ ...refused, mebibytes: 192, calm: 99 }] : []),
  // The process alone holds 110 MiB: frames of this size want room for a few copies.
  {
    mebibytes: 256,
    calm: isLong ? 99 : 19,
    config: { 'errors.tolerance': 'all' },
    until: ['kafka_connect_task_error_total_records_skipped', 3],
    what: 'taken and then skipped, as no batch holds them',
  },
];

for (const { mebibytes, calm, config, until: wanted, what } of cases) {
  test(`under a limit of ${mebibytes} MiB a feed of frames of 10 MB, which are ${what}, does not hold up the others`, {
    skip,
  }, async () => {
    await using folder = await tempFolder('memory-limit');
    using limit = memoryLimit(mebibytes * 2 ** 20);
    await using wild = await startWildFeed();
    await using feed = await startLedgerServer({ perTick: 1 });
    const [port] = (await freePorts(1)) as [number];
    const url = `http://127.0.0.1:${port}`;
    const names = Array.from({ length: calm }, (_, i) => `calm-${i}`);
    const connectors = names.map(
      (name) => `  ${name}: { connector.class: websocket, websocket.url: "${feed.url}", kafka.topic: ${name} }`,
    );
    const text = [`worker: { listen: "127.0.0.1:${port}" }`, 'connectors:', ...connectors].join('\n');
    await writeFile(join(folder.path, 'feeds.yaml'), text);
    const [shell, ...words] = limit.prefix;
    await using running = watch(
      spawn(shell, [...words, process.execPath, join(root, 'bin/tributary.js'), 'start', 'feeds.yaml'], {
        cwd: folder.path,
        env: { PATH: process.env['PATH'], HOME: folder.path },
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    );
    await running.waitFor('Ctrl-C stops it.', patienceMs);
    const metrics = async (): Promise<string> => {
      await sleep(readingMs);
      return await (await fetch(`${url}/metrics`)).text();
    };
    const allHave = async (count: number): Promise<Latencies> => {
      let found: Latencies = [];
      await until(
        `${count} messages over each of the others`,
        async () => {
          const all = await metrics();
          found = latenciesOf(all);
          return names.every((name) => acknowledged(all, name) >= count);
        },
        patienceMs,
      );
      return found;
    };
    const warm = await allHave(50);
    const before = await allHave(150);
    const headers = { 'content-type': 'application/json' };
    const options = { 'connector.class': 'websocket', 'websocket.url': wild.url, 'kafka.topic': 'wild', ...config };
    const body = JSON.stringify({ name: 'wild', config: options });
    equal((await fetch(`${url}/connectors`, { method: 'POST', body, headers })).status, 201);
    await until(
      `${wanted.join(' ')} of the wild one`,
      async () => sum(await metrics(), wanted[0], 'wild') >= wanted[1],
      patienceMs,
    );
    const after = await allHave(300);
    await feed.quiesce();
    const { code, stderr } = await running.stop('SIGTERM');
    equal(code, 0, stderr.slice(-2000));

    const calmSeconds = p99(warm, before);
    const wildSeconds = p99(before, after);
    ok(
      wildSeconds <= Math.max(slower * calmSeconds, alwaysFineSeconds),
      `p99 of the others is ${wildSeconds} s beside the wild one, ${calmSeconds} s before`,
    );
    equal(feed.connections.length, names.length, 'none of them had to connect again');
    await using broker = await openEmbeddedBroker({ directory: join(folder.path, 'data'), codecs });
    let read = 0;
    for (const topic of names) {
      const ledger = new Ledger();
      const from = { topic, partition: 0, from: 'earliest', until: 'end' } as const;
      for await (const { records } of broker.read(from)) for (const { value } of records) ledger.add(value);
      const { holes, doubled, disordered, damaged } = ledger.audit([]);
      deepEqual([holes, doubled, disordered, damaged], [0, 0, 0, 0], topic);
      read += ledger.read;
    }
    equal(
      read,
      feed.connections.reduce((all, { sent }) => all + sent, 0),
      'all that was sent is there',
    );
  });
}

/** Of all connectors but the wild one: bound in seconds, and how many records were acknowledged within it. */
type Latencies = readonly (readonly [bound: number, count: number])[];

function latenciesOf(text: string): Latencies {
  const bounds = new Map<number, number>();
  for (const [, labels = '', count] of text.matchAll(
    /^tributary_source_receive_to_ack_seconds_bucket\{(.*)\} (\S+)$/gm,
  )) {
    if (!labels.includes('connector="calm-')) continue;
    const bound = Number(/le="([^"]+)"/.exec(labels)![1]!.replace('+Inf', 'Infinity'));
    bounds.set(bound, (bounds.get(bound) ?? 0) + Number(count));
  }
  return [...bounds].sort(([a], [b]) => a - b);
}

/** Between two readings, by the bound of its bucket. */
function p99(from: Latencies, to: Latencies): number {
  const counts = to.map(([bound, count], i) => [bound, count - (from[i]?.[1] ?? 0)] as const);
  const all = counts.at(-1)?.[1] ?? 0;
  ok(all > 0, 'no record was acknowledged');
  return counts.find(([, count]) => count >= all * 0.99)![0];
}

function acknowledged(text: string, connector: string): number {
  return sum(text, 'kafka_connect_source_task_source_record_write_total', connector);
}

function sum(text: string, name: string, connector: string): number {
  const lines = text.matchAll(new RegExp(`^${name}\\{[^}]*connector="${connector}"[^}]*\\} (\\S+)$`, 'gm'));
  return [...lines].reduce((all, [, value]) => all + Number(value), 0);
}
