import { deepEqual, equal, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type TLSSocket, type TlsOptions } from 'node:tls';
import { promisify } from 'node:util';
import { type Certificates, makeCertificates } from '../support/certificates.ts';
import { textsOf } from '../support/connector-context.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';
import { runSource } from '../support/websocket-run.ts';
import { WsServer } from '../support/ws-server.ts';

const skip = toolsMissing(['openssl']);
const run = promisify(execFile);

let folder: TempFolder;
let made: Certificates;
before(async () => {
  folder = await tempFolder('websocket-tls');
  if (skip === false) made = await makeCertificates(folder.path);
});
after(() => folder[Symbol.asyncDispose]());

const start = (tls: TlsOptions) => WsServer.start({ tls, onOpen: (peer) => peer.text('over TLS') });
const onlyOnce = { 'websocket.reconnect.enabled': 'false' };

describe('a server is trusted', { skip }, () => {
  test('by an authority that is given as text or as a path', async () => {
    await using server = await start(made.server);
    for (const ca of [made.ca, made.caPath]) {
      await using run = runSource(server.url, { 'websocket.tls.ca': ca });
      deepEqual(textsOf(await run.take(1)), ['over TLS']);
      equal(run.metric('tls_insecure'), 0);
    }
  });

  test('under another name, where the option gives it; it is asked for by SNI', async () => {
    const names: (string | undefined)[] = [];
    await using server = await WsServer.start({
      tls: made.other,
      onOpen(peer) {
        names.push((peer.socket as TLSSocket & { readonly servername?: string }).servername || undefined);
        peer.text('x');
      },
    });
    await using run = runSource(server.url, {
      'websocket.tls.ca': made.ca,
      'websocket.tls.servername': 'other.example',
    });
    await run.take(1);
    deepEqual(names, ['other.example']);
  });

  test('whoever it is, only by the explicit switch, which is warned of', async () => {
    await using server = await start(made.expired);
    await using run = runSource(server.url, { 'websocket.tls.insecure': 'true' });
    await run.take(1);
    equal(run.metric('tls_insecure'), 1);
    equal(run.events('tls_insecure').length, 1);
  });
});

describe('a server is not trusted', { skip }, () => {
  for (const [name, pair, changes, reason] of [
    ['by an unknown authority', 'server', {}, /unable to (verify|get)|self.signed/i],
    ['under another name', 'other', { ca: true }, /altnames|does not match/i],
    ['after its time', 'expired', { ca: true }, /expired/i],
  ] as const) {
    test(name, async () => {
      await using server = await start(made[pair]);
      const ca: Record<string, string> = 'ca' in changes ? { 'websocket.tls.ca': made.ca } : {};
      await using run = runSource(server.url, { ...onlyOnce, ...ca });
      const { message } = await run.failure();
      match(message, /: TLS: /);
      match(message, reason);
      equal(server.requests.length, 0);
    });
  }

  test('that speaks TLS 1.1 only', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await using server = await start({ ...made.server, ...old });
    // With a client that takes it, it answers: what is refused below is its age.
    const plain = connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false, ...old });
    await once(plain, 'secureConnect');
    equal(plain.getProtocol(), 'TLSv1.1');
    plain.destroy();
    await using run = runSource(server.url, {
      'websocket.tls.ca': made.ca,
      'websocket.reconnect.max.attempts': '1',
    });
    const { message } = await run.failure();
    match(message, /: TLS: /);
    match(message, /protocol version|unsupported protocol/i);
    equal(run.metric('reconnects_total', { reason: 'tls_failed' }), 1);
    equal(server.requests.length, 0);
  });

  test('and is tried again, counted as such', async () => {
    await using server = await start(made.expired);
    await using run = runSource(server.url, { 'websocket.tls.ca': made.ca, 'websocket.reconnect.max.attempts': '1' });
    await run.failure();
    equal(run.metric('reconnects_total', { reason: 'tls_failed' }), 1);
  });
});

