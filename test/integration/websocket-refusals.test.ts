import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { type ConnectorRun, textsOf } from '../support/connector-context.ts';
import { runSource } from '../support/websocket-run.ts';
import { type Answer, WsServer } from '../support/ws-server.ts';

const upgrade: Answer = { kind: 'upgrade' };

const busyMs = 400;
/** Two clocks are compared: the one of timers counts whole milliseconds. */
const clockGrainMs = 2;

/** The wait that was announced is the one wanted, and the server saw nothing before its end. */
function checkWait(run: ConnectorRun, attempts: readonly number[], waitMs: number): void {
  equal(run.events('reconnect_scheduled')[0]?.fields['backoff_ms'], waitMs);
  const [first, second] = attempts as [number, number];
  ok(second - first >= waitMs - clockGrainMs, `the second attempt came after ${second - first} ms`);
}

describe('close codes', () => {
  for (const code of [1008, 4401, 4403]) {
    test(`${code} fails the task with the reason`, async () => {
      await using server = await WsServer.start({ onOpen: (peer) => peer.close(code, 'not for you') });
      await using run = runSource(server.url);
      const error = (await run.failure()) as Error & { code: string };
      equal(
        error.message,
        `Cannot stay connected to "${server.url}": server closed the connection with code ${code}: not for you`,
      );
      equal(error.code, 'CONNECTION_REFUSED_FOR_GOOD');
      equal(server.requests.length, 1);
      equal((await server.peer(0)).closeFrame?.code, code);
    });
  }

  for (const [code, label] of [
    [1000, 'closed_1000'],
    [1001, 'closed_1001'],
    [1011, 'closed_1011'],
    [1012, 'closed_1012'],
    [1013, 'closed_1013'],
    [3001, 'closed_3xxx'],
    [4000, 'closed_4xxx'],
  ] as const) {
    test(`${code} is answered at once, and a new connection follows`, async () => {
      await using server = await WsServer.start({
        onOpen: (peer) => (peer.request.number === 0 ? peer.close(code, 'bye') : peer.text('back')),
      });
      await using run = runSource(server.url);
      deepEqual(textsOf(await run.take(1)), ['back']);
      equal((await server.peer(0)).closeFrame?.code, code);
      equal(run.metric('reconnects_total', { reason: label }), 1);
      equal(server.mostOpenSockets, 1);
    });
  }

  for (const [code, waitMs] of [
    [1001, 20],
    [1012, busyMs],
    [1013, busyMs],
  ] as const) {
    test(`${code} waits ${waitMs} ms before the next attempt`, async () => {
      const attempts: number[] = [];
      let closedAt = 0;
      await using server = await WsServer.start({
        answer() {
          attempts.push(performance.now());
          return upgrade;
        },
        onOpen(peer) {
          if (peer.request.number > 0) return peer.text('back');
          closedAt = performance.now();
          peer.close(code, 'later');
        },
      });
      await using run = runSource(server.url, { 'websocket.reconnect.busy.ms': String(busyMs) });
      await run.take(1);
      checkWait(run, [closedAt, attempts[1]!], waitMs);
      ok(
        run.statuses.some((status) => status?.includes(`in ${(waitMs / 1000).toFixed(1)} s`)),
        String(run.statuses),
      );
    });
  }

  test('the list of fatal ones is the configuration’s', async () => {
    await using server = await WsServer.start({
      onOpen: (peer) => peer.close(peer.request.number === 0 ? 1008 : 4000),
    });
    await using run = runSource(server.url, { 'websocket.fatal.close.codes': '4000' });
    match((await run.failure()).message, /code 4000$/);
    equal(server.requests.length, 2);
  });

  test('a server that never ends its socket is left after a while', async () => {
    await using server = await WsServer.start({
      closes: false,
      onOpen: (peer) => (peer.request.number === 0 ? peer.close(1001) : peer.text('back')),
    });
    await using run = runSource(server.url);
    deepEqual(textsOf(await run.take(1)), ['back']);
    equal(server.mostOpenSockets, 1);
  });
});

