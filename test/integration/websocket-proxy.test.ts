import { deepEqual, equal, match } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { textsOf } from '../support/connector-context.ts';
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
