import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { test } from 'node:test';
import type { InjectOptions } from 'fastify';
import { fakeWorker } from '../../../test/support/fake-worker.ts';
import { auditLogger, type LogEntry, recordingLog } from '../../telemetry/log.ts';
import { Loggers } from '../../telemetry/loggers.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { openLog } from '../../telemetry/pino-log.ts';
import { buildRestServer } from '../server.ts';
import type { AccessRules } from './access.ts';
import { parseCredential } from './credentials.ts';
import type { Role } from './roles.ts';

const open: AccessRules = {
  accounts: { users: [], tokens: [] },
  openPaths: ['/health'],
  hosts: [],
  cors: { origins: [], methods: ['GET', 'POST', 'HEAD'] },
  responseHeaders: [],
  secretsMasked: true,
};

const account = (name: string, role: Role, secret = `${name}-secret`) => ({
  name,
  role,
  credential: parseCredential(secret),
});
const guarded: AccessRules = {
  ...open,
  accounts: {
    users: [account('vera', 'viewer'), account('otto', 'operator'), account('ada', 'admin')],
    tokens: [account('ci', 'admin', 'token-of-ci')],
  },
};

function build(rules: AccessRules, config: Readonly<Record<string, string>> = {}) {
  const log: LogEntry[] = [];
  const worker = fakeWorker({ a: config });
  const registry = new MetricRegistry();
  let nowMs = 0;
  const server = buildRestServer({
    worker,
    registry,
    version: '0',
    maskSecrets: rules.secretsMasked,
    access: { rules, clock: { nowMs: () => 0, monotonicMs: () => nowMs } },
    log: recordingLog(log),
  });
  for (const path of ['/sql/check', '/sql/explain']) server.post(path, () => ({}));
  const ask = async (request: string, headers: Record<string, string> = {}, payload?: string) => {
    const [method, url] = request.split(' ') as [InjectOptions['method'], string];
    return server.inject({ method, url, headers: { host: 'localhost:8083', ...headers }, payload });
  };
  const refused = (reason: string): number => {
    const family = registry.families.get('tributary_rest_requests_refused_total');
    const series = [...(family?.series.values() ?? [])].find(({ labels }) => labels['reason'] === reason);
    return series !== undefined && 'counter' in series ? series.counter.value : Number.NaN;
  };
  return { ask, worker, log, refused, pass: (ms: number) => (nowMs += ms) };
}

const basic = (name: string, password = `${name}-secret`) => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

test('without users everybody may do everything', async () => {
  const { ask, worker } = build(open);
  equal((await ask('PUT /connectors/a/pause')).statusCode, 202);
  deepEqual(worker.calls, ['pause a']);
});

const matrix: readonly (readonly [request: string, viewer: number, operator: number, admin: number])[] = [
  ['GET /connectors', 200, 200, 200],
  ['GET /connectors/a/config', 200, 200, 200],
  ['GET /metrics', 200, 200, 200],
  ['PUT /connectors/a/pause', 403, 202, 202],
  ['POST /connectors/a/restart', 403, 204, 204],
  ['DELETE /connectors/a', 403, 403, 204],
  ['GET /nowhere', 404, 404, 404],
];

for (const [request, ...statuses] of matrix) {
  test(`${request}: viewer ${statuses[0]}, operator ${statuses[1]}, admin ${statuses[2]}, nobody 401`, async () => {
    for (const [i, name] of ['vera', 'otto', 'ada'].entries()) {
      const { ask } = build(guarded);
      equal((await ask(request, basic(name))).statusCode, statuses[i], name);
    }
    const { ask, worker } = build(guarded);
    const answer = await ask(request);
    equal(answer.statusCode, 401);
    deepEqual(answer.json(), { error_code: 401, message: 'A user and password, or a token, is wanted' });
    match(String(answer.headers['www-authenticate']), /^Basic realm="Tributary".*Bearer realm="Tributary"/);
    deepEqual(worker.calls, []);
  });
}

for (const path of [
  '?expand=info',
  '?expand=status&expand=info',
  '?%65xpand=info',
  '/?expand=info',
  '/a',
  '/a/config',
  '/a/tasks',
  '/a/offsets',
  '/a/offsets/',
]) {
  test(`where secrets are shown, a viewer does not see them: /connectors${path}`, async () => {
    const shown = build({ ...guarded, secretsMasked: false }, { token: 'canary', url: 'ws://h/?token=canary' });
    const source = { partition: { websocket_url: 'ws://h/?token=canary' }, offset: { session_id: 's' } };
    shown.worker.storedOffsets.set('a', [source]);
    const refused = await shown.ask(`GET /connectors${path}`, basic('vera'));
    equal(refused.statusCode, 403);
    equal(refused.body.includes('canary'), false);
    ok((await shown.ask(`GET /connectors${path}`, basic('otto'))).body.includes('canary'));
    const masked = build(guarded, { token: 'canary', url: 'ws://h/?token=canary' });
    masked.worker.storedOffsets.set('a', [source]);
    const answer = await masked.ask(`GET /connectors${path}`, basic('vera'));
    deepEqual([answer.statusCode, answer.body.includes('canary')], [200, false]);
  });
}

