import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type HttpRequest, httpRequest } from './http-request.ts';
import { httpTarget } from './http-url.ts';
import { publicOnly, unrestricted } from './outbound-policy.ts';
import { TlsTrust } from './tls-trust.ts';

interface Served extends AsyncDisposable {
  readonly origin: string;
  readonly seen: { readonly url: string; readonly headers: IncomingMessage['headers']; readonly body: string }[];
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Served> {
  const seen: Served['seen'] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    seen.push({ url: request.url!, headers: request.headers, body });
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const none = { ca: null, cert: null, key: null, passphrase: null, servername: null, insecure: false };
const route = { proxy: null, tls: new TlsTrust({ prefix: 'tls', ...none }), outbound: unrestricted };

function ask(url: string, more: Partial<HttpRequest> = {}) {
  return httpRequest({ target: httpTarget(url, 'url'), route, ...more });
}

test('method, headers and body go out, status and body come back', async () => {
  await using server = await serve((_, response) => response.writeHead(404, { 'x-a': 'b' }).end('{"error":1}'));
  const answer = await ask(`${server.origin}/a?b=c`, { method: 'POST', headers: [['X-One', '1']], body: 'grüße' });
  deepEqual([answer.status, answer.headers['x-a'], answer.body.toString()], [404, 'b', '{"error":1}']);
  deepEqual([server.seen[0]!.url, server.seen[0]!.body], ['/a?b=c', 'grüße']);
  equal(server.seen[0]!.headers['x-one'], '1');
});

test('a redirect is followed; private headers stay with their host and port', async () => {
  await using there = await serve((_, response) => response.end('there'));
  await using here = await serve((request, response) => {
    const to = request.url === '/start' ? '/next' : `${there.origin}/end`;
    response.writeHead(302, { location: to }).end();
  });
  const answer = await ask(`${here.origin}/start`, {
    headers: [['Accept', 'x']],
    private: [['Authorization', 'Basic z']],
  });
  equal(answer.body.toString(), 'there');
  deepEqual(
    here.seen.map(({ url, headers }) => [url, headers.authorization]),
    [
      ['/start', 'Basic z'],
      ['/next', 'Basic z'],
    ],
  );
  deepEqual([there.seen[0]!.headers.authorization, there.seen[0]!.headers.accept], [undefined, 'x']);
});

test('redirects have a bound, and a POST is not made a GET', async () => {
  await using server = await serve((_, response) => response.writeHead(302, { location: '/again' }).end());
  await rejects(ask(server.origin, { maxRedirects: 2 }), /redirects more than 2 times/);
  equal(server.seen.length, 3);
  await rejects(ask(server.origin, { method: 'POST', body: '' }), /answered a POST with a redirect/);
});

test('a long body is refused', async () => {
  await using server = await serve((_, response) => response.end('x'.repeat(100)));
  await rejects(ask(server.origin, { maxBytes: 99 }), { code: 'PROTOCOL_ERROR' });
});

test('silence ends with the time allowed, a stop at once', async () => {
  await using server = await serve(() => {});
  await rejects(ask(server.origin, { timeoutMs: 50 }), { code: 'TIMEOUT', retriable: true });
  const stop = new AbortController();
  const waiting = ask(server.origin, { signal: stop.signal });
  stop.abort();
  await rejects(waiting, { code: 'ABORTED' });
});

test('nobody there is a failure that may pass', async () => {
  const server = await serve(() => {});
  await server[Symbol.asyncDispose]();
  await rejects(ask(server.origin), { code: 'CONNECTION_FAILED', retriable: true });
});

test('a redirect to where nothing may be reached is forbidden, too', async () => {
  await using secret = await serve((_, response) => response.end('secret'));
  await using server = await serve((_, response) => {
    response.writeHead(302, { location: secret.origin.replace('127.0.0.1', '[::ffff:127.0.0.1]') }).end();
  });
  const outbound = publicOnly([new URL(server.origin).hostname.replace('127.0.0.1', 'localhost')]);
  const url = server.origin.replace('127.0.0.1', 'localhost');
  await rejects(ask(url, { route: { ...route, outbound } }), { code: 'OUTBOUND_FORBIDDEN' });
  equal(secret.seen.length, 0);
  ok(server.seen.length === 1);
});
