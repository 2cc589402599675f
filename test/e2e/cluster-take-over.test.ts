/** Connectors of a cluster of Kafka Connect's own are continued: its topics are ours, as they are. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { kafkaConnectMissing, startKafkaConnect } from '../support/kafka-connect.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { startFeed } from './support/feed.ts';
import { tributary, until } from './support/run.ts';
import { startWorker } from './support/worker.ts';

const skip = (await kafkaMissing()) || (await kafkaConnectMissing());
const patienceMs = 60_000;

test('connectors that a real worker of Kafka Connect has made are continued where it ended', {
  skip,
  timeout: 300_000,
}, async () => {
  await using kafka = await startKafka();
  await using folder = await tempFolder('take-over');
  await using feed = await startFeed();
  await using connect = await startKafkaConnect(kafka.bootstrap, 'moved');
  const config = (name: string) => ({
    name,
    'connector.class': 'io.conduktor.connect.websocket.WebSocketSourceConnector',
    'websocket.url': feed.url,
    'websocket.subscription.message': 'go',
    'kafka.topic': name,
    'topic.creation.default.partitions': '1',
    'topic.creation.default.replication.factor': '1',
  });
  const ask = async (base: string, request: string, body?: unknown): Promise<{ status: number; body: unknown }> => {
    const [method = '', path = ''] = request.split(' ');
    const json = { 'content-type': 'application/json' };
    const sent = body === undefined ? { method } : { method, headers: json, body: JSON.stringify(body) };
    const answer = await fetch(base + path, sent);
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  const states = async (base: string): Promise<Record<string, string>> => {
    const { body } = await ask(base, 'GET /connectors?expand=status');
    const told = body as Record<string, { status?: { connector: { state: string }; tasks: { state: string }[] } }>;
    return Object.fromEntries(
      Object.entries(told).map(([name, { status }]) => [
        name,
        `${status?.connector.state} [${status?.tasks.map(({ state }) => state).join()}]`,
      ]),
    );
  };
  const wanted = { running: 'RUNNING [RUNNING]', paused: 'PAUSED [PAUSED]', stopped: 'STOPPED []' };
  for (const name of Object.keys(wanted)) {
    equal((await ask(connect.url, 'POST /connectors', { name, config: config(name) })).status, 201);
  }
  const offsets = async (base: string, name: string): Promise<unknown> =>
    (await ask(base, `GET /connectors/${name}/offsets`)).body;
  const last = { partition: { websocket_url: feed.url }, offset: { session_id: 'java', sequence: 5 } };
  for (const name of Object.keys(wanted)) {
    const stored = async (): Promise<boolean> =>
      JSON.stringify((await offsets(connect.url, name)) ?? null).includes('"sequence":5');
    await until(`offsets of "${name}"`, stored, patienceMs);
  }
  equal((await ask(connect.url, 'PUT /connectors/paused/pause')).status, 202);
  equal((await ask(connect.url, 'PUT /connectors/stopped/stop')).status, 204);
  const areAsWanted = async (base: string): Promise<boolean> => {
    const told = await states(base);
    return Object.entries(wanted).every(([name, state]) => told[name] === state);
  };
  await until('one of each state', () => areAsWanted(connect.url), patienceMs);

  const { path: cwd } = folder;
  await copyFile(connect.workerFile, join(cwd, 'worker.properties'));
  const refused = await tributary(['connect', 'worker.properties', '--listen', '127.0.0.1:0'], { cwd });
  equal(refused.code, 1, 'while the real one runs');
  match(refused.stderr, /Cannot join group "moved": its members are not workers of this program\. Where Kafka Connect/);

  await connect.stop();
  await using worker = await startWorker(['connect', 'worker.properties'], { cwd });
  await until('the same states', () => areAsWanted(worker.url), patienceMs);
  deepEqual((await ask(worker.url, 'GET /connectors/running/config')).body, config('running'));
  deepEqual(await offsets(worker.url, 'paused'), { offsets: [last] });
  await worker.holds('running', 8);
  const values = (await worker.records('running')).map(({ value }) => value);
  deepEqual(
    values.slice(0, 5),
    [1, 2, 3, 4, 5].map((n) => `java-${n}`),
  );
  deepEqual(values[5], '{"n":0,"product_id":"BTC-USD"}');
  await until(
    'the sequence goes on behind the last of Java',
    async () => JSON.stringify(await offsets(worker.url, 'running')).includes('"sequence":8'),
    patienceMs,
  );
  deepEqual((await ask(worker.url, 'GET /connectors/running/topics')).body, { running: { topics: ['running'] } });
  equal((await ask(worker.url, 'PUT /connectors/stopped/resume')).status, 202);
  equal((await ask(worker.url, 'PUT /connectors/paused/resume')).status, 202);
  await until(
    'all run',
    async () => Object.values(await states(worker.url)).every((s) => s === wanted.running),
    patienceMs,
  );
  await until('each has subscribed', async () => feed.subscriptions.length >= 3, patienceMs);
});
