import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { fakeWorker } from '../../test/support/fake-worker.ts';
import { restServer as build } from '../../test/support/rest-server.ts';
import { TributaryError } from '../base/errors.ts';
import type { LogEntry } from '../telemetry/log.ts';

const refused = (status: number, message: string) => ({ status, body: { error_code: status, message } });
const ghost = 'Connector ghost not found';
const running = { state: 'RUNNING', worker_id: '127.0.0.1:8083', version: '1.0.0' };
const status = { name: 'a', connector: running, tasks: [{ id: 0, ...running }], type: 'source' };
const config = { 'connector.class': 'Fake', name: 'a' };
const info = { name: 'a', config, tasks: [{ connector: 'a', task: 0 }], type: 'source' };

/** Request, body, and the whole answer, against a worker that runs the connector `a`. */
const exchanges: readonly (readonly [request: string, body: unknown, status: number, answer: unknown])[] = [
  ['GET /', undefined, 200, { version: '4.1.0', commit: 'tributary-0.1.0', kafka_cluster_id: 'cluster-1' }],
  ['GET /connectors', undefined, 200, ['a']],
  ['GET /connectors/', undefined, 200, ['a']],
  ['GET /connectors?foo=bar&forward=false', undefined, 200, ['a']],
  ['GET /connectors?expand=status', undefined, 200, { a: { status } }],
  ['GET /connectors?expand=info&expand=status', undefined, 200, { a: { info, status } }],
  ['GET /connectors?expand=info,status', undefined, 200, { a: {} }],
  ['GET /connectors?expand=bogus&expand=info', undefined, 200, { a: { info } }],
  ['GET /connectors/a', undefined, 200, info],
  ['GET /connectors/a/', undefined, 200, info],
  ['GET /connectors/a/config', undefined, 200, config],
  ['GET /connectors/a/status', undefined, 200, status],
  [
    'GET /connectors/a/tasks',
    undefined,
    200,
    [{ id: { connector: 'a', task: 0 }, config: { ...config, 'task.class': 'FakeTask' } }],
  ],
  ['GET /connectors/a/tasks/0/status', undefined, 200, { id: 0, ...running }],
  ['GET /connectors/a/offsets', undefined, 200, { offsets: [] }],
  ['PUT /connectors/a/pause', undefined, 202, ''],
  ['PUT /connectors/a/resume', undefined, 202, ''],
  ['PUT /connectors/a/stop', undefined, 204, ''],
  ['POST /connectors/a/restart', undefined, 204, ''],
  ['POST /connectors/a/restart', { includeTasks: true }, 204, ''],
  ['POST /connectors/a/restart?includeTasks=yes', undefined, 204, ''],
  [
    'POST /connectors/a/restart?includeTasks=TRUE',
    undefined,
    202,
    { ...status, connector: { ...running, state: 'RESTARTING' } },
  ],
  [
    'POST /connectors/a/restart?onlyFailed=true',
    undefined,
    202,
    { ...status, connector: { ...running, state: 'RESTARTING' } },
  ],
  ['POST /connectors/a/tasks/0/restart', undefined, 204, ''],
  ['DELETE /connectors/a', undefined, 204, ''],
];

for (const [request, body, wanted, answer] of exchanges) {
  test(`${request} is answered with ${wanted}`, async () => {
    const { ask } = build({ worker: fakeWorker({ a: { 'connector.class': 'Fake' } }) });
    const { status, body: got } = await ask(request, body);
    deepEqual({ status, body: got }, { status: wanted, body: answer });
  });
}

