/** Several workers, each a process, in front of one Kafka: they share connectors, and take over from each other. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { codecs } from '../../src/app/codecs.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { makeCertificates } from '../support/certificates.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { makePartTopics, partScript } from '../support/sql-parts.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { numbersOf, startFeed } from './support/feed.ts';
import { assertComplete, eventsConnector, startNumberedEvents } from './support/numbered-events.ts';
import { until } from './support/run.ts';
import { askOver, type SafeWorker, startSafeWorker } from './support/safe-worker.ts';
import { type StartedWorker, startWorker } from './support/worker.ts';

const skip = await kafkaMissing();
const kafka = skip === false ? await startKafka() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

const sessionMs = 3_000;
const patienceMs = 60_000;
/** On a machine that does other work as well; `npm run bench -- recovery` measures. */
const slackMs = 15_000;

interface State {
  readonly state: string;
  readonly worker_id: string;
}
interface Status {
  readonly connector: State;
  readonly tasks: readonly State[];
}

async function start(folder: TempFolder, group: string): Promise<StartedWorker> {
  const file = `${group}.yaml`;
  const text = `broker: kafka://${kafka!.bootstrap}\nworker: { group.id: ${group}, session.timeout.ms: ${sessionMs} }\n`;
  await writeFile(join(folder.path, file), text);
  return startWorker(['start', file], { cwd: folder.path });
}

function addressOf({ url }: StartedWorker): string {
  return new URL(url).host;
}

interface Answer {
  readonly status: number;
  readonly location: string | null;
  readonly body: unknown;
}

async function ask(worker: StartedWorker, request: string, body?: unknown): Promise<Answer> {
  const [method = '', path = ''] = request.split(' ');
  const answer = await fetch(worker.url + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    location: answer.headers.get('location'),
    body: text === '' ? undefined : JSON.parse(text),
  };
}

async function statuses(worker: StartedWorker): Promise<ReadonlyMap<string, Status>> {
  const { body } = await ask(worker, 'GET /connectors?expand=status');
  const entries = Object.entries(body as Record<string, { status?: Status }>);
  return new Map(entries.flatMap(([name, { status }]) => (status === undefined ? [] : [[name, status] as const])));
}

/** Waits until all of so many tasks run, on these workers alone; gives how many run on each. */
async function shared(
  asked: StartedWorker,
  tasks: number,
  among: readonly StartedWorker[],
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const addresses = among.map(addressOf);
  await until(
    `${tasks} tasks running on ${addresses.join(', ')}`,
    async () => {
      counts.clear();
      for (const { tasks: each } of (await statuses(asked)).values()) {
        for (const { state, worker_id: on } of each) {
          if (state === 'RUNNING' && addresses.includes(on)) counts.set(on, (counts.get(on) ?? 0) + 1);
        }
      }
      return [...counts.values()].reduce((sum, count) => sum + count, 0) === tasks && counts.size === among.length;
    },
    patienceMs,
  );
  return counts;
}

/** Of its own tasks a worker tells more than of others. */
function withoutDetail(told: ReadonlyMap<string, Status>): unknown {
  return JSON.parse(JSON.stringify([...told], (key, value) => (key === 'detail' ? undefined : value)));
}

const connector = (url: string, topic: string): Record<string, string> => ({
  'connector.class': 'websocket',
  'websocket.url': url,
  'websocket.subscription.message': 'go',
  'websocket.reconnect.interval.ms': '50',
  'kafka.topic': topic,
});

