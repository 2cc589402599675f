/** Many connectors on one worker: what they cost while nothing comes, and how fast REST makes, lists and deletes them. */
import { once as events } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';
import { machineLine } from './support/machine.ts';
import { processUse } from './support/process.ts';
import { type Spread, showSpread, spread } from './support/stats.ts';
import { openTarget } from './support/targets.ts';
import { startTributary } from './support/tributary.ts';

interface Options {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker: string | undefined;
  readonly runs: number | undefined;
}

const where = 'worker and broker, and this process with the quiet server and the client of REST, share all cores';

const patienceMs = 120_000;

interface Run {
  readonly figures: Readonly<Record<string, number>>;
  /** Milliseconds of each request. */
  readonly createMs: readonly number[];
  readonly listMs: readonly number[];
  /** Connectors that were made and are not listed; that were deleted and are. */
  readonly lost: number;
  readonly leftOver: number;
}

export async function run({ json, smoke, broker = 'embedded', runs = smoke ? 1 : 3 }: Options): Promise<void> {
  const sizes = smoke ? { idle: 3, many: 10, restMs: 200 } : { idle: 100, many: 1000, restMs: 20_000 };
  const results: Run[] = [];
  for (let i = 0; i < runs; i++) results.push(await once(broker, sizes));
  const figures: Record<string, Spread> = {
    createMs: spread(results.flatMap(({ createMs }) => createMs)),
    listWithExpandMs: spread(results.flatMap(({ listMs }) => listMs)),
  };
  for (const key of Object.keys(results[0]!.figures)) figures[key] = spread(results.map((one) => one.figures[key]!));
  const lost = results.reduce((sum, one) => sum + one.lost, 0);
  const leftOver = results.reduce((sum, one) => sum + one.leftOver, 0);
  if (lost + leftOver > 0) process.exitCode = 1;
  const about = { benchmark: 'connect', broker, idle: sizes.idle, count: sizes.many, where };
  if (json) console.log(JSON.stringify({ ...about, ...figures, lost, leftOver, machine: machineLine() }));
  else {
    console.log(`connect: WebSocket connectors to a quiet server, ${broker} broker, ${runs} runs`);
    console.log(`${machineLine()}\n${where}`);
    console.log(
      `Requests one after the other; idle is measured over ${sizes.restMs / 1000} s by the kernel's count.\n`,
    );
    show(figures, sizes);
    console.log(`not listed though made ${lost}, listed though deleted ${leftOver}`);
  }
}

interface Sizes {
  readonly idle: number;
  readonly many: number;
  readonly restMs: number;
}

async function once(broker: string, { idle, many, restMs }: Sizes): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-bench-connect-'));
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await events(server, 'listening');
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
    const made = processUse(worker.pid);
    await rest.allRunning(many);
    const listMs: number[] = [];
    let listed = 0;
    const list = async (): Promise<void> => {
      listed = await rest.listed();
    };
    for (let i = 0; i < 7; i++) listMs.push(await timed(list));
    const loaded = processUse(worker.pid);
    const deleteAllMs = await timed(async () => {
      for (let i = 0; i < many; i++) await rest.delete(i);
    });
    return {
      figures: {
        emptyMb: empty.residentMb,
        idleMb: after.residentMb,
        idleCpuPercent: ((after.cpuMs - before.cpuMs) / restMs) * 100,
        createAllMs,
        createCpuMs: (made.cpuMs - after.cpuMs) / (many - idle),
        loadedMb: loaded.residentMb,
        deleteAllMs,
        peakMb: processUse(worker.pid).peakMb,
      },
      createMs,
      listMs,
      lost: many - listed,
      leftOver: await rest.listed(),
    };
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

  /** How many connectors there are. */
  async listed(): Promise<number> {
    return Object.keys((await this.#expanded()) as object).length;
  }

  async allRunning(count: number): Promise<void> {
    const deadlineMs = performance.now() + patienceMs;
    for (;;) {
      const shown = (await this.#expanded()) as Record<string, { status?: { tasks: { state: string }[] } }>;
      const running = Object.values(shown).filter(({ status }) => status?.tasks[0]?.state === 'RUNNING').length;
      if (running === count) return;
      if (performance.now() > deadlineMs) throw new Error(`Only ${running} of ${count} connectors run`);
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

function show(figures: Readonly<Record<string, Spread>>, { idle, many }: Sizes): void {
  const of = (key: string, unit: string): string =>
    `${showSpread(figures[key]!, (value) => (value < 100 ? value.toPrecision(3) : value.toFixed(0)))} ${unit}`;
  const rows: readonly (readonly [what: string, figures: string])[] = [
    ['no connectors', of('emptyMb', 'MB')],
    [`${idle} connectors idle`, `${of('idleMb', 'MB')}, ${of('idleCpuPercent', '% of a core')}`],
    ['a create answers in', `${of('createMs', 'ms')}, ${of('createCpuMs', 'ms of its processor time')}`],
    [`${many} connectors made in`, `${of('createAllMs', 'ms')}, ${of('loadedMb', 'MB')}`],
    ['listed with expand in', of('listWithExpandMs', 'ms')],
    ['deleted in', `${of('deleteAllMs', 'ms')}, ${of('peakMb', 'MB at most')}`],
  ];
  for (const [what, told] of rows) console.log(`${what.padEnd(26)} ${told}`);
}