test('where secrets are shown, a viewer still sees names and statuses', async () => {
  const { ask } = build({ ...guarded, secretsMasked: false }, { token: 'canary' });
  for (const path of ['/connectors', '/connectors?expand=status', '/connectors/a/status']) {
    const answer = await ask(`GET ${path}`, basic('vera'));
    deepEqual([answer.statusCode, answer.body.includes('canary')], [200, false], path);
  }
});

test('a refusal by role says who, what and which role is wanted', async () => {
  const { ask, refused } = build(guarded);
  deepEqual((await ask('DELETE /connectors/a', basic('otto'))).json(), {
    error_code: 403,
    message: '"otto" has the role operator; DELETE /connectors/:name needs admin',
  });
  equal(refused('role'), 1);
});

test('bearer tokens are taken, and the health path needs nothing', async () => {
  const { ask } = build(guarded);
  equal((await ask('GET /connectors', { authorization: 'Bearer token-of-ci' })).statusCode, 200);
  equal((await ask('GET /health')).statusCode, 200);
  equal((await ask('GET /health/')).statusCode, 200);
  equal((await ask('GET /metrics')).statusCode, 401);
});

for (const authorization of [
  'Bearer token-of-c',
  'Bearer vera-secret',
  'Basic !!!',
  `Basic ${Buffer.from('vera').toString('base64')}`,
  basic('vera', 'wrong').authorization,
  basic('nobody', '').authorization,
  'Digest x',
  'Bearer',
]) {
  test(`credentials that are wrong let nobody in: ${authorization}`, async () => {
    const { ask, log } = build(guarded);
    const answer = await ask('GET /connectors', { authorization });
    deepEqual([answer.statusCode, answer.json().message], [401, 'Wrong user, password or token']);
    equal(JSON.stringify(log).includes('wrong'), false);
    deepEqual(
      log.map(({ event }) => event),
      ['rest_login_failed'],
    );
  });
}

test('after ten failures an address waits, whatever it sends; who was let in before goes on', async () => {
  const { ask, refused, pass } = build(guarded);
  equal((await ask('GET /connectors', basic('vera'))).statusCode, 200);
  for (let i = 0; i < 10; i++) equal((await ask('GET /connectors', basic('ada', `guess${i}`))).statusCode, 401);
  const limited = await ask('GET /connectors', basic('ada'));
  deepEqual([limited.statusCode, limited.headers['retry-after']], [429, '6']);
  equal((await ask('GET /connectors', basic('vera'))).statusCode, 200);
  equal(refused('limited'), 1);
  pass(6_000);
  equal((await ask('GET /connectors', basic('ada'))).statusCode, 200);
});

/** Computed beside the event loop like a real one, without its cost. */
function cheapHash(password: string): string {
  const salt = Buffer.from('a salt for a test');
  const hash = scryptSync(password, salt, 32, { N: 2, r: 1, p: 1 });
  const text = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
  return `$scrypt$ln=1,r=1,p=1$${text(salt)}$${text(hash)}`;
}

test('many guesses at once are bounded like one after the other', async () => {
  const hashed = {
    ...guarded,
    accounts: { users: [account('ada', 'admin', cheapHash('right'))], tokens: [] },
  };
  const { ask } = build(hashed);
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => ask('GET /', basic('ada', `guess${i}`))));
  deepEqual(answers.map(({ statusCode }) => statusCode).filter((status) => status === 401).length, 10);
  ok(answers.every(({ statusCode }) => statusCode === 401 || statusCode === 429));
});

