import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { get as httpGet, request as httpRequest, type RequestOptions } from 'node:http';
import { get as httpsGet, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Certificates, makeCertificates } from '../../test/support/certificates.ts';
import { fakeWorker } from '../../test/support/fake-worker.ts';
import { type TempFolder, tempFolder } from '../../test/support/temp-folder.ts';
import { toolsMissing } from '../../test/support/tools.ts';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import type { AccessRules } from './access/access.ts';
import { type Listener, listenAll } from './listen.ts';
import { buildRestServer } from './server.ts';

const rules: AccessRules = {
  accounts: { users: [], tokens: [] },
  openPaths: [],
  hosts: ['proxy.example'],
  cors: { origins: [], methods: [] },
  responseHeaders: [],
  secretsMasked: true,
};

async function open(...listeners: readonly Partial<Listener>[]) {
  const server = buildRestServer({
    worker: fakeWorker({ a: {} }),
    registry: new MetricRegistry(),
    version: '0',
    maskSecrets: true,
    access: { rules, clock: systemClock },
    log: silentLog,
  });
  server.get('/admin/thing', async () => ({ admin: true }));
  try {
    const urls = await listenAll(
      server,
      listeners.map((listener) => ({ host: '127.0.0.1', port: 0, ...listener })),
      '--listen',
    );
    return { urls, [Symbol.asyncDispose]: () => server.close() };
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function status(url: string, options: RequestOptions & { ca?: string; cert?: string; key?: string } = {}) {
  const request = (url.startsWith('https') ? httpsGet : httpGet)(url, { agent: false, ...options });
  const [answer] = await once(request, 'response');
  answer.resume();
  return answer.statusCode as number;
}

const skip = toolsMissing(['openssl']);
let certificates: Certificates;
let folder: TempFolder;
before(async () => {
  folder = await tempFolder('listen');
  if (skip === false) certificates = await makeCertificates(folder.path);
});
after(() => folder[Symbol.asyncDispose]());

test('one interface answers in clear and with TLS', { skip }, async () => {
  await using opened = await open({}, { tls: certificates.server });
  const [clear, tls] = opened.urls as [string, string];
  match(clear, /^http:\/\/127\.0\.0\.1:\d+$/);
  match(tls, /^https:\/\/127\.0\.0\.1:\d+$/);
  equal(await status(`${clear}/connectors`), 200);
  equal(await status(`${tls}/connectors`, { ca: certificates.ca }), 200);
  await rejects(status(`${tls}/connectors`), /self-signed|unable to verify/);
});

test('where a new connector is to be found has the scheme that it was asked with', { skip }, async () => {
  await using opened = await open({}, { tls: certificates.server });
  for (const [i, url] of opened.urls.entries()) {
    const body = JSON.stringify({ name: `c${i}`, config: { 'connector.class': 'Fake' } });
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const ask = url.startsWith('https') ? httpsRequest : httpRequest;
    const request = ask(`${url}/connectors`, { method: 'POST', headers, ca: certificates.ca, agent: false });
    request.end(body);
    const [answer] = await once(request, 'response');
    answer.resume();
    equal(answer.headers.location, `${url}/connectors/c${i}`);
  }
});

test('a PKCS #12 store serves as well', { skip }, async () => {
  const { cert, key } = certificates.server;
  writeFileSync(join(folder.path, 's.pem'), `${cert}${key}`);
  const args = [
    'pkcs12',
    '-export',
    '-in',
    join(folder.path, 's.pem'),
    '-out',
    join(folder.path, 's.p12'),
    '-passout',
    'pass:pw',
  ];
  execFileSync('openssl', args);
  await using opened = await open({ tls: { pfx: readFileSync(join(folder.path, 's.p12')), passphrase: 'pw' } });
  equal(await status(`${opened.urls[0]}/connectors`, { ca: certificates.ca }), 200);
});

test('a certificate without its key, or a wrong passphrase, is told without showing either', { skip }, async () => {
  const { clientEncryptedKey, client } = certificates;
  await rejects(open({ tls: { cert: client.cert, key: clientEncryptedKey, passphrase: 'canary' } }), (error: Error) => {
    match(error.message, /^Cannot listen with TLS: /);
    return !error.message.includes('canary');
  });
});

test('where client certificates are required, nobody comes in without one', { skip }, async () => {
  const tls = { ...certificates.server, ca: certificates.ca, requestCert: true, rejectUnauthorized: true };
  await using opened = await open({ tls });
  const url = `${opened.urls[0]}/connectors`;
  equal(await status(url, { ca: certificates.ca, ...certificates.client }), 200);
  await rejects(status(url, { ca: certificates.ca }), { code: /ECONNRESET|ERR_SSL_.*|EPIPE/ });
});

test('/admin is only at the listeners that are for it, and nothing else is there', async () => {
  await using opened = await open({ serves: 'all-but-admin' }, { serves: 'admin' });
  const [main, admin] = opened.urls as [string, string];
  deepEqual(
    [
      await status(`${main}/connectors`),
      await status(`${main}/admin/thing`),
      await status(`${admin}/connectors`),
      await status(`${admin}/admin/thing`),
    ],
    [200, 404, 404, 200],
  );
});

test('a loopback listener refuses a host that is not this machine, unless it was named', async () => {
  await using opened = await open({});
  const url = `${opened.urls[0]}/connectors`;
  equal(await status(url, { headers: { host: 'rebound.example' } }), 403);
  equal(await status(url, { headers: { host: 'proxy.example:80' } }), 200);
});

test('where one of several addresses is taken, none stays open', async () => {
  await using other = await open({});
  const port = Number(new URL(other.urls[0]!).port);
  await rejects(open({}, { port }), { code: 'ADDRESS_IN_USE' });
});

test('an end of the server ends all its listeners, those that only wait as well', async () => {
  const opened = await open({}, {});
  for (const url of opened.urls) await (await fetch(`${url}/connectors`)).text(); // its connection is kept
  await opened[Symbol.asyncDispose]();
  for (const url of opened.urls) await rejects(fetch(`${url}/connectors`));
});
