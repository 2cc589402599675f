/** A SQL application that three workers share, each a process: one is killed under load, and nobody can tell by what comes out. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { closingRows, feedRows, makePartTopics, outRows, partRow, partScript, wantedOf } from '../support/sql-parts.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { until } from './support/run.ts';
import { type StartedWorker, startWorker } from './support/worker.ts';

const skip = await kafkaMissing();
const kafka = skip === false ? await startKafka() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

const parts = 4;
const patienceMs = 120_000;

async function start(folder: TempFolder): Promise<StartedWorker> {
  const text = `broker: kafka://${kafka!.bootstrap}\nworker: { group.id: parts, session.timeout.ms: 3000 }\n`;
  await writeFile(join(folder.path, 'worker.yaml'), text);
  return startWorker(['start', 'worker.yaml'], { cwd: folder.path });
}

interface Task {
  readonly state: string;
  readonly worker_id: string;
  readonly trace?: string;
}

async function tasksOf(worker: StartedWorker): Promise<readonly Task[]> {
  const answer = await fetch(`${worker.url}/connectors/buyers/status`);
  return answer.ok ? ((await answer.json()) as { tasks: Task[] }).tasks : [];
}

/** What each partition that the part reads has still to give, by the metrics of whoever runs it. NaN where nobody says. */
async function lagsOf(workers: readonly StartedWorker[], part: number): Promise<readonly number[]> {
  const texts = await Promise.all(workers.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
  const series = new RegExp(`^tributary_sql_source_lag\\{connector="buyers",[^}]*part="${part}",[^}]*\\} (\\S+)`, 'gm');
  const lags = [...texts.join('\n').matchAll(series)].map(([, lag]) => Number(lag));
  return lags.length === 0 ? [Number.NaN] : lags;
}

/** Resolves when all tasks run on these workers alone. */
async function runsOn(workers: readonly StartedWorker[]): Promise<readonly Task[]> {
  const addresses = workers.map(({ url }) => new URL(url).host);
  let tasks: readonly Task[] = [];
  const isSo = async (): Promise<boolean> => {
    tasks = await tasksOf(workers[0]!);
    return (
      tasks.length === parts && tasks.every(({ state, worker_id: on }) => state === 'RUNNING' && addresses.includes(on))
    );
  };
  await until(`${parts} tasks running on ${addresses.join(', ')}`, isSo, patienceMs);
  return tasks;
}

test('three workers, one killed under load, give what one gives that nobody disturbs', {
  skip,
  timeout: 400_000,
}, async () => {
  // Its first query groups by what is not the record key, its second by what is no key of the first: two repartition topics.
  const script = partScript(
    'kind LONG, n LONG, m LONG, w LONG',
    `INSERT INTO Buyers SELECT buyer, size % 3 AS kind, COUNT(*) AS n, SUM(size) AS m FROM Trades WINDOW TUMBLING(100 ms) GROUP BY buyer, size % 3;
     INSERT INTO Out SELECT kind, SUM(n) AS n, SUM(m) AS m, WINDOW_END() AS w FROM Buyers WINDOW TUMBLING(300 ms) GROUP BY kind;`,
  );
  const total = process.env['TEST_LONG'] === '1' ? 60_000 : 12_000;
  const rows = [...Array.from({ length: total }, (_, index) => partRow(index)), ...closingRows(parts, total * 10)];
  const wanted = wantedOf(script, rows);
  ok(wanted.length > 100);
  await using folder = await tempFolder('sql-parts');
  await using broker = await openKafkaBroker({ bootstrap: [kafka!.bootstrap], codecs });
  await makePartTopics(broker, parts);
  const [a, b, c] = await Promise.all([start(folder), start(folder), start(folder)]);
  await using workers = new AsyncDisposableStack();
  for (const worker of [a, b, c]) workers.use(worker);
  const config = {
    'connector.class': 'sql',
    'tasks.max': String(parts),
    'sql.text': script,
    'checkpoint.interval.ms': '200',
  };
  const created = await fetch(`${a.url}/connectors`, {
    method: 'POST',
    body: JSON.stringify({ name: 'buyers', config }),
    headers: { 'content-type': 'application/json' },
  });
  equal(created.status, 201);
  const before = await runsOn([a, b, c]);
  // Whoever answers is asked; one that has a task is killed.
  const killed = [c, b].find(({ url }) => before.some(({ worker_id: on }) => on === new URL(url).host)) ?? c;
  const left = [a, b, c].filter((worker) => worker !== killed);
  let fed = 0;
  const feedTo = async (end: number): Promise<void> => {
    for (; fed < end; fed += 500) await feedRows(broker, rows.slice(fed, fed + 500), parts);
  };
  await feedTo(total * 0.4);
  await until('rows of the application', async () => (await outRows(broker)).length > 20, patienceMs);
  const feeding = feedTo(total * 0.8);
  await killed.stop('SIGKILL');
  await feeding;
  await runsOn(left);
  await feedTo(rows.length);
  await until('all rows', async () => (await outRows(broker)).length >= wanted.length, patienceMs);
  deepEqual(await outRows(broker), wanted);
  // What has moved has gone on from its checkpoint, and that can be seen.
  const moved = before.flatMap(({ worker_id: on }, task) => (on === new URL(killed.url).host ? [task] : []));
  for (const part of moved) {
    const said = left.some(({ stderr, stdout }) =>
      `${stderr()}\n${stdout()}`
        .split('\n')
        .some((line) => line.includes('sql_restored') && new RegExp(`part[="a-z:]*${part}\\b`).test(line)),
    );
    ok(said, `part ${part} was restored`);
    await until(`the lag of part ${part} is told by who has it now, and is none any more`, async () =>
      (await lagsOf(left, part)).every((lag) => lag === 0),
    );
  }
  for (const worker of left) equal(await worker.metric('tributary_sql_restoring'), 0);
  for (const worker of left) await worker.stop('SIGTERM');
});
