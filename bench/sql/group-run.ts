/** One run of an application that workers of a group share, each a process of its own. */
import { codecs } from '../../src/app/codecs.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import type { KafkaServer } from '../../test/support/kafka.ts';
import { processUse } from '../support/process.ts';
import { groups } from '../support/trades.ts';
import { startTributary, type Tributary } from '../support/tributary.ts';
import { closedWindows, lossesAmong, windowRows } from './windows.ts';

export interface PartsJob {
  readonly kafka: KafkaServer;
  readonly input: string;
  readonly parts: number;
  readonly count: number;
  readonly firstMs: number;
}

export interface GroupRun {
  /** Of the connector, of the group and of the topic that is written. */
  readonly name: string;
  readonly scriptFrom: (start: 'earliest' | 'latest') => string;
  readonly workers: number;
}

export interface PartsRun {
  readonly perSecond: number;
  /** A row, of all workers together. */
  readonly cpuUs: number;
  readonly kafkaUs: number;
  readonly peakMb: number;
  /** How much more than its share the worker with most rows has read. */
  readonly unevenPercent: number;
  readonly lost: number;
  readonly doubled: number;
}

const patienceMs = 120_000;
/** Tasks are moved for the sake of balance where it is worth it; what is uneven then stays so, and is told. */
const balanceMs = 10_000;
const lookMs = 50;

export async function measureGroup(job: PartsJob, { name, scriptFrom, workers }: GroupRun): Promise<PartsRun> {
  const { kafka, parts, count } = job;
  let run: Omit<PartsRun, 'lost' | 'doubled'>;
  {
    await using all = new AsyncDisposableStack();
    const options = { broker: `kafka://${kafka.bootstrap}`, connectors: {}, worker: { 'group.id': name } };
    const starting = Array.from({ length: workers }, async () => all.use(await startTributary(options)));
    const started = await Promise.all(starting);
    await until('the workers to be up', async () =>
      (await Promise.all(started.map((one) => one.isUp()))).every(Boolean),
    );
    const { url } = started[0]!;
    const configure = (generation: string, start: 'earliest' | 'latest'): Promise<void> => {
      const config = { 'connector.class': 'sql', 'tasks.max': String(parts), 'sql.text': scriptFrom(start) };
      return ask('PUT', `${url}/connectors/${name}/config`, { ...config, 'checkpoint.generation': generation });
    };
    // It has nothing to read until its tasks are shared out: who has them then begins with all others.
    await configure('shared out', 'latest');
    const evenly = Math.ceil(parts / workers);
    const sharedAtMs = performance.now() + balanceMs;
    await until(`${parts} running tasks`, async () => {
      const counts = await tasksByWorker(url, name);
      const isEven = counts.every((tasks) => tasks <= evenly);
      return sum(counts) === parts && (isEven || performance.now() > sharedAtMs);
    });
    await configure('measured', 'earliest');
    run = await timeRows(started, job);
    await until('its last rows', async () => (await endOf(job, name)) >= closedWindows(count) * groups);
    for (const worker of started) await worker.stop();
  }
  await using broker = await openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs });
  return { ...run, ...(await lossesAmong(windowRows(broker, name), count, job.firstMs)) };
}

interface Look {
  readonly atMs: number;
  readonly rows: readonly number[];
  readonly cpuMs: number;
  readonly kafkaMs: number;
}

async function timeRows(
  workers: readonly Tributary[],
  { kafka, count }: PartsJob,
): Promise<Omit<PartsRun, 'lost' | 'doubled'>> {
  const look = async (): Promise<Look> => {
    const rows = await Promise.all(workers.map((worker) => worker.metric('tributary_sql_query_rows_in')));
    const cpuMs = sum(workers.map(({ pid }) => processUse(pid).cpuMs));
    return { atMs: performance.now(), rows, cpuMs, kafkaMs: processUse(kafka.pid).cpuMs };
  };
  let first: Look | undefined;
  let last = await look();
  await until(`${count} rows`, async () => {
    const before = last;
    last = await look();
    // Where the first look at anything is the last one, the one before it has to do.
    if (sum(last.rows) > 0) first ??= sum(last.rows) < count ? last : before;
    return sum(last.rows) >= count;
  });
  const rows = sum(last.rows) - sum(first!.rows);
  return {
    perSecond: rows / ((last.atMs - first!.atMs) / 1000),
    cpuUs: ((last.cpuMs - first!.cpuMs) * 1000) / rows,
    kafkaUs: ((last.kafkaMs - first!.kafkaMs) * 1000) / rows,
    peakMb: sum(workers.map(({ pid }) => processUse(pid).peakMb)),
    unevenPercent: (Math.max(...last.rows) / (sum(last.rows) / workers.length) - 1) * 100,
  };
}

/** Those that run, of the workers that have any. */
async function tasksByWorker(url: string, name: string): Promise<readonly number[]> {
  const answer = await fetch(`${url}/connectors/${name}/status`);
  if (!answer.ok) return [];
  const { tasks } = (await answer.json()) as { tasks: { state: string; worker_id: string }[] };
  const counts = new Map<string, number>();
  for (const { state, worker_id: worker } of tasks)
    if (state === 'RUNNING') counts.set(worker, (counts.get(worker) ?? 0) + 1);
  return [...counts.values()];
}

/** In a transaction the last offset may be that of its marker. */
async function endOf({ kafka }: PartsJob, topic: string): Promise<number> {
  await using broker = await openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs });
  return await broker.offset(topic, 0, 'latest', { isolation: 'read-committed' });
}

async function ask(method: string, url: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${url} was refused: ${await answer.text()}`);
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`Waited ${patienceMs / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0);
}