test('workers share connectors, answer for each other, and take over from one that leaves, is killed, or is stopped', {
  skip,
  timeout: 300_000,
}, async () => {
  await using folder = await tempFolder('cluster');
  await using feed = await startFeed();
  await using a = await start(folder, 'pair');
  await using b = await start(folder, 'pair');
  for (let n = 0; n < 10; n++) {
    const [asked, other] = n % 2 === 0 ? [a, b] : [b, a];
    const config = connector(feed.url, `pair-${n}`);
    const created = await ask(asked, 'POST /connectors', { name: `feed-${n}`, config });
    deepEqual([created.status, created.location], [201, `${asked.url}/connectors/feed-${n}`]);
    ok(
      ((await ask(asked, 'GET /connectors')).body as string[]).includes(`feed-${n}`),
      'the client reads what it wrote',
    );
    const seen = async (): Promise<boolean> => ((await ask(other, 'GET /connectors')).body as string[]).length > n;
    await until('the other worker shows it', seen, 1000 + slackMs);
  }
  const counts = await shared(a, 10, [a, b]);
  ok(Math.min(...counts.values()) >= 2, `shared as ${JSON.stringify([...counts])}`);
  await until('10 subscriptions', async () => feed.subscriptions.length === 10, patienceMs);
  await until(
    'both tell the same',
    async () => isDeepStrictEqual(withoutDetail(await statuses(a)), withoutDetail(await statuses(b))),
    patienceMs,
  );
  equal((await ask(b, 'POST /connectors', { name: 'feed-0', config: connector(feed.url, 't') })).status, 409);

  // Whoever is asked, and whoever runs it.
  for (const [n, asked] of [a, b, a, b].entries()) {
    const name = `feed-${n}`;
    const is = (state: string): Promise<void> =>
      until(
        `${name} ${state} on both`,
        async () => {
          const told = await Promise.all([a, b].map(async (worker) => (await statuses(worker)).get(name)));
          return told.every((status) => status?.connector.state === state && status.tasks[0]?.state !== 'UNASSIGNED');
        },
        patienceMs,
      );
    equal((await ask(asked, `PUT /connectors/${name}/pause`)).status, 202);
    await is('PAUSED');
    equal((await ask(asked, `PUT /connectors/${name}/stop`)).status, 204);
    await is('STOPPED');
    const partition = { session: 'x' };
    const offsets = { offsets: [{ partition, offset: { n } }] };
    equal((await ask(asked, `PATCH /connectors/${name}/offsets`, offsets)).status, 200);
    await until(
      'both have the offset',
      async () => {
        const read = await Promise.all([a, b].map((worker) => ask(worker, `GET /connectors/${name}/offsets`)));
        return read.every(({ body }) => JSON.stringify(body).includes(JSON.stringify(offsets.offsets[0])));
      },
      1000 + slackMs,
    );
    equal((await ask(asked, `PUT /connectors/${name}/resume`)).status, 202);
    await is('RUNNING');
  }
  await until('all are connected again', async () => feed.subscribed() === 10, patienceMs);
  for (const [n, asked] of [a, b, a, b].entries()) {
    const before = feed.subscriptions.length;
    equal((await ask(asked, `POST /connectors/feed-${n}/restart?includeTasks=true`)).status, 202);
    await until(
      `the task of feed-${n} subscribes anew`,
      async () => feed.subscriptions.length >= before + 1,
      patienceMs,
    );
    equal((await ask(asked, `POST /connectors/feed-${n}/tasks/0/restart`)).status, 204);
    await until('and once more', async () => feed.subscriptions.length >= before + 2, patienceMs);
  }
  equal((await ask(a, 'PUT /admin/loggers/some.name?scope=cluster', { level: 'DEBUG' })).status, 204);
  await until(
    'both have the level',
    async () => {
      const levels = await Promise.all([a, b].map((worker) => ask(worker, 'GET /admin/loggers/some.name')));
      return levels.every(({ body }) => (body as { level?: string }).level === 'DEBUG');
    },
    patienceMs,
  );

  // A clean leave: what it had moves, the rest stays as it is.
  const stays = (await shared(a, 10, [a, b])).get(addressOf(a))!;
  const before = feed.subscriptions.length;
  const leftAtMs = performance.now();
  equal((await b.stop('SIGTERM')).code, 0);
  const endedAtMs = performance.now();
  await shared(a, 10, [a]);
  ok(performance.now() - endedAtMs < 1000 + slackMs, `moved ${performance.now() - leftAtMs} ms after the signal`);
  await until('what moved subscribes', async () => feed.subscriptions.length >= before + 10 - stays, patienceMs);
  equal(feed.subscriptions.length, before + 10 - stays, 'what had not moved was not interrupted');

  // One that comes gets its share; stopped for longer than its session it loses it, and comes back as one of many.
  await using c = await start(folder, 'pair');
  await shared(a, 10, [a, c]);
  await until('10 sockets', async () => feed.subscribed() === 10, patienceMs);
  c.child.kill('SIGSTOP');
  const stoppedAtMs = performance.now();
  await shared(a, 10, [a]);
  const tookMs = performance.now() - stoppedAtMs;
  ok(tookMs < sessionMs + 1000 + slackMs, `taken over after ${tookMs} ms`);
  c.child.kill('SIGCONT');
  await until('the one that was stopped closes what is not its own any more', async () => feed.subscribed() === 10);
  await shared(a, 10, [a, c]);

  const killedAtMs = performance.now();
  c.child.kill('SIGKILL');
  await shared(a, 10, [a]);
  const takenMs = performance.now() - killedAtMs;
  ok(takenMs < sessionMs + 1000 + slackMs, `taken over after ${takenMs} ms`);
  await until('10 sockets', async () => feed.subscribed() === 10, patienceMs);
  if (process.env['TEST_TIMES'] !== undefined) console.log({ left: endedAtMs - leftAtMs, tookMs, takenMs });
  equal((await ask(a, 'DELETE /connectors/feed-0')).status, 204);
  equal((await ask(a, 'GET /connectors/feed-0/status')).status, 404);
});

