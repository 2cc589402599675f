/**
 * What known clients of Kafka Connect ask, in their order and as strictly as they read the answers: kcctl, kafka-connect-ui,
 * Redpanda Console, Strimzi's operator.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type ConnectAnswer,
  type ConnectWorker,
  connectWorker,
  isAll,
  webSocketClass,
} from '../support/connect-worker.ts';

let worker: ConnectWorker;
before(async () => {
  worker = await connectWorker();
});
after(async () => worker?.[Symbol.asyncDispose]());

type Json = Record<string, unknown>;

const config = (more: Json = {}): Json => ({
  'connector.class': webSocketClass,
  'websocket.url': worker.feed.three,
  'kafka.topic': 'clients-t',
  ...more,
});

async function body<T = Json>(request: string, expected: number, sent?: unknown): Promise<T> {
  const answer = await worker.ask(request, sent);
  equal(answer.status, expected, `${request}: ${JSON.stringify(answer.body)}`);
  return answer.body as T;
}
const running = (name: string): Promise<ConnectAnswer> =>
  worker.until(`GET /connectors/${name}/status`, isAll('RUNNING'));
const gone = (name: string): Promise<ConnectAnswer> =>
  worker.until(`GET /connectors/${name}/status`, ({ status }) => status === 404);

test('kcctl: info, apply, describe, patch, restart, offsets, loggers, delete', async () => {
  const { version } = await body<{ version: string }>('GET /', 200);
  match(version, /^\d+\.\d+\./); // what it unlocks stop, offsets and loggers by
  ok(Number(version.split('.')[0]) >= 4);
  deepEqual(await body<string[]>('GET /connectors/', 200), []);
  // apply --dry-run names the class simply and brings a dummy name.
  const simple = webSocketClass.slice(webSocketClass.lastIndexOf('.') + 1);
  const checked = await body<{ error_count: number; configs: Json[] }>(
    `PUT /connector-plugins/${simple}/config/validate`,
    200,
    config({ name: 'dummy' }),
  );
  equal(checked.error_count, 0);
  const unknown = await worker.ask('POST /connectors/', { name: 'x', config: { 'connector.class': 'Nope' } });
  match((unknown.body as { message: string }).message, /^Failed to find any class that implements Connector/);

  await body('POST /connectors/', 201, { name: 'kc', config: config() });
  await running('kc');
  const list = await body<Record<string, { status: { name: string; type: string } }>>(
    'GET /connectors?expand=status',
    200,
  );
  deepEqual([list['kc']?.status.name, list['kc']?.status.type], ['kc', 'source']);
  const kinds = ['source', 'sink', 'transformation', 'predicate', 'converter', 'header_converter'];
  for (const { type } of await body<{ type: string }[]>('GET /connector-plugins?connectorsOnly=false', 200)) {
    ok(kinds.includes(type), type);
  }
  for (const path of ['', '/status', '/config', '/tasks']) await body(`GET /connectors/kc${path}`, 200);
  // The map must hold the connector, even where its list is empty.
  deepEqual(Object.keys(await body('GET /connectors/kc/topics', 200)), ['kc']);
  // patch is GET and PUT.
  const stored = await body('GET /connectors/kc/config', 200);
  await body('PUT /connectors/kc/config', 200, { ...stored, 'tasks.max': '3' });
  await running('kc');
  const restarted = await body<{ tasks: { state: string }[] }>(
    'POST /connectors/kc/restart?includeTasks=true&onlyFailed=false',
    202,
  );
  equal(restarted.tasks.filter(({ state }) => state === 'RESTARTING').length, 1);
  await running('kc');
  await body('POST /connectors/kc/tasks/0/restart', 204);
  await body('PUT /connectors/kc/stop', 204);
  await worker.until('GET /connectors/kc/status', (answer) => JSON.stringify(answer.body).includes('"STOPPED"'));
  await body('GET /connectors/kc/offsets', 200);
  await body('PATCH /connectors/kc/offsets', 200, { offsets: [{ partition: { websocket_url: 'x' }, offset: null }] });
  await body('DELETE /connectors/kc/offsets', 200);
  await body(`GET /connector-plugins/${simple}/config`, 200);
  const loggers = await body<Record<string, { level: string }>>('GET /admin/loggers/', 200);
  ok(loggers['root']);
  deepEqual(await body('PUT /admin/loggers/kcctl.test', 200, { level: 'DEBUG' }), ['kcctl.test']);
  await body('PUT /admin/loggers/kcctl.test?scope=cluster', 204, { level: 'INFO' });
  await body('DELETE /connectors/kc', 204);
  const { error_code: code, message } = await body('GET /connectors/kc', 404);
  deepEqual([code, message], [404, 'Connector kc not found']);
});

test('kafka-connect-ui: plugins, a form from the validation, create, restart, delete', async () => {
  const plugins = await body<{ class: string }[]>('GET /connector-plugins/', 200);
  ok(plugins.some((plugin) => plugin.class === webSocketClass));
  const { configs } = await body<{ configs: { definition: { documentation: string }; value: { errors: string[] } }[] }>(
    `PUT /connector-plugins/${webSocketClass}/config/validate`,
    200,
    { 'connector.class': webSocketClass },
  );
  for (const { definition, value } of configs) {
    equal(typeof definition.documentation, 'string');
    ok(value.errors.length >= 0);
  }
  await body('POST /connectors', 201, { name: 'ui', config: config({ name: 'ui' }) });
  await running('ui');
  await body('PUT /connectors/ui/config', 200, config({ name: 'ui' }));
  await body('POST /connectors/ui/restart', 204);
  await body('PUT /connectors/ui/pause', 202);
  await body('PUT /connectors/ui/resume', 202);
  await body('DELETE /connectors/ui', 204);
  equal((await body('GET /connectors/ui', 404))['error_code'], 404);
});

test('Redpanda Console: both expansions, validation in full, both flags of restart, topics', async () => {
  await body('POST /connectors', 201, { name: 'rp', config: config() });
  await running('rp');
  const all = await body<Record<string, { info: Json; status: Json }>>(
    'GET /connectors?expand=info&expand=status',
    200,
  );
  deepEqual(Object.keys(all['rp']!).sort(), ['info', 'status']);
  const answer = await body<{ groups: string[]; configs: { definition: Json; value: Json }[] }>(
    `PUT /connector-plugins/${webSocketClass}/config/validate`,
    200,
    config({ name: 'rp' }),
  );
  ok(Array.isArray(answer.groups));
  for (const { definition, value } of answer.configs)
    ok(definition['order'] !== undefined && value['visible'] === true);
  await body('POST /connectors/rp/restart?includeTasks=false&onlyFailed=false', 204);
  await body('POST /connectors/rp/restart?includeTasks=true&onlyFailed=true', 202);
  await worker.until('GET /connectors/rp/topics', ({ body: topics }) => JSON.stringify(topics).includes('clients-t'));
  await body('PUT /connectors/rp/topics/reset', 202);
  await body('PUT /connectors/rp/stop', 204);
  await body('DELETE /connectors/rp', 204);
});

test("Strimzi's operator: exact statuses, errors in JSON, a delete that is polled", async () => {
  const before404 = await body('GET /connectors/st/status', 404);
  deepEqual(before404, { error_code: 404, message: 'No status found for connector st' });
  await body('PUT /connectors/st/config', 201, config());
  await running('st');
  await body('PUT /connectors/st/config', 200, config());
  await running('st');
  await body('PUT /connectors/st/pause', 202);
  await body('PUT /connectors/st/resume', 202);
  await body('POST /connectors/st/restart', 204);
  await body('POST /connectors/st/restart?includeTasks=true&onlyFailed=false', 202);
  const loggers = await body<Record<string, Json>>('GET /admin/loggers', 200);
  for (const logger of Object.values(loggers)) equal(typeof logger['level'], 'string');
  const invalid = await body('PUT /connectors/st/config', 400, { 'connector.class': webSocketClass });
  equal(invalid['error_code'], 400);
  await body('DELETE /connectors/st', 204);
  await gone('st');
});
