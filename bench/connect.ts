/** Many connectors on one worker: what they cost while nothing comes, and how fast REST makes, lists and deletes them. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';
import { machineLine } from './support/machine.ts';
import { processUse } from './support/process.ts';
import { spread } from './support/stats.ts';
import { openTarget } from './support/targets.ts';
import { startTributary } from './support/tributary.ts';

interface Options {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker: string | undefined;
}

export async function run({ json, smoke, broker = 'embedded' }: Options): Promise<void> {
  const idle = smoke ? 3 : 100;
  const many = smoke ? 10 : 1000;
  const restMs = smoke ? 200 : 20_000;
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-connect-'));
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const feed = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/quiet`;
  await using target = await openTarget(broker, folder);
  try {
    await using worker = await startTributary({ broker: target.address, connectors: {} });
    const rest = new Rest(worker.url, feed);
    await rest.ready();

    const empty = processUse(worker.pid);
    const createMs: number[] = [];
    for (let i = 0; i < idle; i++) createMs.push(await timed(() => rest.create(i)));
    await rest.allRunning(idle);
    await pause(restMs / 4);
    const before = processUse(worker.pid);
    await pause(restMs);
    const after = processUse(worker.pid);

    const createAllMs = await timed(async () => {
      for (let i = idle; i < many; i++) createMs.push(await timed(() => rest.create(i)));
    });
    await rest.allRunning(many);
    const listMs: number[] = [];
    for (let i = 0; i < 7; i++) listMs.push(await timed(() => rest.list(many)));
    const loaded = processUse(worker.pid);
    const deleteAllMs = await timed(async () => {
      for (let i = 0; i < many; i++) await rest.delete(i);
    });
    await rest.list(0);

    const result = {
      benchmark: 'connect',
      broker,
      idleConnectors: idle,
      emptyMb: round(empty.residentMb),
      idleMb: round(after.residentMb),
      idleCpuPercent: round(((after.cpuMs - before.cpuMs) / restMs) * 100),
      createMs: spread(createMs),
      connectors: many,
      createAllMs: round(createAllMs),
      listWithExpandMs: spread(listMs),
      loadedMb: round(loaded.residentMb),
      deleteAllMs: round(deleteAllMs),
    };
    if (json) console.log(JSON.stringify(result));
    else show(result, restMs);
  } finally {
    server.close();
    for (const client of server.clients) client.terminate();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Rest {
  readonly #url: string;
  readonly #feed: string;

  constructor(url: string, feed: string) {
    this.#url = url;
    this.#feed = feed;
  }

  async ready(): Promise<void> {
    for (;;) {
      const answer = await fetch(`${this.#url}/health`).catch(() => undefined); // not there yet
      await answer?.text();
      if (answer?.ok === true) return;
      await pause(20);
    }
  }

  async create(index: number): Promise<void> {
    const config = {
      'connector.class': 'io.conduktor.connect.websocket.WebSocketSourceConnector',
      'websocket.url': `${this.#feed}?c=${index}`,
      'kafka.topic': 'idle',
    };
    await this.#ask('POST', '/connectors', 201, { name: nameOf(index), config });
  }

  async delete(index: number): Promise<void> {
    await this.#ask('DELETE', `/connectors/${nameOf(index)}`, 204);
  }

  async list(count: number): Promise<void> {
    const listed = Object.keys((await this.#expanded()) as object).length;
    if (listed !== count) throw new Error(`${listed} connectors are listed, ${count} were made`);
  }

  async allRunning(count: number): Promise<void> {
    for (;;) {
      const shown = (await this.#expanded()) as Record<string, { status?: { tasks: { state: string }[] } }>;
      const running = Object.values(shown).filter(({ status }) => status?.tasks[0]?.state === 'RUNNING').length;
      if (running === count) return;
      await pause(50);
    }
  }

  #expanded(): Promise<unknown> {
    return this.#ask('GET', '/connectors?expand=status&expand=info', 200);
  }

  async #ask(method: string, path: string, wanted: number, body?: unknown): Promise<unknown> {
    const sent =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const answer = await fetch(`${this.#url}${path}`, { method, ...sent });
    const text = await answer.text();
    if (answer.status !== wanted) throw new Error(`${method} ${path} answered ${answer.status}: ${text.slice(0, 300)}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}

function nameOf(index: number): string {
  return `idle-${index}`;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

function pause(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function show(result: Record<string, unknown>, restMs: number): void {
  const ms = ({ median, min, max }: ReturnType<typeof spread>): string =>
    `${round(median)} ms (${round(min)} – ${round(max)})`;
  const { createMs, listWithExpandMs } = result as Record<string, ReturnType<typeof spread>>;
  console.log(machineLine());
  console.log(`One process on a ${result['broker']} broker, WebSocket connectors to a quiet server in this process.`);
  console.log(`Requests one after the other; idle is measured over ${restMs / 1000} s by the kernel's count.\n`);
  console.log(`no connectors             ${result['emptyMb']} MB`);
  console.log(
    `${result['idleConnectors']} connectors idle       ${result['idleMb']} MB, ${result['idleCpuPercent']} % CPU`,
  );
  console.log(`a create answers in       ${ms(createMs!)}`);
  console.log(`${result['connectors']} connectors made in  ${result['createAllMs']} ms, ${result['loadedMb']} MB`);
  console.log(`listed with expand in     ${ms(listWithExpandMs!)}`);
  console.log(`deleted in                ${result['deleteAllMs']} ms`);
}
