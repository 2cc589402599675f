/**
 * Three workers, each a process, in front of one real Kafka. Told are how evenly they share; how long it takes, seen from
 * the feeds, until all connectors of one that leaves, or is killed, are connected elsewhere; and whether any other
 * connector lost its connection. Each feed sends ten messages a second, so that whoever leaves has something to write.
 */
import { FeedPerPath } from './support/feed-per-path.ts';
import { processUse } from './support/process.ts';
import { type Spread, spread } from './support/stats.ts';
import { openTarget } from './support/targets.ts';
import { startTributary, type Tributary } from './support/tributary.ts';

const workers = 3;
const patienceMs = 120_000;

export interface WorkersFigures {
  readonly benchmark: 'recovery';
  readonly broker: 'workers';
  readonly workers: number;
  readonly connectors: number;
  readonly sessionTimeoutMs: number;
  /** The largest distance of a worker's share from the mean. */
  readonly unevenPercent: Spread;
  /** From the signal until the last connector that moved was connected elsewhere. */
  readonly leaveMs: Spread;
  /** Of each connector that moved by a clean leave: from the end of its connection to the next one. */
  readonly leaveGapMs: Spread;
  readonly killMs: Spread;
  /** Of each worker that stays, from the signal until all have moved. */
  readonly moveCpuMs: Spread;
  /** Of each worker at a round's end. */
  readonly peakMb: Spread;
  /** Connectors that went from one of the others to another, for the balance. */
  readonly movedBeside: number;
  /** Connectors that stayed where they were and lost their connection all the same. */
  readonly interrupted: number;
}

export async function recoverWorkers(smoke: boolean, runs: number): Promise<WorkersFigures> {
  const connectors = smoke ? 9 : 300;
  const sessionTimeoutMs = smoke ? 3000 : 10_000;
  /** Of the mean; what the workers keep to. A few connectors are hashed as chance will have it. */
  const evenEnough = smoke ? 0.9 : 0.2;
  await using target = await openTarget('kafka', '');
  await using feed = await FeedPerPath.listen();
  await using stack = new AsyncDisposableStack();
  const start = async (): Promise<Tributary> => {
    const worker = await startTributary({
      broker: target.address,
      worker: { 'group.id': 'recovery', 'session.timeout.ms': sessionTimeoutMs },
      connectors: {},
    });
    stack.defer(() => worker[Symbol.asyncDispose]());
    while (!(await worker.isUp())) await pause(50);
    return worker;
  };
  const running: Tributary[] = [];
  for (let i = 0; i < workers; i++) running.push(await start());
  for (let i = 0; i < connectors; i++) await create(running[i % workers]!, `feed-${i}`, feed.url);

  const took = { leave: [] as number[], kill: [] as number[] };
  const uneven: number[] = [];
  const gaps: number[] = [];
  const moveCpuMs: number[] = [];
  const peakMb: number[] = [];
  let movedBeside = 0;
  let interrupted = 0;
  for (let round = 0; round < runs; round++) {
    for (const how of ['leave', 'kill'] as const) {
      const shares = await shared(running, feed, connectors, evenEnough);
      uneven.push(unevenness(shares) * 100);
      const gone = running.shift()!;
      const moves = shares.get(gone)!;
      const before = running.map(({ pid }) => processUse(pid).cpuMs);
      const sinceMs = performance.now();
      const ended = how === 'leave' ? gone.stop() : gone.kill();
      await feed.allSince(moves, sinceMs, patienceMs);
      for (const [at, { pid }] of running.entries()) {
        const use = processUse(pid);
        moveCpuMs.push(use.cpuMs - before[at]!);
        peakMb.push(use.peakMb);
      }
      await ended;
      took[how].push(Math.max(...moves.map((name) => feed.openedAtMs(name))) - sinceMs);
      if (how === 'leave') gaps.push(...moves.map((name) => feed.openedAtMs(name) - feed.closedAtMs(name)));
      const after = await sharesOf(running);
      for (const worker of running) {
        const still = new Set(after.get(worker));
        for (const name of shares.get(worker)!) {
          if (!still.has(name)) movedBeside++;
          else if (feed.closedAtMs(name) > sinceMs || feed.openedAtMs(name) > sinceMs) interrupted++;
        }
      }
      running.push(await start());
    }
  }
  return {
    benchmark: 'recovery',
    broker: 'workers',
    workers,
    connectors,
    sessionTimeoutMs,
    unevenPercent: spread(uneven),
    leaveMs: spread(took.leave),
    leaveGapMs: spread(gaps),
    killMs: spread(took.kill),
    moveCpuMs: spread(moveCpuMs),
    peakMb: spread(peakMb),
    movedBeside,
    interrupted,
  };
}

async function create(worker: Tributary, name: string, url: string): Promise<void> {
  const config = { 'connector.class': 'websocket', 'websocket.url': `${url}/${name}`, 'kafka.topic': 'recovery' };
  const answer = await fetch(`${worker.url}/connectors`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, config }),
  });
  if (answer.status !== 201) throw new Error(`Creating ${name} was answered with ${answer.status}`);
  await answer.text();
}

type Shares = ReadonlyMap<Tributary, readonly string[]>;

/** Waits until all run on these workers, evenly, and are connected; the caller sees it where that did not come to be. */
async function shared(
  among: readonly Tributary[],
  feed: FeedPerPath,
  connectors: number,
  evenEnough: number,
): Promise<Shares> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const shares = await sharesOf(among);
    const running = [...shares.values()].reduce((sum, names) => sum + names.length, 0);
    if (running === connectors && feed.heard === connectors && unevenness(shares) <= evenEnough) return shares;
    if (performance.now() > deadlineMs) {
      const counts = [...shares.values()].map(({ length }) => length);
      throw new Error(`Of ${connectors} connectors the workers run ${counts.join(', ')}`);
    }
    await pause(100);
  }
}

async function sharesOf(among: readonly Tributary[]): Promise<Shares> {
  const shares = new Map(among.map((worker): [Tributary, string[]] => [worker, []]));
  const byAddress = new Map(among.map((worker) => [new URL(worker.url).host, shares.get(worker)!]));
  const answer = await fetch(`${among[0]!.url}/connectors?expand=status`);
  const told = (await answer.json()) as Record<string, { readonly status?: Status }>;
  for (const [name, { status }] of Object.entries(told)) {
    const [task] = status?.tasks ?? [];
    if (task?.state === 'RUNNING') byAddress.get(task.worker_id)?.push(name);
  }
  return shares;
}

interface Status {
  readonly tasks: readonly { readonly state: string; readonly worker_id: string }[];
}

function unevenness(shares: Shares): number {
  const counts = [...shares.values()].map(({ length }) => length);
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return Math.max(...counts.map((count) => Math.abs(count - mean))) / mean;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