/** Request, body, and how it is refused. */
const refusals: readonly (readonly [request: string, body: unknown, refusal: ReturnType<typeof refused>])[] = [
  ['GET /connectors/ghost', undefined, refused(404, ghost)],
  ['GET /connectors/ghost/config', undefined, refused(404, ghost)],
  ['GET /connectors/ghost/tasks', undefined, refused(404, ghost)],
  ['GET /connectors/ghost/offsets', undefined, refused(404, ghost)],
  ['DELETE /connectors/ghost', undefined, refused(404, ghost)],
  ['GET /connectors/ghost/status', undefined, refused(404, 'No status found for connector ghost')],
  ['GET /connectors/ghost/tasks/0/status', undefined, refused(404, 'No status found for task ghost-0')],
  ['GET /connectors/a/tasks/7/status', undefined, refused(404, 'No status found for task a-7')],
  ['GET /connectors/a/tasks/-1/status', undefined, refused(404, 'No status found for task a--1')],
  ['GET /connectors/a/tasks/abc/status', undefined, refused(404, 'HTTP 404 Not Found')],
  ['PUT /connectors/ghost/pause', undefined, refused(404, 'Unknown connector ghost')],
  ['PUT /connectors/ghost/resume', undefined, refused(404, 'Unknown connector ghost')],
  ['PUT /connectors/ghost/stop', undefined, refused(404, 'Unknown connector ghost')],
  ['POST /connectors/ghost/restart', undefined, refused(404, 'Unknown connector: ghost')],
  ['POST /connectors/ghost/tasks/0/restart', undefined, refused(404, 'Unknown connector: ghost')],
  ['POST /connectors/a/tasks/7/restart', undefined, refused(404, 'Unknown task: a-7')],
  ['GET /nope', undefined, refused(404, 'HTTP 404 Not Found')],
  ['GET /connectors/a/nope', undefined, refused(404, 'HTTP 404 Not Found')],
  ['PUT /connectors', undefined, refused(405, 'HTTP 405 Method Not Allowed')],
  ['PATCH /connectors', {}, refused(405, 'HTTP 405 Method Not Allowed')],
  ['POST /connectors/a/config', undefined, refused(405, 'HTTP 405 Method Not Allowed')],
  ['GET /connectors/a/pause', undefined, refused(405, 'HTTP 405 Method Not Allowed')],
  ['POST /health/', undefined, refused(405, 'HTTP 405 Method Not Allowed')],
  ['GET /connectors/%zz', undefined, refused(400, 'HTTP 400 Bad Request')],
  ['POST /connectors', {}, refused(500, 'Cannot create a connector: "config" is missing')],
  ['POST /connectors', [], refused(500, 'Cannot create a connector: the body must be a JSON object, not an array')],
  ['POST /connectors', '3', refused(500, 'Cannot create a connector: the body must be a JSON object, not a number')],
  ['POST /connectors', undefined, refused(500, 'Cannot create a connector: the body must be a JSON object, not null')],
  ['POST /connectors', '{"secret', refused(500, 'Cannot read the body: it is not valid JSON')],
  [
    'POST /connectors',
    { name: 'b', config: { x: { y: 1 } } },
    refused(500, 'Cannot read the configuration: the value of "x" must be text, not an object'),
  ],
  [
    'POST /connectors',
    { name: 'b', config: {}, initial_state: 'BOGUS' },
    refused(500, 'Cannot create a connector with initial_state "BOGUS": must be RUNNING, PAUSED, STOPPED'),
  ],
  [
    'POST /connectors',
    { name: 'b', config: {}, nonsense: 1 },
    refused(500, 'Cannot create a connector: unknown member "nonsense", there are name, config, initial_state'),
  ],
  [
    'POST /connectors',
    { name: 'b', config: { name: 'c' } },
    refused(400, "Connector name configuration (c) doesn't match connector name in the URL (b)"),
  ],
  ['POST /connectors', { name: 'a', config: {} }, refused(409, 'Connector a already exists')],
  ['PUT /connectors/a/config', undefined, refused(500, 'Cannot read a configuration: must be a JSON object, not null')],
  ['PUT /connectors/a/config', [], refused(500, 'Cannot read a configuration: must be a JSON object, not an array')],
  [
    'PUT /connectors/a/config',
    { name: 'b' },
    refused(400, "Connector name configuration (b) doesn't match connector name in the URL (a)"),
  ],
];

for (const [request, body, refusal] of refusals) {
  test(`${request} ${body === undefined ? '' : JSON.stringify(body)} is refused: ${refusal.body.message}`, async () => {
    const { ask } = build({ worker: fakeWorker({ a: {} }) });
    const { status, body: got } = await ask(request, body);
    deepEqual({ status, body: got }, refusal);
  });
}

test('a body that is no JSON is refused by its type', async () => {
  const { ask } = build();
  for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
    const { status, body } = await ask('POST /connectors', 'a=b', { 'content-type': type });
    deepEqual({ status, body }, refused(415, 'HTTP 415 Unsupported Media Type'));
  }
});