describe('endings without a close frame', () => {
  for (const [name, end] of [
    ['FIN', 'end'],
    ['RST', 'reset'],
  ] as const) {
    test(`${name} reconnects, and the status says why meanwhile`, async () => {
      await using server = await WsServer.start({
        onOpen(peer) {
          if (peer.request.number > 0) peer.text('back');
          else if (end === 'end') peer.socket.end();
          else peer.reset();
        },
      });
      await using run = runSource(server.url);
      deepEqual(textsOf(await run.take(1)), ['back']);
      ok(
        run.statuses.some((status) => /^reconnecting: .* \(attempt 1 in 0\.0 s\)$/.test(status ?? '')),
        String(run.statuses),
      );
      equal(run.statuses.at(-1), undefined);
      equal(run.metric('reconnects_total', { reason: 'lost' }), 1);
    });
  }
});

describe('answers to the upgrade', () => {
  for (const status of [401, 403]) {
    test(`${status} fails the task`, async () => {
      await using server = await WsServer.start({ answer: () => ({ kind: 'refuse', status }) });
      await using run = runSource(server.url);
      match((await run.failure()).message, new RegExp(`server answered the upgrade with ${status} \\w+$`));
      equal(server.requests.length, 1);
    });
  }

  for (const status of [404, 429, 500, 503]) {
    test(`${status} is retried, with the reason visible`, async () => {
      await using server = await WsServer.start({
        answer: ({ number }) => (number === 0 ? { kind: 'refuse', status } : upgrade),
        onOpen: (peer) => peer.text('in'),
      });
      await using run = runSource(server.url);
      await run.take(1);
      equal(run.metric('reconnects_total', { reason: `http_${status}` }), 1);
      match(String(run.events('reconnect_scheduled')[0]?.fields['reason']), new RegExp(`with ${status} `));
      ok(run.statuses.some((text) => text?.includes(`with ${status} `)));
    });
  }

  /** The least wait after a busy server is 400 ms here, and the backoff without one 20 ms. */
  for (const [status, header, waitMs] of [
    [429, '1', 1000],
    [503, '1', 1000],
    [503, undefined, busyMs],
    [503, 'soon', busyMs],
    [500, '1', 20],
  ] as const) {
    test(`${status} with Retry-After ${header ?? 'missing'} waits ${waitMs} ms before the next attempt`, async () => {
      const attempts: number[] = [];
      await using server = await WsServer.start({
        answer({ number }) {
          attempts.push(performance.now());
          if (number > 0) return upgrade;
          return { kind: 'refuse', status, headers: header === undefined ? [] : [`Retry-After: ${header}`] };
        },
        onOpen: (peer) => peer.text('in'),
      });
      await using run = runSource(server.url, { 'websocket.reconnect.busy.ms': String(busyMs) });
      await run.take(1);
      checkWait(run, attempts, waitMs);
    });
  }

  test('Retry-After with a date waits until then', async () => {
    const attempts: number[] = [];
    const dateMs = Math.ceil(Date.now() / 1000 + 1) * 1000;
    await using server = await WsServer.start({
      answer({ number }) {
        attempts.push(Date.now());
        const headers = [`Retry-After: ${new Date(dateMs).toUTCString()}`];
        return number > 0 ? upgrade : { kind: 'refuse', status: 503, headers };
      },
      onOpen: (peer) => peer.text('in'),
    });
    await using run = runSource(server.url, { 'websocket.reconnect.busy.ms': '1' });
    await run.take(1);
    ok(attempts[1]! >= dateMs - clockGrainMs, `${dateMs - attempts[1]!} ms too early`);
    ok(Number(run.events('reconnect_scheduled')[0]?.fields['backoff_ms']) <= dateMs - attempts[0]! + clockGrainMs);
  });

  for (const [name, answer] of [
    ['a wrong Sec-WebSocket-Accept', { kind: 'upgrade', accept: 'nonsense' }],
    ['an extension nobody offered', { kind: 'upgrade', headers: ['Sec-WebSocket-Extensions: x-other'] }],
    ['a subprotocol nobody offered', { kind: 'upgrade', headers: ['Sec-WebSocket-Protocol: v9'] }],
  ] as const) {
    test(`${name} is no upgrade`, async () => {
      await using server = await WsServer.start({
        answer: ({ number }) => (number === 0 ? answer : upgrade),
        onOpen: (peer) => peer.text('in'),
      });
      await using run = runSource(server.url);
      await run.take(1);
      equal(run.metric('reconnects_total', { reason: 'handshake_invalid' }), 1);
    });
  }

  for (const text of ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi', 'SSH-2.0-OpenSSH\r\n', '']) {
    test(`${JSON.stringify(text.slice(0, 16))} is retried`, async () => {
      await using server = await WsServer.start({
        answer: ({ number }) => (number === 0 ? { kind: 'raw', text } : upgrade),
        onOpen: (peer) => peer.text('in'),
      });
      await using run = runSource(server.url);
      await run.take(1);
      equal(run.metric('reconnects_total'), 1);
    });
  }
});

