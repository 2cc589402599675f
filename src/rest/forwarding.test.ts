import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { fakeWorker } from '../../test/support/fake-worker.ts';
import { restServer } from '../../test/support/rest-server.ts';
import { TributaryError } from '../base/errors.ts';
import type { LogEntry } from '../telemetry/log.ts';
import type { PeerAnswer, PeerRequest } from './forwarding.ts';

const done: PeerAnswer = {
  status: 201,
  contentType: 'application/json; charset=utf-8',
  location: 'http://leader:8083/connectors/a%20b',
  isRefusedByFollower: false,
  body: Buffer.from('{"name":"a b"}'),
};

/** A worker that another one leads, which answers as told, in turn. */
function follower(...answers: readonly (PeerAnswer | Error)[]) {
  const worker = fakeWorker({ a: {} });
  worker.leaderNow = { kind: 'other', url: 'http://leader:8083' };
  const sent: PeerRequest[] = [];
  const forwarding = {
    workerId: 'me:8083',
    send: async (request: PeerRequest): Promise<PeerAnswer> => {
      const answer = answers[Math.min(sent.push(request), answers.length) - 1]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const log: LogEntry[] = [];
  return { ...restServer({ worker, forwarding, log }), sent, log };
}

test('a change is passed on as it came, with who asks, and answered once it can be read here', async () => {
  const { ask, worker, sent } = follower(done);
  const body = '{"name":"a b","config":{"n":1.0}}';
  const headers = { authorization: 'Basic eA==', origin: 'http://worker:8083', cookie: 'c' };
  const answer = await ask('POST /connectors?x=1', body, headers);
  deepEqual([answer.status, answer.body], [201, { name: 'a b' }]);
  equal(answer.headers['location'], 'http://worker:8083/connectors/a%20b', 'by the address that the client knows');
  deepEqual(sent, [
    {
      method: 'POST',
      url: 'http://leader:8083/connectors?x=1',
      headers: {
        authorization: 'Basic eA==',
        'content-type': 'application/json',
        'x-tributary-forwarded-by': 'me:8083',
      },
      body,
    },
  ]);
  deepEqual(worker.calls, ['caught up']);
});

test('tables that do not follow are logged, and do not make a change that is done an error', async () => {
  const { ask, worker, log, registry } = follower(done);
  worker.failure = new TributaryError('BROKER_UNAVAILABLE', 'Cannot reach the broker');
  const answer = await ask('PUT /connectors/a/config?secret=s3', {});
  equal(answer.status, 201);
  const told = log.filter(({ event }) => event === 'tables_behind');
  deepEqual(
    told.map(({ level, fields }) => [level, fields]),
    [['warn', { request: 'PUT /connectors/a/config', reason: 'Cannot reach the broker' }]],
  );
  equal(registry.root().counter('tributary_worker_tables_behind_total', '').value, 1);
});

test('what reads, checks or sets a logger is answered here', async () => {
  const { ask, sent } = follower(done);
  equal((await ask('GET /connectors/a')).status, 200);
  equal((await ask('PUT /connector-plugins/fake/config/validate', { 'connector.class': 'fake' })).status, 200);
  deepEqual(sent, []);
});

test('a refusal of the leader is passed back', async () => {
  const body = Buffer.from('{"error_code":409,"message":"exists"}');
  const { ask, worker } = follower({ ...done, status: 409, location: undefined, body });
  const answer = await ask('POST /connectors', { name: 'a', config: {} });
  deepEqual([answer.status, answer.body], [409, { error_code: 409, message: 'exists' }]);
  deepEqual(worker.calls, []);
});

test('a leader that does not lead any more, or is gone, is looked for again', async () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  const gone = new TributaryError('CONNECTION_FAILED', 'Cannot reach the worker', { cause: refused, retriable: true });
  const { ask, sent } = follower({ ...done, status: 409, isRefusedByFollower: true }, gone, done);
  equal((await ask('POST /connectors', { name: 'a', config: {} })).status, 201);
  equal(sent.length, 3);
});

test('what may have been done is not asked for twice', async () => {
  const cut = new TributaryError('CONNECTION_FAILED', 'Cannot reach the worker', {
    cause: new Error('reset'),
    retriable: true,
  });
  const { ask, sent } = follower(cut, done);
  const answer = await ask('POST /connectors', { name: 'a', config: {} });
  equal(answer.status, 500);
  equal(sent.length, 1);
});

test('a leader whose certificate is not trusted is named at once, whatever is asked', async () => {
  const untrusted = new Error('unable to verify the first certificate');
  const failed = new TributaryError('CONNECTION_FAILED', 'Cannot reach the worker at leader:8083', {
    cause: untrusted,
    retriable: false,
  });
  const { ask, sent } = follower(failed, done);
  const { status, body } = await ask('PUT /connectors/a/pause');
  equal(status, 500);
  match((body as { message: string }).message, /leader:8083: unable to verify the first certificate/);
  equal(sent.length, 1);
});

test('a request that was passed on is not passed on again', async () => {
  const { ask, sent } = follower(done);
  const answer = await ask('DELETE /connectors/a', undefined, { 'x-tributary-forwarded-by': 'other:8083' });
  equal(answer.status, 409);
  equal(answer.headers['x-tributary-not-leader'], 'true');
  deepEqual(sent, []);
});

test('a leader on the loopback of another machine is named with the remedy', async () => {
  const { ask, worker } = follower(done);
  worker.leaderNow = { kind: 'elsewhere', url: 'http://127.0.0.1:8083', host: 'other' };
  const { status, body } = await ask('PUT /connectors/a/pause');
  equal(status, 409);
  match(
    (body as { message: string }).message,
    /is on "other" and can be reached there alone .*rest\.advertised\.host\.name/,
  );
});

test('the leader answers itself', async () => {
  const { ask, worker, sent } = follower(done);
  worker.leaderNow = { kind: 'self' };
  equal((await ask('PUT /connectors/a/pause')).status, 202);
  deepEqual(worker.calls, ['pause a']);
  ok(sent.length === 0);
});

test('a worker that leads and cannot begin to says why, with 503; who passed the request on goes on asking, and passes that back', async () => {
  const { ask, worker } = follower(done);
  worker.leaderNow = { kind: 'unknown', reason: 'no coordinator' };
  const answer = await ask('PUT /connectors/a/config', {}, { 'x-tributary-forwarded-by': 'other:8083' });
  equal(answer.status, 503);
  equal(answer.headers['x-tributary-not-leader'], 'true');
  match(JSON.stringify(answer.body), /cannot begin to: no coordinator/);
});