describe('the certificates of the system', { skip }, () => {
  /** Runs the connector in a process of its own, since they are read once a process. Its last line tells how it went. */
  const connectIn = async (url: string, env: NodeJS.ProcessEnv, flags: readonly string[] = []): Promise<string> => {
    const child = join(import.meta.dirname, '../support/websocket-child.ts');
    const { stdout } = await run(process.execPath, [...flags, child, url], {
      env: { PATH: process.env['PATH'], ...env },
      timeout: 300_000,
    });
    return stdout.trim();
  };
  const none = { SSL_CERT_FILE: '/dev/null', SSL_CERT_DIR: '/dev/null' };

  test('are trusted beside those of Node.js, without a switch', async () => {
    await using server = await start(made.server);
    equal(await connectIn(server.url, { ...none, SSL_CERT_FILE: made.caPath }), 'message: over TLS');
  });

  test('do not hold the authority: the server is refused, and trusted by NODE_EXTRA_CA_CERTS', async () => {
    await using server = await start(made.server);
    match(await connectIn(server.url, none), /^failure: .*: TLS: .*(unable to (verify|get)|self.signed)/i);
    equal(server.requests.length, 0);
    equal(await connectIn(server.url, { ...none, NODE_EXTRA_CA_CERTS: made.caPath }), 'message: over TLS');
  });

  test('make no exception for a server under another name', async () => {
    await using server = await start(made.other);
    match(await connectIn(server.url, { ...none, SSL_CERT_FILE: made.caPath }), /^failure: .*: TLS: .*altnames/i);
  });

  test('are trusted under --use-system-ca and --use-bundled-ca alike', async () => {
    await using server = await start(made.server);
    for (const flag of ['--use-system-ca', '--use-bundled-ca'])
      equal(await connectIn(server.url, { ...none, SSL_CERT_FILE: made.caPath }, [flag]), 'message: over TLS');
  });

  test('are not asked where an authority is given', async () => {
    await using server = await start(made.server);
    const env = { ...none, SSL_CERT_FILE: made.caPath, WEBSOCKET_TLS_CA: made.server.cert };
    match(await connectIn(server.url, env), /^failure: .*: TLS: /);
  });
});

describe('a client certificate', { skip }, () => {
  const demanding = () => start({ ...made.server, ca: made.ca, requestCert: true, rejectUnauthorized: true });

  test('opens the door, its key encrypted or not', async () => {
    await using server = await demanding();
    const keys: Record<string, string>[] = [
      { 'websocket.tls.key': made.client.key },
      { 'websocket.tls.key': made.clientEncryptedKey, 'websocket.tls.passphrase': 'let me in' },
    ];
    for (const key of keys) {
      await using run = runSource(server.url, {
        'websocket.tls.ca': made.ca,
        'websocket.tls.cert': made.client.cert,
        ...key,
      });
      deepEqual(textsOf(await run.take(1)), ['over TLS']);
    }
  });

  test('that is missing is told as the reason', async () => {
    await using server = await demanding();
    await using run = runSource(server.url, { ...onlyOnce, 'websocket.tls.ca': made.ca });
    match((await run.failure()).message, /TLS: .*certificate required|lost|closed|hang up|ECONNRESET/i);
  });
});

test('a certificate that is changed on disk counts from the next connection on', { skip }, async () => {
  const path = join(folder.path, 'rotating.pem');
  await copyFile(made.caPath, path);
  await using server = await WsServer.start({
    tls: made.server,
    onOpen: (peer) => peer.text(`connection ${peer.request.number}`),
  });
  await using run = runSource(server.url, { 'websocket.tls.ca': path, 'websocket.reconnect.max.attempts': '1' });
  await run.take(1);
  await writeFile(path, made.client.cert);
  (await server.peer(0)).close(1001);
  match((await run.failure()).message, /TLS: /);
});

for (const [changes, reason] of [
  [{ 'websocket.tls.ca': '/no/such/file.pem' }, /Cannot read the file of websocket.tls.ca/],
  [
    { 'websocket.tls.key': '-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----' },
    /Cannot use websocket.tls/,
  ],
] as const) {
  test(`${Object.keys(changes)[0]} that cannot be used fails the start`, async () => {
    await using run = runSource('wss://127.0.0.1:1/', changes);
    const error = (await run.failure()) as Error & { code: string };
    equal(error.code, 'CONFIG_INVALID');
    match(error.message, reason);
  });
}