test('every change is in the audit log: who, what, which connector, from where, what became of it', async () => {
  const { ask, log } = build(guarded);
  const json = { 'content-type': 'application/json' };
  await ask('PUT /connectors/a/pause', basic('otto'));
  await ask('POST /connectors', { ...basic('ada'), ...json }, '{"name":"b","config":{"token":"canary"}}');
  await ask('DELETE /connectors/a', basic('vera'));
  await ask('DELETE /connectors/a');
  await ask('GET /connectors', basic('ada'));
  await ask('POST /sql/check', { ...basic('ada'), ...json }, '{"sql":""}'); // changes nothing, as the next one
  await ask('POST /sql/explain', { ...basic('ada'), ...json }, '{"sql":""}');
  const lines = log.filter(({ event }) => event === 'rest_change').map(({ level, fields }) => ({ level, ...fields }));
  const from = '127.0.0.1';
  deepEqual(lines, [
    {
      level: 'info',
      who: 'otto',
      role: 'operator',
      method: 'PUT',
      route: '/connectors/:name/pause',
      connector: 'a',
      from,
      status: 202,
      outcome: 'done',
    },
    {
      level: 'info',
      who: 'ada',
      role: 'admin',
      method: 'POST',
      route: '/connectors',
      connector: 'b',
      from,
      status: 201,
      outcome: 'done',
    },
    {
      level: 'warn',
      who: 'vera',
      role: 'viewer',
      method: 'DELETE',
      route: '/connectors/:name',
      connector: 'a',
      from,
      status: 403,
      outcome: 'refused',
    },
    {
      level: 'warn',
      who: 'anonymous',
      method: 'DELETE',
      route: '/connectors/:name',
      connector: 'a',
      from,
      status: 401,
      outcome: 'refused',
    },
  ]);
  equal(JSON.stringify(log).includes('canary'), false);
});

test('nobody switches the audit log off over REST, and who changes a level is in it', async () => {
  const lines: string[] = [];
  const loggers = new Loggers('INFO', () => 0);
  const log = openLog({ loggers, output: { write: (line) => lines.push(line) }, pretty: false });
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const access = { rules: guarded, clock };
  const worker = fakeWorker({ a: {} });
  const registry = new MetricRegistry();
  const server = buildRestServer({ worker, registry, version: '0', maskSecrets: true, access, loggers, log });
  const set = async (name: string, level: string) =>
    server.inject({ method: 'PUT', url: `/admin/loggers/${name}`, headers: basic('otto'), payload: { level } });
  equal((await set('root', 'OFF')).statusCode, 200);
  equal((await set('tributary', 'WARN')).statusCode, 200);
  const refused = await set(auditLogger, 'OFF');
  deepEqual([refused.statusCode, refused.json().error_code], [403, 403]);
  match(refused.json().message, /tributary\.rest\.audit cannot be changed/);
  const told = lines.map((line) => JSON.parse(line)).map(({ logger, to, outcome }) => `${logger} ${to} ${outcome}`);
  deepEqual(told, ['root OFF done', 'tributary WARN done', `${auditLogger} OFF refused`]);
});

const foreign: readonly Record<string, string>[] = [
  { origin: 'http://evil.example' },
  { 'sec-fetch-site': 'cross-site' },
];
for (const headers of foreign) {
  test(`a page with ${JSON.stringify(headers)} cannot write, with or without a body`, async () => {
    const { ask, worker } = build(open);
    for (const request of ['PUT /connectors/a/pause', 'POST /connectors/a/restart', 'DELETE /connectors/a']) {
      equal((await ask(request, headers)).statusCode, 403, request);
    }
    equal((await ask('GET /connectors', headers)).statusCode, 200);
    deepEqual(worker.calls, []);
  });
}

test('a page of an allowed origin reads and writes, and its preflight is answered', async () => {
  const cors = { origins: ['http://ui.example'], methods: ['GET', 'PUT'] };
  const { ask, worker } = build({ ...open, cors });
  const origin = 'http://ui.example';
  const preflight = await ask('OPTIONS /connectors/a/pause', { origin, 'access-control-request-method': 'PUT' });
  equal(preflight.statusCode, 200);
  equal(preflight.headers['access-control-allow-methods'], 'GET,PUT');
  const answer = await ask('PUT /connectors/a/pause', { origin });
  deepEqual([answer.statusCode, answer.headers['access-control-allow-origin']], [202, origin]);
  const foreign = await ask('GET /connectors', { origin: 'http://evil.example' });
  equal(foreign.headers['access-control-allow-origin'], undefined);
  equal(foreign.headers['vary'], 'origin');
  deepEqual(worker.calls, ['pause a']);
});

test('without allowed origins no answer says anything about them', async () => {
  const { ask } = build(open);
  const answer = await ask('GET /connectors', { origin: 'http://ui.example' });
  equal(answer.headers['access-control-allow-origin'], undefined);
  equal(
    (await ask('OPTIONS /connectors', { origin: 'http://x', 'access-control-request-method': 'PUT' })).statusCode,
    405,
  );
});

test('configured headers stand on every answer, errors included', async () => {
  const responseHeaders = [{ action: 'set', name: 'X-Frame-Options', value: 'DENY' }] as const;
  const { ask } = build({ ...guarded, responseHeaders });
  for (const request of ['GET /health', 'GET /connectors', 'GET /nowhere'])
    equal((await ask(request)).headers['x-frame-options'], 'DENY', request);
});