describe('redirects', () => {
  test('are followed; headers and token stay at home', async () => {
    await using other = await WsServer.start({ onOpen: (peer) => peer.text('there') });
    await using server = await WsServer.start({
      answer: ({ path }) => {
        const location = path === '/feed' ? '/second' : `http://127.0.0.1:${other.port}/third?x=1`;
        return { kind: 'refuse', status: 302, headers: [`Location: ${location}`] };
      },
    });
    await using run = runSource(server.url, {
      'websocket.auth.token': 'secret-token',
      'websocket.headers': 'X-Api: k',
    });
    await run.take(1);
    deepEqual(
      server.requests.map(({ headers }) => headers['authorization']),
      ['Bearer secret-token', 'Bearer secret-token'],
    );
    const [asked] = other.requests;
    deepEqual(
      [asked?.path, asked?.headers['authorization'], asked?.headers['x-api']],
      ['/third?x=1', undefined, undefined],
    );
    equal(run.events('reconnect_scheduled').length, 0);
  });

  test('in a circle end', async () => {
    await using server = await WsServer.start({
      answer: () => ({ kind: 'refuse', status: 301, headers: ['Location: /feed'] }),
    });
    await using run = runSource(server.url, { 'websocket.redirects.max': '2', 'websocket.reconnect.enabled': 'false' });
    match((await run.failure()).message, /with 301 Moved Permanently \(more than 2 redirects\)/);
    equal(server.requests.length, 3);
  });
});

describe('giving up', () => {
  test('comes after the configured number of attempts, with the last reason', async () => {
    await using server = await WsServer.start({ answer: () => ({ kind: 'refuse', status: 500 }) });
    await using run = runSource(server.url, { 'websocket.reconnect.max.attempts': '2' });
    match((await run.failure()).message, /gave up after 2 attempts to reconnect: server answered the upgrade with 500/);
    equal(server.requests.length, 3);
  });

  test('comes at once where reconnecting is off', async () => {
    await using server = await WsServer.start({ onOpen: (peer) => peer.close(1001) });
    await using run = runSource(server.url, { 'websocket.reconnect.enabled': 'false' });
    match((await run.failure()).message, /code 1001 \(websocket.reconnect.enabled is false\)$/);
    equal(server.requests.length, 1);
  });

  test('a server that accepts and closes is backed off from: the count is not reset by opening', async () => {
    await using server = await WsServer.start({ onOpen: (peer) => peer.close(1011) });
    await using run = runSource(server.url, {
      'websocket.reconnect.max.attempts': '4',
      'websocket.reconnect.interval.ms': '2',
    });
    await run.failure();
    deepEqual(
      run.events('reconnect_scheduled').map(({ fields }) => fields['backoff_ms']),
      [2, 4, 8, 16],
    );
  });

  test('refused connections and unknown names are retried with their reason', async () => {
    const free = createServer();
    free.listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    free.close();
    await once(free, 'close');
    for (const [url, reason] of [
      [`ws://127.0.0.1:${port}/`, /ECONNREFUSED/],
      ['ws://no-such-host.invalid/', /ENOTFOUND|EAI_AGAIN/],
    ] as const) {
      await using run = runSource(url, { 'websocket.reconnect.max.attempts': '1' });
      match((await run.failure()).message, reason);
      equal(run.metric('reconnects_total', { reason: 'connect_failed' }), 1);
    }
  });
});