test('behind a worker that leaves and one that is killed the topics hold what the feeds have sent: no hole in a connection, nothing twice but what no offset was stored for', {
  skip,
  timeout: 300_000,
}, async () => {
  await using folder = await tempFolder('cluster-ledger');
  await using feed = await startFeed({ perTick: 1 });
  await using events = await startNumberedEvents();
  await using a = await start(folder, 'ledger');
  await using b = await start(folder, 'ledger');
  const sockets = ['feed-0', 'feed-1', 'feed-2', 'feed-3'];
  const streams = ['events-0', 'events-1', 'events-2', 'events-3'];
  const topics = [...sockets, ...streams];
  for (const name of topics) {
    const ofSocket = { ...connector(feed.url, name), 'websocket.subscription.message': name };
    const config = sockets.includes(name) ? ofSocket : eventsConnector(events.url, name);
    equal((await ask(a, 'POST /connectors', { name, config })).status, 201);
  }
  const allGoOn = async (): Promise<void> => {
    const held = await Promise.all(topics.map(async (topic) => (await a.records(topic)).length));
    await Promise.all(topics.map((topic, n) => a.holds(topic, held[n]! + 30)));
  };
  await shared(a, topics.length, [a, b]);
  await allGoOn();
  equal((await b.stop('SIGTERM')).code, 0);
  await shared(a, topics.length, [a]);
  await allGoOn();
  await using c = await start(folder, 'ledger');
  await shared(a, topics.length, [a, c]);
  await allGoOn();
  c.child.kill('SIGKILL');
  await shared(a, topics.length, [a]);
  await allGoOn();

  for (const topic of sockets) {
    const numbers = numbersOf(await a.records(topic));
    const isBefore = (number: number, i: number): boolean => i > 0 && number <= numbers[i - 1]!;
    equal(numbers.findIndex(isBefore), -1, `${topic}: in order, nothing twice`);
    const runs = numbers.filter((number, i) => number !== numbers[i - 1]! + 1).length;
    const connections = feed.subscriptions.filter((text) => text === topic).length;
    ok(runs <= connections, `${topic}: ${runs} pieces of ${connections} connections`);
  }
  const last = events.endAfter(20);
  for (const topic of streams) {
    const numbers = async (): Promise<number[]> => (await a.records(topic)).map(({ value }) => Number(value));
    await until(`all events in ${topic}`, async () => (await numbers()).includes(last), patienceMs);
    // Only a kill leaves records without an offset.
    assertComplete(await numbers(), last, 1);
  }
});

interface SafeTask {
  readonly id: number;
  readonly state: string;
  readonly worker_id: string;
}

const parts = 4;

