/** Several workers, each a process, in front of one Kafka: they share connectors, and take over from each other. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { startFeed } from './support/feed.ts';
import { until } from './support/run.ts';
import { type StartedWorker, startWorker } from './support/worker.ts';

const skip = await kafkaMissing();
const kafka = skip === false ? await startKafka() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

const sessionMs = 3_000;
const patienceMs = 60_000;
/** On a machine that does other work as well; `npm run bench -- recovery` measures. */
const slackMs = 5_000;

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

async function ask(worker: StartedWorker, request: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const [method = '', path = ''] = request.split(' ');
  const answer = await fetch(worker.url + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
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

const connector = (url: string, topic: string): Record<string, string> => ({
  'connector.class': 'websocket',
  'websocket.url': url,
  'websocket.subscription.message': 'go',
  'websocket.reconnect.interval.ms': '50',
  'kafka.topic': topic,
});

test('two workers share connectors; one that is killed is replaced within the session timeout', {
  skip,
  timeout: 180_000,
}, async () => {
  await using folder = await tempFolder('cluster');
  await using feed = await startFeed();
  await using a = await start(folder, 'pair');
  await using b = await start(folder, 'pair');
  for (let n = 0; n < 10; n++) {
    const { status } = await ask(n % 2 === 0 ? a : b, 'POST /connectors', {
      name: `feed-${n}`,
      config: connector(feed.url, `pair-${n}`),
    });
    equal(status, 201);
  }
  const counts = await shared(a, 10, [a, b]);
  ok(Math.min(...counts.values()) >= 2, `shared as ${JSON.stringify([...counts])}`);
  await until('10 subscriptions', async () => feed.subscriptions.length === 10, patienceMs);
  deepEqual(await statuses(a), await statuses(b));

  const killedAtMs = performance.now();
  a.child.kill('SIGKILL');
  await shared(b, 10, [b]);
  const tookMs = performance.now() - killedAtMs;
  ok(tookMs < sessionMs + 1000 + slackMs, `taken over after ${tookMs} ms`);
  const moved = counts.get(addressOf(a)) ?? 0;
  await until('subscriptions of what has moved', async () => feed.subscriptions.length >= 10 + moved, patienceMs);
  equal(feed.subscriptions.length, 10 + moved, 'what had not moved was not interrupted');
});
