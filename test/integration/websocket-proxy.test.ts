import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { textsOf } from '../support/connector-context.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { startHttpProxy, startSocksProxy } from '../support/proxies.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';
import { runSource } from '../support/websocket-run.ts';
import { WsServer } from '../support/ws-server.ts';

const skip = toolsMissing(['openssl']);
let folder: TempFolder;
let made: Certificates;
before(async () => {
  folder = await tempFolder('websocket-proxy');
  if (skip === false) made = await makeCertificates(folder.path);
});
after(() => folder[Symbol.asyncDispose]());

const credentials = { user: 'me', password: 'p@ss word' };
const login = 'me:p%40ss%20word@';
const once = { 'websocket.reconnect.enabled': 'false' };

for (const [kind, scheme, startProxy] of [
  ['an HTTP proxy', 'http', startHttpProxy],
  ['a SOCKS proxy', 'socks5', startSocksProxy],
] as const) {
  describe(`through ${kind}`, () => {
    test('messages come, over plain TCP and TLS, with and without a password', { skip }, async () => {
      for (const secure of [false, true]) {
        for (const withPassword of [false, true]) {
          await using server = await WsServer.start({
            onOpen: (peer) => peer.text('through'),
            ...(secure ? { tls: made.server } : {}),
          });
          await using proxy = await startProxy(withPassword ? { credentials } : {});
          await using run = runSource(server.url, {
            'websocket.proxy': `${scheme}://${withPassword ? login : ''}127.0.0.1:${proxy.port}`,
            'websocket.tls.ca': made.ca,
          });
          deepEqual(textsOf(await run.take(1)), ['through']);
          deepEqual(proxy.asked, [`127.0.0.1:${server.port}`]);
          run.stop();
          await run.drain();
          await run.until(() => server.openSockets === 0 && proxy.openSockets() === 0, 'no socket left');
        }
      }
    });

    test('the proxy looks the name up', async () => {
      await using server = await WsServer.start({ onOpen: (peer) => peer.text('x') });
      await using proxy = await startProxy();
      await using run = runSource(`ws://feed.test:${server.port}/`, {
        'websocket.proxy': `${scheme}://127.0.0.1:${proxy.port}`,
      });
      await run.take(1);
      deepEqual(proxy.asked, [`feed.test:${server.port}`]);
    });

    test('a wrong password is the reason, without the password, and is tried again', async () => {
      await using server = await WsServer.start();
      await using proxy = await startProxy({ credentials });
      await using run = runSource(server.url, {
        'websocket.proxy': `${scheme}://me:canary@127.0.0.1:${proxy.port}`,
        'websocket.reconnect.max.attempts': '1',
      });
      const { message } = await run.failure();
      match(message, /proxy/i);
      match(message, /407|authentication/i);
      equal(run.metric('reconnects_total', { reason: 'proxy_failed' }), 1);
      equal(/canary/.test(run.everythingSaid() + message), false);
      equal(server.requests.length, 0);
    });

    test('a proxy that is not there is the reason', async () => {
      const gone = await startProxy();
      await gone[Symbol.asyncDispose]();
      await using run = runSource('ws://feed.test/', {
        ...once,
        'websocket.proxy': `${scheme}://127.0.0.1:${gone.port}`,
      });
      match((await run.failure()).message, /proxy: .*ECONNREFUSED/);
    });
  });
}

test('a proxy that never answers ends with the connection timeout and leaves no socket', async () => {
  await using proxy = await startHttpProxy({ hangs: true });
  await using run = runSource('ws://feed.test/', {
    ...once,
    'websocket.proxy': `http://127.0.0.1:${proxy.port}`,
    'websocket.connection.timeout.ms': '50',
  });
  match((await run.failure()).message, /no connection within 50 ms/);
  await run.until(() => proxy.openSockets() === 0, 'no socket left');
});

describe('a proxy that ends what is idle for 60 s', () => {
  const start = async (config: Readonly<Record<string, string>>) => {
    const clock = new ManualClock(Date.now());
    const server = await WsServer.start();
    const proxy = await startHttpProxy({ idle: { ms: 60_000, clock } });
    const url = { 'websocket.proxy': `http://127.0.0.1:${proxy.port}` };
    const run = runSource(server.url, { ...url, 'websocket.reconnect.interval.ms': '1000', ...config }, { clock });
    const parts = new AsyncDisposableStack();
    for (const part of [server, proxy, run]) parts.use(part);
    return { clock, server, run, [Symbol.asyncDispose]: () => parts.disposeAsync() };
  };

  test('is kept busy by the pings that go out by default', async () => {
    await using idle = await start({});
    const { clock, server, run } = idle;
    const first = run.begin();
    const peer = await server.peer(0);
    const pings = (): number => peer.frames.filter(({ opcode }) => opcode === 0x9).length;
    await run.until(() => run.metric('connected') === 1, 'the connection');
    // Ten minutes without a message.
    for (let minute = 0; minute < 10; minute++) {
      const before = pings();
      for (let step = 0; step < 12; step++) {
        clock.advance(5000);
        // Time stands still until a ping has gone to the server and its answer has come back: four sockets, a turn for each.
        for (let turn = 0; turn < 50; turn++) await new Promise((next) => setImmediate(next));
      }
      ok(pings() > before, 'no ping in a minute');
    }
    peer.text('still here');
    await first;
    deepEqual(textsOf(run.records), ['still here']);
    equal(server.requests.length, 1, 'it never connected again');
  });

  test('ends a connection without pings, and the next one is counted', async () => {
    await using idle = await start({ 'websocket.ping.interval.ms': '0' });
    const { clock, server, run } = idle;
    const first = run.begin();
    await server.peer(0);
    await run.until(() => run.metric('connected') === 1, 'the connection');
    clock.advance(60_000);
    await run.until(() => run.metric('reconnects_total') === 1, 'the end of it');
    clock.advance(2000);
    (await server.peer(1)).text('here again');
    await first;
    deepEqual(textsOf(run.records), ['here again']);
  });
});

test('the environment counts only where the configuration says so', async () => {
  await using server = await WsServer.start({ onOpen: (peer) => peer.text('x') });
  await using proxy = await startHttpProxy();
  const before = process.env['HTTP_PROXY'];
  process.env['HTTP_PROXY'] = `http://127.0.0.1:${proxy.port}`;
  try {
    await using direct = runSource(server.url);
    await direct.take(1);
    equal(proxy.asked.length, 0);
    await using through = runSource(server.url, { 'websocket.proxy': 'environment' });
    await through.take(1);
    equal(proxy.asked.length, 1);
  } finally {
    if (before === undefined) delete process.env['HTTP_PROXY'];
    else process.env['HTTP_PROXY'] = before;
  }
});