test('over https with client certificates either worker answers for both, and restarts tasks of a connector on the other one', {
  skip,
  timeout: 300_000,
}, async () => {
  await using folder = await tempFolder('cluster-https');
  const certificates = await makeCertificates(folder.path);
  await using broker = await openKafkaBroker({ bootstrap: [kafka!.bootstrap], codecs });
  await makePartTopics(broker, parts);
  const options = { cwd: folder.path, certificates, broker: `kafka://${kafka!.bootstrap}` };
  const startSafe = (): Promise<SafeWorker> =>
    startSafeWorker({ ...options, worker: { 'group.id': 'safe', 'session.timeout.ms': 6000 } });
  const workers = await Promise.all([startSafe(), startSafe()]);
  await using stack = new AsyncDisposableStack();
  for (const worker of workers) stack.use(worker);
  const [a, b] = workers as [SafeWorker, SafeWorker];

  // One of the two leads; each makes, changes and deletes a connector, so that one of them has passed it on.
  for (const [n, asked] of workers.entries()) {
    const other = workers[1 - n]!;
    const config = { 'connector.class': 'websocket', 'websocket.url': 'ws://127.0.0.1:9', 'kafka.topic': 't' };
    const made = await asked.ask('POST /connectors', { name: `feed-${n}`, config });
    deepEqual([made.status, made.location], [201, `https://${asked.address}/connectors/feed-${n}`]);
    equal((await asked.ask(`PUT /connectors/feed-${n}/config`, { ...config, 'kafka.topic': 'other' })).status, 200);
    const shows = async (): Promise<boolean> => {
      const { body } = await other.ask(`GET /connectors/feed-${n}/config`);
      return (body as Record<string, string>)['kafka.topic'] === 'other';
    };
    await until('the other worker shows it', shows, patienceMs);
    equal((await other.ask(`DELETE /connectors/feed-${n}`)).status, 204);
  }
  await rejects(
    askOver(new Agent({ ca: certificates.ca }), `https://${a.address}`, 'GET /connectors'),
    'who shows no certificate is not let in',
  );

  const script = partScript('symbol STRING, n LONG', 'INSERT INTO Out SELECT symbol, size AS n FROM Trades;');
  const config = { 'connector.class': 'sql', 'tasks.max': String(parts), 'sql.text': script };
  equal((await b.ask('POST /connectors', { name: 'shared', config })).status, 201);
  const tasksAt = async (worker: SafeWorker): Promise<readonly SafeTask[]> =>
    ((await worker.ask('GET /connectors/shared/status')).body as { readonly tasks?: SafeTask[] }).tasks ?? [];
  for (const worker of workers) {
    const isShared = async (): Promise<boolean> => {
      const tasks = await tasksAt(worker);
      const on = new Set(tasks.map(({ worker_id }) => worker_id));
      return tasks.length === parts && tasks.every(({ state }) => state === 'RUNNING') && on.size === 2;
    };
    await until(`both have tasks, says ${worker.address}`, isShared, patienceMs);
  }
  deepEqual(
    new Set((await tasksAt(a)).map(({ worker_id }) => worker_id)),
    new Set(workers.map(({ address }) => address)),
  );

  // A task of each, asked of the worker that does not run it. Who ends one says so.
  const tasks = await tasksAt(a);
  for (const { address: on } of workers) {
    const { id } = tasks.find((task) => task.worker_id === on)!;
    const owner = workers.find(({ address }) => address === on)!;
    const other = workers.find(({ address }) => address !== on)!;
    const stops = (): number => owner.stdout().concat(owner.stderr()).split('\n').filter(isEndOf(id)).length;
    const before = stops();
    equal((await other.ask(`POST /connectors/shared/tasks/${id}/restart`)).status, 204);
    await until(`task ${id} ends on ${on}`, async () => stops() > before, patienceMs);
    const runs = async (): Promise<boolean> => {
      const task = (await tasksAt(other)).find((each) => each.id === id);
      return task?.state === 'RUNNING' && task.worker_id === on;
    };
    await until(`task ${id} runs there again`, runs, patienceMs);
  }
  for (const worker of workers) equal((await worker.stop('SIGTERM')).code, 0, worker.stderr());
});

function isEndOf(task: number): (line: string) => boolean {
  return (line) => line.includes('"task_stopped"') && line.includes(`"task":${task},`);
}
