import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fastify from 'fastify';
import { fakeWorker } from '../../../test/support/fake-worker.ts';
import { type Schema, shapeProblems } from '../../../test/support/json-schema.ts';
import { type MemoryBroker, memoryBroker } from '../../../test/support/memory-broker.ts';
import { buildRestServer } from '../../rest/server.ts';
import { recordingLog } from '../../telemetry/log.ts';
import { Loggers } from '../../telemetry/loggers.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import type { OpenApiDocument } from '../../wire/connect/openapi/document.ts';
import { schemas } from '../../wire/connect/openapi/schemas.ts';
import { spoolOperations } from '../../wire/connect/openapi/spool-operations.ts';
import { sqlOperations } from '../../wire/connect/openapi/sql-operations.ts';
import { topicOperations } from '../../wire/connect/openapi/topic-operations.ts';
import { localSpool } from '../spool/local-spool.ts';
import { localAccess } from '../topics/local-access.ts';
import { spoolRoutes } from './spool.ts';
import { sqlRoutes } from './sql.ts';
import { topicApi } from './topic-api.ts';

interface Served extends AsyncDisposable {
  readonly url: string;
  readonly broker: MemoryBroker;
  readonly stopping: AbortController;
}

async function serve(): Promise<Served> {
  const broker = memoryBroker();
  await broker.createTopic({ name: 't', partitions: 1 });
  const server = fastify({ forceCloseConnections: 'idle' });
  const stopping = new AbortController();
  const topics = localAccess(broker);
  await topicApi(server, topics, stopping.signal);
  await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    url: `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    broker,
    stopping,
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await server.close();
    },
  };
}

function produce(url: string, topic: string, body: string, type = 'application/x-ndjson'): Promise<Response> {
  return fetch(`${url}/produce/${topic}`, { method: 'POST', headers: { 'content-type': type }, body });
}

test('what is produced can be tapped', async () => {
  await using served = await serve();
  const answer = await produce(served.url, 't', '{"value":"a"}\n{"key":"k","value":null,"timestamp":5}\n');
  deepEqual([answer.status, await answer.json()], [200, { topic: 't', records: 2 }]);
  const tapped = await fetch(`${served.url}/tap/t?follow=false`);
  match(tapped.headers.get('content-type')!, /^application\/x-ndjson/);
  const records = (await tapped.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  deepEqual(
    records.map(({ offset, key, value }) => [offset, key, value]),
    [
      [0, null, 'a'],
      [1, 'k', null],
    ],
  );
  equal(records[1].timestamp, 5);
});

test('tap begins to answer before there is a record, and ends with the server', async () => {
  await using served = await serve();
  const answer = await fetch(`${served.url}/tap/t`);
  equal(answer.status, 200);
  await produce(served.url, 't', '{"value":"a"}');
  const reader = answer.body!.getReader();
  match(Buffer.from((await reader.read()).value!).toString(), /"value":"a"/);
  served.stopping.abort();
  equal((await reader.read()).done, true);
});

const refused: readonly (readonly [path: string, status: number, message: RegExp])[] = [
  ['/tap/nothing', 404, /^Topic "nothing" does not exist/],
  ['/tap/t?form=1', 400, /^Unknown parameter "form"/],
  ['/tap/t?follow=maybe', 400, /^Cannot use follow="maybe"/],
  ['/tap/t?limit=-1', 400, /^Cannot use limit="-1"/],
  ['/tap/t?from=x', 400, /^Cannot read from "x"/],
  ['/tap/t?partition=9', 404, /has no partition 9/],
  ['/tap/t?from=7&follow=false', 400, /./],
  ['/topics/nothing', 404, /^Topic "nothing" does not exist/],
];

for (const [path, status, message] of refused) {
  test(`GET ${path} is refused with ${status} and a reason`, async () => {
    await using served = await serve();
    const answer = await fetch(served.url + path);
    const body = (await answer.json()) as { error_code: number; message: string };
    deepEqual([answer.status, body.error_code], [status, status]);
    match(body.message, message);
  });
}

test('a slow client holds back the reading, not the memory', async () => {
  await using served = await serve();
  const value = 'x'.repeat(100_000);
  await produce(served.url, 't', Array.from({ length: 300 }, () => JSON.stringify({ value })).join('\n'));
  let read = 0;
  const { read: original } = served.broker;
  served.broker.read = async function* (options) {
    for await (const turn of original.call(served.broker, { ...options, maxBytes: 100_000 })) {
      for (const record of turn.records) {
        read++;
        yield { ...turn, records: [record] };
      }
    }
  };
  const request = get(`${served.url}/tap/t?from=earliest`);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.pause();
  let before = -1;
  while (read !== before) {
    before = read;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  ok(read < 200, `${read} of 300 records were read for a client that takes none`);
  response.resume();
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > 300 * value.length) break;
  }
  equal(read, 300);
});

test('a page of another site cannot produce: its content types are refused', async () => {
  await using served = await serve();
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json']) {
    equal((await produce(served.url, 't', '{"value":"a"}', type)).status, 415);
  }
  deepEqual(served.broker.values('t'), []);
});

test('a bad line is refused with its number', async () => {
  await using served = await serve();
  const answer = await produce(served.url, 't', '{"value":"a"}\n{"value":\n');
  equal(answer.status, 400);
  match(((await answer.json()) as { message: string }).message, /^Line 2 of the input: Cannot read a record: no JSON/);
});

test('topics are listed, made, described and deleted', async () => {
  await using served = await serve();
  const post = (body: unknown): Promise<Response> =>
    fetch(`${served.url}/topics`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  equal((await post({ name: 'u', partitions: 2, config: { 'retention.ms': 1000 } })).status, 201);
  equal((await post({ name: 'u' })).status, 409);
  equal((await post({ nmae: 'v' })).status, 400);
  deepEqual(await (await fetch(`${served.url}/topics`)).json(), [
    { name: 't', partitions: 1, records: 0 },
    { name: 'u', partitions: 2, records: 0 },
  ]);
  const { config, partitions } = (await (await fetch(`${served.url}/topics/u`)).json()) as {
    config: object;
    partitions: unknown[];
  };
  deepEqual([config, partitions.length], [{ 'retention.ms': '1000' }, 2]);
  equal((await fetch(`${served.url}/topics/u`, { method: 'DELETE' })).status, 204);
  equal((await fetch(`${served.url}/topics/u`, { method: 'DELETE' })).status, 404);
});

test('every route beside those of Kafka Connect stands in the document of the whole server, and no other does', async () => {
  const server = buildRestServer({
    worker: fakeWorker(),
    registry: new MetricRegistry(),
    version: '1',
    maskSecrets: false,
    log: recordingLog([]),
    loggers: new Loggers('INFO', () => 0),
    moreOperations: [...topicOperations, ...sqlOperations, ...spoolOperations],
  });
  const routes = new Set<string>(['GET /metrics']); // declared before the hook
  server.addHook('onRoute', ({ method, url }) => {
    for (const verb of [method].flat()) {
      if (verb !== 'HEAD') routes.add(`${verb} ${url.replace(/(?<=.)\/$/, '').replace(':name', ':connector')}`);
    }
  });
  await topicApi(server, localAccess(memoryBroker()), new AbortController().signal);
  sqlRoutes(server);
  spoolRoutes(
    server,
    localSpool(() => undefined),
    new AbortController().signal,
  );
  const document = (await server.inject('/openapi.json')).json<OpenApiDocument>();
  const described = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.keys(verbs).map((verb) => `${verb.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
  deepEqual(described.sort(), [...routes].sort());
  ok(described.includes('GET /tap/:topic'));
});

test('answers about topics and records have the shapes that the document says', async () => {
  await using served = await serve();
  const fits = (value: unknown, name: keyof typeof schemas): void =>
    deepEqual(shapeProblems(value, schemas[name] as Schema, schemas), []);
  const record = { key: 'k', value: 'v', headers: [{ key: 'h', value: null }] };
  fits(await (await produce(served.url, 't', `${JSON.stringify(record)}\n`)).json(), 'Produced');
  const bytes = { value: '/w==', valueEncoding: 'base64' };
  fits(bytes, 'RecordInput');
  await produce(served.url, 't', `${JSON.stringify(bytes)}\n`);
  const tapped = await (await fetch(`${served.url}/tap/t?follow=false`)).text();
  for (const line of tapped.trim().split('\n')) fits(JSON.parse(line), 'TapRecord');
  for (const summary of (await (await fetch(`${served.url}/topics`)).json()) as unknown[])
    fits(summary, 'TopicSummary');
  fits(await (await fetch(`${served.url}/topics/t`)).json(), 'TopicDetails');
  fits(await (await fetch(`${served.url}/topics/none`)).json(), 'ErrorBody');
});
