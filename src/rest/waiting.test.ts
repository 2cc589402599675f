import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { buildWaitingServer } from './waiting.ts';

const reason = 'The worker waits for its Kafka';

for (const { method, url, payload, headers, body } of [
  { method: 'GET', url: '/', body: { error_code: 503, message: reason } },
  { method: 'GET', url: '/connectors/a%', body: { error_code: 503, message: reason } },
  { method: 'GET', url: '/health/', body: { status: 'starting', message: reason } },
  { method: 'POST', url: '/connectors', payload: '{', body: { error_code: 503, message: reason } },
  {
    method: 'PUT',
    url: '/connectors/a/config',
    payload: '<a/>',
    headers: { 'content-type': 'text/xml' },
    body: { error_code: 503, message: reason },
  },
] as const) {
  test(`${method} ${url} is told to come again, and why`, async () => {
    await using server = buildWaitingServer(reason);
    const answer = await server.inject({
      ...{ method, url, headers: { 'content-type': 'application/json', ...headers } },
      ...(payload === undefined ? {} : { payload }),
    });
    equal(answer.statusCode, 503);
    equal(answer.headers['retry-after'], '5');
    deepEqual(answer.json(), body);
  });
}
