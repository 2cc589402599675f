/** Topics, offsets, plugins, loggers and PATCH: what is answered, and what the worker is asked for. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { fakeWorker } from '../../test/support/fake-worker.ts';
import { restServer } from '../../test/support/rest-server.ts';
import { TributaryError } from '../base/errors.ts';
import { Loggers } from '../telemetry/loggers.ts';

const refused = (status: number, message: string) => ({ error_code: status, message });

test('topics are those the connector wrote to, and are forgotten on request', async () => {
  const worker = fakeWorker({ a: {} });
  worker.writtenTopics.set('a', ['t', 'u']);
  const { ask } = restServer({ worker });
  deepEqual((await ask('GET /connectors/a/topics')).body, { a: { topics: ['t', 'u'] } });
  equal((await ask('PUT /connectors/a/topics/reset')).status, 202);
  deepEqual((await ask('GET /connectors/a/topics')).body, { a: { topics: [] } });
  deepEqual((await ask('GET /connectors/ghost/topics')).body, { ghost: { topics: [] } });
});

test('topic tracking can be switched off, and its reset alone', async () => {
  const off = restServer({ topicTracking: 'off' });
  deepEqual((await off.ask('GET /connectors/a/topics')).body, refused(403, 'Topic tracking is disabled.'));
  deepEqual((await off.ask('PUT /connectors/a/topics/reset')).body, refused(403, 'Topic tracking is disabled.'));
  const kept = restServer({ topicTracking: 'without-reset' });
  equal((await kept.ask('GET /connectors/a/topics')).status, 200);
  deepEqual((await kept.ask('PUT /connectors/a/topics/reset')).body, refused(403, 'Topic tracking reset is disabled.'));
});

test('offsets are handed on as they came; the answer says whether the connector confirms', async () => {
  const worker = fakeWorker({ a: {} });
  const { ask } = restServer({ worker });
  const altered = await ask('PATCH /connectors/a/offsets', { offsets: [{ partition: { p: 1 }, offset: null }, {}] });
  equal(altered.status, 200);
  deepEqual(worker.calls, ['alter offsets a [{"partition":{"p":1},"offset":null},{"partition":null,"offset":null}]']);
  deepEqual((await ask('DELETE /connectors/a/offsets')).body, {
    message: 'The offsets for this connector have been reset successfully',
  });
});

for (const [body, problem] of [
  [null, 'the body must be a JSON object, not null'],
  [[], 'the body must be a JSON object, not an array'],
  [{ offset: [] }, 'unknown member "offset", there is "offsets"'],
  [{ offsets: {} }, '"offsets" must be an array, not an object'],
  [{ offsets: [1] }, 'an entry of "offsets" must be an object, not a number'],
  [
    { offsets: [{ partition: {}, offset: {}, x: 1 }] },
    'unknown member "x" in an entry, there are "partition" and "offset"',
  ],
  [{ offsets: [{ partition: 'x' }] }, '"partition" must be an object, not a string'],
  [{ offsets: [{ offset: 3 }] }, '"offset" must be an object or null, not a number'],
] as const) {
  test(`offsets ${JSON.stringify(body)} cannot be read`, async () => {
    const { ask } = restServer({ worker: fakeWorker({ a: {} }) });
    const answer = await ask('PATCH /connectors/a/offsets', JSON.stringify(body));
    deepEqual(answer.body, refused(500, `Cannot change offsets: ${problem}`));
  });
}

test('a patch sets keys, and a null takes one away', async () => {
  const worker = fakeWorker({ a: { x: '1', y: '2' } });
  const { ask } = restServer({ worker });
  const { status, body } = await ask('PATCH /connectors/a/config', { x: null, z: 3 });
  equal(status, 200);
  deepEqual((body as { config: unknown }).config, { name: 'a', y: '2', z: '3' });
  deepEqual((await ask('PATCH /connectors/ghost/config', {})).body, refused(404, 'Connector ghost not found'));
});

test('numbers of a configuration are kept as they were written', async () => {
  const worker = fakeWorker();
  const { ask } = restServer({ worker });
  const written = '{"a":1.0,"b":12345678901234567890,"c":-0,"d":1e3,"e":true}';
  await ask('POST /connectors', `{"name":7.0,"config":${written}}`);
  deepEqual(worker.configs.get('7.0'), {
    name: '7.0',
    a: '1.0',
    b: '12345678901234567890',
    c: '-0',
    d: '1e3',
    e: 'true',
  });
  await ask('PUT /connectors/7.0/config', written);
  equal(worker.configs.get('7.0')?.['a'], '1.0');
  await ask('PATCH /connectors/7.0/config', '{"a":2.50}');
  equal(worker.configs.get('7.0')?.['a'], '2.50');
});

test('a patch that sends the mask of a secret back keeps the secret', async () => {
  const worker = fakeWorker({ a: { token: 'canary' } });
  const { ask } = restServer({ worker, maskSecrets: true });
  const { body } = await ask('PATCH /connectors/a/config', { token: '******', x: '1' });
  deepEqual((body as { config: unknown }).config, { name: 'a', token: '******', x: '1' });
  equal(worker.configs.get('a')?.['token'], 'canary');
});

test('plugins are the connectors, or everything where that is asked for', async () => {
  const { ask } = restServer();
  const connector = { class: 'a.b.FakeSourceConnector', type: 'source', version: '1.0.0' };
  const transform = { class: 'a.b.Fake$Value', type: 'transformation', version: '4.1.0' };
  deepEqual((await ask('GET /connector-plugins')).body, [connector]);
  deepEqual((await ask('GET /connector-plugins?connectorsOnly=TRUE')).body, [connector]);
  deepEqual((await ask('GET /connector-plugins/?connectorsOnly=false')).body, [connector, transform]);
  deepEqual((await ask('GET /connector-plugins/fake/config')).body, []);
  deepEqual((await ask('GET /connector-plugins/nope/config')).body, refused(404, 'Unknown plugin nope.'));
});

test('what cannot be validated at all is a 500 that names the exception of Connect', async () => {
  const worker = fakeWorker();
  const { ask } = restServer({ worker });
  const validate = (body: unknown) => ask('PUT /connector-plugins/fake/config/validate', body);
  worker.validationFailure = new TributaryError('CONFIG_INVALID', 'Connector config {} contains no connector type');
  deepEqual(
    (await validate({})).body,
    refused(
      500,
      'org.apache.kafka.connect.runtime.rest.errors.BadRequestException: Connector config {} contains no connector type',
    ),
  );
  worker.validationFailure = new TributaryError('INVALID_CONFIG', 'Invalid value x for configuration linger.ms: …');
  deepEqual(
    (await validate({ 'connector.class': 'fake' })).body,
    refused(500, 'org.apache.kafka.common.config.ConfigException: Invalid value x for configuration linger.ms: …'),
  );
  deepEqual(
    (await validate({ 'connector.class': 'other' })).body,
    refused(400, 'Included connector type other does not match request type fake'),
  );
});

test('the path of a validation may name the class in another of its forms', async () => {
  const { ask } = restServer();
  for (const [path, name] of [
    ['a.b.FakeSourceConnector', 'a.b.FakeSourceConnector'],
    ['FakeSource', 'a.b.FakeSourceConnector'],
    ['FakeSourceConnector', 'FakeSource'],
    ['a.b.FakeSourceConnector', 'fake'],
  ]) {
    const answer = await ask(`PUT /connector-plugins/${path}/config/validate`, { 'connector.class': name });
    equal(answer.status, 200, `${path} ${name}`);
  }
});

test('levels of loggers are shown and set; one that is off is not listed', async () => {
  const { ask, worker } = restServer({ loggers: new Loggers('INFO', () => 5) });
  deepEqual((await ask('GET /admin/loggers')).body, { root: { level: 'INFO', last_modified: null } });
  deepEqual((await ask('PUT /admin/loggers/a.b', { level: 'debug' })).body, ['a.b']);
  deepEqual((await ask('GET /admin/loggers/a.b')).body, { level: 'DEBUG', last_modified: 5 });
  equal((await ask('PUT /admin/loggers/a?scope=Cluster', { level: 'OFF' })).status, 204);
  deepEqual(worker.calls, ['level a OFF'], 'all workers are told');
  deepEqual((await ask('PUT /admin/loggers/a', { level: 'OFF' })).body, ['a', 'a.b']);
  deepEqual(Object.keys((await ask('GET /admin/loggers')).body as object), ['root']);
  deepEqual((await ask('GET /admin/loggers/nope')).body, refused(404, 'Logger nope not found.'));
  deepEqual((await ask('PUT /admin/loggers/a', { level: 'x' })).body, refused(404, "invalid log level 'x'."));
  deepEqual(
    (await ask('PUT /admin/loggers/a', {})).body,
    refused(400, "Desired 'level' parameter was not specified in request."),
  );
  equal((await ask('PUT /admin/loggers/a', { level: '' })).status, 500);
});

test('requests between workers of Connect are refused', async () => {
  const { ask } = restServer();
  const unsigned = refused(400, 'Internal request missing required signature');
  deepEqual((await ask('PUT /connectors/a/fence')).body, unsigned);
  deepEqual((await ask('POST /connectors/a/tasks', [])).body, unsigned);
});

test('what a task says of itself stands in its status where that is wanted', async () => {
  const worker = fakeWorker({ a: {} });
  const detail = 'reconnecting: refused';
  worker.states.set('a', { state: 'RUNNING', workerId: 'w:1', version: '1', trace: null, detail });
  const shown = async (ask: ReturnType<typeof restServer>['ask'], path: string): Promise<boolean> =>
    JSON.stringify((await ask(`GET ${path}`)).body).includes(detail);
  const { ask } = restServer({ worker });
  const plain = restServer({ worker, statusDetail: false }).ask;
  for (const path of ['/connectors/a/status', '/connectors/a/tasks/0/status', '/connectors?expand=status']) {
    const asked = `${path}${path.includes('?') ? '&' : '?'}detail=true`;
    deepEqual([await shown(ask, path), await shown(plain, path), await shown(plain, asked)], [true, false, true], path);
  }
});