test('a content type without a body does not count', async () => {
  const { ask, worker } = build({ worker: fakeWorker({ a: {} }) });
  const { status } = await ask('PUT /connectors/a/pause', undefined, { 'content-type': 'text/plain' });
  equal(status, 202);
  deepEqual(worker.calls, ['pause a']);
});

test('a client that takes no JSON is told so', async () => {
  const { ask } = build();
  const { status, body } = await ask('GET /connectors', undefined, { accept: 'text/html' });
  deepEqual({ status, body }, refused(406, 'HTTP 406 Not Acceptable'));
  equal((await ask('GET /connectors', undefined, { accept: 'text/html, */*;q=0.1' })).status, 200);
});

test('a refused verb says which ones there are', async () => {
  const { ask } = build();
  deepEqual(
    String((await ask('PATCH /connectors', {})).headers['allow'])
      .split(', ')
      .sort(),
    ['GET', 'HEAD', 'POST'],
  );
});

test('creating answers 201, the place, and no tasks yet; scalars become text, blanks around the name go', async () => {
  const { ask, worker } = build();
  const answer = await ask('POST /connectors', {
    name: ' a b+ü ',
    config: { 'connector.class': 'Fake', 'tasks.max': 1, on: true },
    initial_state: 'paused',
  });
  equal(answer.status, 201);
  equal(answer.headers['location'], 'http://worker:8083/connectors/a%20b+%C3%BC');
  deepEqual(answer.body, {
    name: 'a b+ü',
    config: { 'connector.class': 'Fake', 'tasks.max': '1', on: 'true', name: 'a b+ü' },
    tasks: [],
    type: 'source',
  });
  deepEqual(worker.calls, ['create a b+ü PAUSED']);
});

test('a configuration that is put creates with 201 and a place, and replaces with 200', async () => {
  const { ask } = build();
  const created = await ask('PUT /connectors/a%2Fb/config', { x: '1' });
  deepEqual([created.status, created.headers['location']], [201, 'http://worker:8083/connectors/a%2Fb']);
  const updated = await ask('PUT /connectors/a%2Fb/config', { x: '2' });
  deepEqual([updated.status, updated.headers['location']], [200, undefined]);
  deepEqual((await ask('GET /connectors/a%2Fb/config')).body, { name: 'a/b', x: '2' });
});

test('a name of 500 characters has a path', async () => {
  const name = 'n'.repeat(500);
  const { ask } = build({ worker: fakeWorker({ [name]: {} }) });
  equal((await ask(`GET /connectors/${name}/config`)).status, 200);
});

test('what is wrong with a configuration is answered line by line', async () => {
  const { ask, worker } = build();
  worker.failure = new TributaryError('CONFIG_INVALID', 'Connector configuration is invalid:\none\ntwo');
  const { status, body } = await ask('POST /connectors', { name: 'a', config: {} });
  deepEqual({ status, body }, refused(400, 'Connector configuration is invalid:\none\ntwo'));
});

test('a failure of ours is 500 and logged, without the body of the request', async () => {
  const log: LogEntry[] = [];
  const { ask, worker } = build({ log });
  worker.failure = new TributaryError('BROKER_UNAVAILABLE', 'Cannot reach Kafka', { cause: new Error('refused') });
  const { status, body } = await ask('POST /connectors', { name: 'a', config: { token: 'canary' } });
  deepEqual({ status, body }, refused(500, 'Cannot reach Kafka: refused'));
  deepEqual(
    log.map(({ level, event }) => [level, event]),
    [['error', 'rest_request_failed']],
  );
  equal(JSON.stringify(log).includes('canary'), false);
});

test('a failed task shows its trace, and what a connector says of itself', async () => {
  const { ask, worker } = build({ worker: fakeWorker({ a: {} }) });
  const failed = { state: 'FAILED', workerId: 'w:1', version: null, trace: 'refused: 401\n  at x' } as const;
  worker.states.set('a', failed);
  deepEqual((await ask('GET /connectors/a/tasks/0/status')).body, {
    id: 0,
    state: 'FAILED',
    worker_id: 'w:1',
    version: null,
    trace: 'refused: 401\n  at x',
  });
  worker.states.set('a', { ...failed, state: 'RUNNING', trace: null, detail: 'reconnecting' });
  deepEqual((await ask('GET /connectors/a/tasks/0/status')).body, {
    id: 0,
    state: 'RUNNING',
    worker_id: 'w:1',
    version: null,
    detail: 'reconnecting',
  });
});

