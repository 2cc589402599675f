import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { fakeWorker } from '../../test/support/fake-worker.ts';
import { restServer } from '../../test/support/rest-server.ts';
import type { PeerRequest } from '../rest/forwarding.ts';
import { askOther } from './ask-other.ts';

const group = { groupId: 'feeds & co', clusterId: 'a+b=' };

/** Another worker's REST interface, which answers what is sent to it. */
function other(status?: number) {
  const worker = fakeWorker();
  worker.hearing = ({ groupId, clusterId }) =>
    groupId === group.groupId && clusterId === group.clusterId ? { agoMs: 12.4, forMs: 60_000.2 } : undefined;
  const rest = restServer({ worker });
  const sent: PeerRequest[] = [];
  const ask = askOther(async (request) => {
    sent.push(request);
    const { pathname, search } = new URL(request.url);
    const answer = await rest.ask(`${request.method} ${pathname}${search}`);
    const body = status === undefined ? answer.body : { error_code: status, message: 'no' };
    return {
      status: status ?? answer.status,
      contentType: 'application/json',
      location: undefined,
      isRefusedByFollower: false,
      body: Buffer.from(JSON.stringify(body)),
    };
  });
  return { worker, ask, sent };
}

test('a worker says how it hears its group to who names it, whatever its health, and nothing of another one', async () => {
  const { worker, ask, sent } = other();
  deepEqual(await ask('http://w:1', group), { agoMs: 12, forMs: 60_000 });
  worker.healthNow = { state: 'unhealthy' };
  deepEqual(await ask('http://w:1/', group), { agoMs: 12, forMs: 60_000 });
  equal(await ask('http://w:1', { ...group, clusterId: 'another' }), undefined);
  equal(await ask('http://w:1', { ...group, groupId: 'another' }), undefined);
  deepEqual(new Set(sent.map(({ timeoutMs }) => timeoutMs)), new Set([2_000]));
});

test('where a login is wanted for /health the worker counts as one that does not answer', async () => {
  await rejects(other(401).ask('http://w:1', group), /The worker at w:1 answers \/health with 401/);
});
