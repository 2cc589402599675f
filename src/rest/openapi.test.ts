/** The document names every route there is, and no other. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { fakeWorker } from '../../test/support/fake-worker.ts';
import { type Schema, shapeProblems } from '../../test/support/json-schema.ts';
import { restServer } from '../../test/support/rest-server.ts';
import { Loggers } from '../telemetry/loggers.ts';
import { openApiDocument } from '../wire/connect/openapi/document.ts';
import { schemas } from '../wire/connect/openapi/schemas.ts';
import { spoolOperations } from '../wire/connect/openapi/spool-operations.ts';
import { sqlOperations } from '../wire/connect/openapi/sql-operations.ts';
import { topicOperations } from '../wire/connect/openapi/topic-operations.ts';

const loggers = new Loggers('INFO', () => 0);

test('every route stands in the document, and every operation of the document is a route', async () => {
  const { server } = restServer({ loggers });
  const routes = new Set<string>();
  server.addHook('onRoute', ({ method, url }) => {
    for (const verb of [method].flat()) {
      if (verb !== 'HEAD') routes.add(`${verb} ${url.replace(/(?<=.)\/$/, '').replace(':name', ':connector')}`);
    }
  });
  await server.ready();
  const described = Object.entries(openApiDocument({ version: '1' }).paths).flatMap(([path, verbs]) =>
    Object.keys(verbs).map((verb) => `${verb.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
  // Declared before the hook could see it: it is the one route outside the part that only speaks JSON.
  routes.add('GET /metrics');
  deepEqual(described.sort(), [...routes].sort());
});

test('it is served', async () => {
  const { ask } = restServer({ loggers });
  const { status, body } = await ask('GET /openapi.json');
  equal(status, 200);
  equal((body as { openapi: string }).openapi, '3.1.0');
});

test('every reference is defined, every schema is used, every operation has its own id', () => {
  const text = JSON.stringify(
    openApiDocument({ version: '1', more: [...topicOperations, ...sqlOperations, ...spoolOperations] }),
  );
  const used = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name));
  deepEqual([...used].sort(), Object.keys(schemas).sort());
  const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id);
  ok(ids.length > 25);
  equal(new Set(ids).size, ids.length);
});

const worker = fakeWorker({ a: { 'connector.class': 'fake', x: '1' } });
worker.storedOffsets.set('a', [{ partition: { url: 'u' }, offset: { sequence: 1 } }]);
worker.writtenTopics.set('a', ['t']);

const asked: readonly (readonly [request: string, path: string, status: number, body?: unknown])[] = [
  ['GET /', '/', 200],
  ['GET /health', '/health', 200],
  ['GET /connectors', '/connectors', 200],
  ['GET /connectors?expand=info&expand=status', '/connectors', 200],
  ['POST /connectors', '/connectors', 201, { name: 'b', config: { 'connector.class': 'fake' } }],
  ['POST /connectors', '/connectors', 500, '{'],
  ['GET /connectors/a', '/connectors/{connector}', 200],
  ['GET /connectors/none', '/connectors/{connector}', 404],
  ['GET /connectors/a/config', '/connectors/{connector}/config', 200],
  ['PUT /connectors/a/config', '/connectors/{connector}/config', 200, { 'connector.class': 'fake' }],
  ['PUT /connectors/c/config', '/connectors/{connector}/config', 201, { 'connector.class': 'fake' }],
  ['PATCH /connectors/a/config', '/connectors/{connector}/config', 200, { y: null }],
  ['GET /connectors/a/status', '/connectors/{connector}/status', 200],
  ['GET /connectors/a/tasks', '/connectors/{connector}/tasks', 200],
  ['GET /connectors/a/tasks/0/status', '/connectors/{connector}/tasks/{task}/status', 200],
  ['GET /connectors/a/tasks/9/status', '/connectors/{connector}/tasks/{task}/status', 404],
  ['POST /connectors/a/restart?includeTasks=true', '/connectors/{connector}/restart', 202],
  ['GET /connectors/a/topics', '/connectors/{connector}/topics', 200],
  ['GET /connectors/a/offsets', '/connectors/{connector}/offsets', 200],
  ['GET /connector-plugins?connectorsOnly=false', '/connector-plugins', 200],
  ['GET /connector-plugins/fake/config', '/connector-plugins/{plugin}/config', 200],
  [
    'PUT /connector-plugins/fake/config/validate',
    '/connector-plugins/{plugin}/config/validate',
    200,
    { 'connector.class': 'fake' },
  ],
  ['GET /admin/loggers', '/admin/loggers', 200],
  ['GET /admin/loggers/root', '/admin/loggers/{logger}', 200],
  ['PUT /admin/loggers/root', '/admin/loggers/{logger}', 200, { level: 'DEBUG' }],
  ['PUT /connectors/a/fence', '/connectors/{connector}/fence', 400],
];

const { ask } = restServer({ loggers, worker });
for (const [request, path, status, body] of asked) {
  test(`the answer to ${request} with ${status} has the shape that the document says`, async () => {
    const answer = await ask(request, body);
    equal(answer.status, status, JSON.stringify(answer.body));
    deepEqual(problemsOf(request, path, answer), []);
  });
}

for (const [state, status] of [
  ['healthy', 200],
  ['starting', 503],
  ['unhealthy', 500],
] as const) {
  test(`a worker that is ${state} says so with ${status}, in the shape of /health`, async () => {
    const ill = fakeWorker();
    ill.healthNow = { state };
    const answer = await restServer({ worker: ill }).ask('GET /health');
    equal(answer.status, status);
    deepEqual(problemsOf('GET /health', '/health', answer), []);
    const { $ref } = schemaOf('GET', '/health', status) as { $ref: string };
    equal($ref, '#/components/schemas/HealthInfo');
  });
}

test('where logins are wanted the document says so, but for the open paths', () => {
  const statuses = (openPaths: readonly string[] | undefined, path: string): string[] => {
    const get = openApiDocument({ version: '1', access: { openPaths } }).paths[path]!['get'];
    return Object.keys((get as { responses: object }).responses);
  };
  deepEqual(statuses(['/health'], '/connectors'), ['200', '401', '403', '429', '500']);
  deepEqual(statuses(['/health'], '/health'), ['200', '403', '500', '503']);
  deepEqual(statuses(undefined, '/connectors'), ['200', '403', '500']);
  const document = openApiDocument({ version: '1', access: { openPaths: ['/health'] } });
  deepEqual(document['security'], [{ basic: [] }, { bearer: [] }]);
  deepEqual((document.paths['/health']!['get'] as { security: unknown }).security, []);
  const tracking = document.paths['/connectors/{connector}/topics']!['get'];
  match(JSON.stringify(tracking), /Topic tracking is switched off\. The host or the origin/);
});

test('the checker finds what is wrong', () => {
  const problems = (value: unknown): string[] => shapeProblems(value, schemas.ErrorBody, schemas);
  deepEqual(problems({ error_code: 1, message: 'x' }), []);
  deepEqual(problems({ error_code: '1', more: 1 }), [
    '$.message is missing',
    '$.error_code: it is string, not integer',
    '$.more is not in the schema',
  ]);
});

function problemsOf(request: string, path: string, { status, body }: { status: number; body: unknown }): string[] {
  return shapeProblems(body, schemaOf(request.split(' ')[0]!, path, status), schemas);
}

function schemaOf(verb: string, path: string, status: number): Schema {
  const { paths } = openApiDocument({ version: '1' });
  const operation = paths[path]?.[verb.toLowerCase()] as {
    responses: Record<number, { content: Record<string, { schema: Schema }> }>;
  };
  const found = operation.responses[status]?.content['application/json'];
  ok(found, `${verb} ${path} has no answer ${status} in the document`);
  return found.schema;
}