for (const { health, code, message } of [
  { health: { state: 'healthy' }, code: 200, message: 'Worker has completed startup and is ready to handle requests.' },
  { health: { state: 'starting' }, code: 503, message: 'Worker is still starting up.' },
  { health: { state: 'unhealthy', reason: 'Kafka is away' }, code: 500, message: 'Kafka is away' },
] as const) {
  test(`a worker that is ${health.state} answers /health with ${code}`, async () => {
    const { ask, worker } = build();
    worker.healthNow = health;
    const { status, body } = await ask('GET /health');
    deepEqual({ status, body }, { status: code, body: { status: health.state, message } });
  });
}

test('/metrics shows what is declared and the process', async () => {
  const { ask, registry } = build();
  registry.root().counter('x_total', 'X', { connector: 'a' }).value = 5;
  const { status, body, headers } = await ask('GET /metrics', undefined, { accept: 'text/plain' });
  equal(status, 200);
  equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  match(String(body), /^x_total\{connector="a"\} 5$/m);
  match(String(body), /^process_resident_memory_bytes /m);
});

test('offsets are shown as they are stored', async () => {
  const { ask, worker } = build({ worker: fakeWorker({ a: {} }) });
  const offsets = [{ partition: { websocket_url: 'ws://h' }, offset: { session_id: 's', sequence: 3 } }];
  worker.storedOffsets.set('a', offsets);
  deepEqual((await ask('GET /connectors/a/offsets')).body, { offsets });
});

test('routes that are added take part in the answers to unknown verbs', async () => {
  const { ask, server } = build();
  server.get('/tap/:topic', async () => 'records');
  equal((await ask('GET /tap/t')).body, 'records');
  equal((await ask('POST /tap/t')).status, 405);
});

const secret = { a: { 'connector.class': 'Fake', token: 'canary' } };

test('masked secrets are seen nowhere: configuration, information, tasks, list', async () => {
  const { ask } = build({ worker: fakeWorker(secret), maskSecrets: true });
  for (const path of ['/connectors/a', '/connectors/a/config', '/connectors/a/tasks', '/connectors?expand=info']) {
    const text = JSON.stringify((await ask(`GET ${path}`)).body);
    equal(text.includes('canary'), false, path);
    equal(text.includes('"token":"******"'), true, path);
  }
  const answer = await ask('PUT /connectors/a/config', { token: 'canary2' });
  equal(JSON.stringify(answer.body).includes('canary'), false);
});

test('without masking secrets are shown, as clients of Connect rely on', async () => {
  const { ask } = build({ worker: fakeWorker(secret) });
  deepEqual((await ask('GET /connectors/a/config')).body, { name: 'a', 'connector.class': 'Fake', token: 'canary' });
});

test('a reference to a secret is no secret', async () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is the syntax of Connect's references
  const reference = '${env:TOKEN}';
  const { ask } = build({ worker: fakeWorker({ a: { token: reference } }), maskSecrets: true });
  deepEqual((await ask('GET /connectors/a/config')).body, { name: 'a', token: reference });
});

test('a mask that is sent back keeps the value there was', async () => {
  const { ask, worker } = build({ worker: fakeWorker(secret), maskSecrets: true });
  const shown = (await ask('GET /connectors/a/config')).body as Record<string, string>;
  const { status } = await ask('PUT /connectors/a/config', { ...shown, extra: '1' });
  equal(status, 200);
  equal(worker.configs.get('a')?.['token'], 'canary');
  equal(worker.configs.get('a')?.['extra'], '1');
});

test('a mask where there is no value to keep is refused, never stored', async () => {
  const { ask, worker } = build({ worker: fakeWorker({ a: {} }), maskSecrets: true });
  const refusal = refused(
    400,
    'Invalid value ****** for configuration token: it stands for a value that is kept, and there is none yet',
  );
  for (const [request, body] of [
    ['PUT /connectors/a/config', { token: '******' }],
    ['POST /connectors', { name: 'b', config: { token: ' ****** ' } }],
  ] as const) {
    const { status, body: got } = await ask(request, body);
    deepEqual({ status, body: got }, refusal);
  }
  deepEqual(worker.calls, []);
});
