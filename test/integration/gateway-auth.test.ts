/** Who may come in: key sets behind a URL, forged tokens, tokens in queries, TLS with certificates of clients. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, mock, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import * as jose from 'jose';
import { makeCertificates } from '../support/certificates.ts';
import { rawHttp } from '../support/gateway/raw-http.ts';
import { gatewayStand, type Served, settingsOf } from '../support/gateway/stand.ts';
import { tempFolder } from '../support/temp-folder.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());
const everybody = [{ who: ['*'], can: ['subscribe', 'publish'], topics: ['*'] }];

interface Signer {
  readonly jwk: jose.JWK;
  readonly publicPem: string;
  sign(claims?: jose.JWTPayload, header?: object): Promise<string>;
}

async function signer(kid: string, alg = 'RS256'): Promise<Signer> {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await jose.exportJWK(publicKey)), kid, alg };
  return {
    jwk,
    publicPem: createPublicKey({ key: jwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string,
    sign: (claims = {}, header = {}) =>
      new jose.SignJWT({ sub: 'alice', ...claims })
        .setProtectedHeader({ alg, kid, ...header })
        .setExpirationTime('1h')
        .sign(privateKey),
  };
}

/** A server of a key set that can be changed, and can fail. */
async function keyServer(keys: readonly jose.JWK[]) {
  const state = { keys, isAway: false, asked: 0 };
  const server: Server = createServer((_, response) => {
    state.asked++;
    if (state.isAway) response.writeHead(503).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: state.keys }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  return {
    state,
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const statusOf = async (served: Served, token: string): Promise<number> =>
  (await served.open('/v1/ws', ['tributary.v1.json'], { Authorization: `Bearer ${token}` })).status;
const withJwt = (jwt: object): Record<string, unknown> => ({ auth: { mode: 'jwt', jwt }, acl: everybody });

test('a key set behind a URL: a new key is fetched once for its first token, and at most every 30 s for unknown ones', async () => {
  const [first, second, third] = [await signer('a'), await signer('b', 'ES256'), await signer('c')];
  await using keys = await keyServer([first.jwk]);
  await using served = await stand.gateway(withJwt({ jwks: keys.url }));
  equal(keys.state.asked, 1);
  equal(served.gateway.readiness().checks.auth, 'ok');
  equal(await statusOf(served, await first.sign()), 101);
  equal(keys.state.asked, 1);
  let aheadMs = 31_000;
  const real = Date.now;
  const now = mock.method(Date, 'now', () => real() + aheadMs);
  try {
    keys.state.keys = [first.jwk, second.jwk];
    equal(await statusOf(served, await second.sign()), 101);
    equal(keys.state.asked, 2);
    const unknown = await third.sign();
    for (let count = 0; count < 5; count++) equal(await statusOf(served, unknown), 401);
    equal(keys.state.asked, 2);
    equal(served.metric('auth_failures_total{reason="unknown"}'), 5);
    aheadMs += 31_000;
    keys.state.keys = [second.jwk];
    equal(await statusOf(served, unknown), 401);
    equal(keys.state.asked, 3);
    // The first key was taken out of use.
    equal(await statusOf(served, await first.sign()), 401);
  } finally {
    now.mock.restore();
  }
});

test('a key set that cannot be fetched: the gateway starts, is not ready, refuses tokens, and says so; later all is well', async () => {
  const key = await signer('a');
  await using keys = await keyServer([key.jwk]);
  keys.state.isAway = true;
  await using served = await stand.gateway(withJwt({ jwks: keys.url }));
  const ready = await fetch(`${served.gateway.adminUrl}/readyz`);
  equal(ready.status, 503);
  equal(((await ready.json()) as { checks: { auth: string } }).checks.auth, 'no keys');
  equal(await statusOf(served, await key.sign()), 401);
  const warning = served.log.find(({ event }) => event === 'jwks_not_fetched');
  equal(warning?.level, 'warn');
  keys.state.isAway = false;
  const now = mock.method(
    Date,
    'now',
    (
      (real) => () =>
        real() + 31_000
    )(Date.now),
  );
  try {
    equal(await statusOf(served, await key.sign()), 101);
    equal((await fetch(`${served.gateway.adminUrl}/readyz`)).status, 200);
    // Known keys serve on while their server is away.
    keys.state.isAway = true;
    equal(await statusOf(served, await key.sign()), 101);
  } finally {
    now.mock.restore();
  }
});

test('an old key set is fetched anew after ten minutes; where that fails new tokens are refused, connections stay', async () => {
  const key = await signer('a');
  await using keys = await keyServer([key.jwk]);
  await using served = await stand.gateway(withJwt({ jwks: keys.url }));
  const client = await served.native({ token: await key.sign() });
  keys.state.isAway = true;
  const now = mock.method(
    Date,
    'now',
    (
      (real) => () =>
        real() + 601_000
    )(Date.now),
  );
  try {
    equal(await statusOf(served, await key.sign({}, {})), 401);
  } finally {
    now.mock.restore();
  }
  client.send({ type: 'ping' });
  await client.next('pong');
  client.leave();
});

test('a key set comes over https, or from this machine', async () => {
  await rejects(stand.gateway(withJwt({ jwks: 'http://keys.example/set' })), /must be https/);
  await rejects(stand.gateway(withJwt({ jwks: 'https://[' })), /cannot parse/);
});

test('issuer and audience that are not checked are a warning at the start', async () => {
  const key = await signer('a');
  await using served = await stand.gateway(withJwt({ jwks: { keys: [key.jwk] }, issuer: 'i' }));
  const warning = served.log.find(({ event }) => event === 'jwt_not_checked');
  equal(JSON.stringify(warning?.fields['keys']), '["gateway.auth.jwt.audience"]');
  equal(await statusOf(served, await key.sign({ iss: 'other' })), 401);
  equal(served.metric('auth_failures_total{reason="claims"}'), 1);
  equal(await statusOf(served, await key.sign({ iss: 'i' })), 101);
});

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const soon = (): number => Math.floor(Date.now() / 1000) + 3600;

test('alg none, in any spelling, is never accepted, even where the configuration asks for it', async () => {
  const key = await signer('a');
  await rejects(stand.gateway(withJwt({ jwks: { keys: [key.jwk] }, algorithms: ['none'] })), /must be one of/);
  await using served = await stand.gateway(withJwt({ jwks: { keys: [key.jwk] }, algorithms: ['RS256', 'HS256'] }));
  const [, payload, signature] = (await key.sign()).split('.');
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
    for (const tail of ['', signature]) {
      equal(await statusOf(served, `${base64({ alg, kid: 'a' })}.${payload}.${tail}`), 401, `${alg} ${tail}`);
    }
  }
  equal(await statusOf(served, await key.sign()), 101);
});

test('key confusion: a public key is no secret of an HMAC, and a secret no key of a signature', async () => {
  const key = await signer('a');
  await using served = await stand.gateway(withJwt({ jwks: { keys: [key.jwk] }, algorithms: ['RS256', 'HS256'] }));
  const body = `${base64({ alg: 'HS256', kid: 'a' })}.${base64({ sub: 'alice', exp: soon() })}`;
  for (const secret of [key.publicPem, key.publicPem.trim(), JSON.stringify(key.jwk), key.jwk.n!]) {
    const forged = `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
    equal(await statusOf(served, forged), 401);
  }
  const secret = 'a secret of more than thirty-two bytes';
  await using shared = await stand.gateway(withJwt({ secret, algorithms: ['HS256', 'RS256'] }));
  equal(await statusOf(shared, await key.sign()), 401);
  const sign = (): Promise<string> =>
    new jose.SignJWT({ sub: 'alice' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(Buffer.from(secret));
  equal(await statusOf(shared, await sign()), 101);
});

test('keys that a token brings along itself (jwk, jku, x5c) are not looked at, nor is a critical header passed over', async () => {
  const [key, own] = [await signer('a'), await signer('a')];
  await using keys = await keyServer([own.jwk]);
  await using served = await stand.gateway(withJwt({ jwks: { keys: [key.jwk] } }));
  const { kid: _kid, alg: _alg, ...jwk } = own.jwk;
  for (const header of [{ jwk }, { jku: keys.url }, { x5u: keys.url }, { x5c: ['MIIB'] }]) {
    equal(await statusOf(served, await own.sign({}, header)), 401, JSON.stringify(header));
  }
  equal(keys.state.asked, 0);
  const [, payload, signature] = (await key.sign()).split('.');
  equal(await statusOf(served, `${base64({ alg: 'RS256', kid: 'a', crit: ['exp'] })}.${payload}.${signature}`), 401);
});

test('a token that is taken within the leeway lives for the rest of it', async () => {
  const secret = 'a secret of more than thirty-two bytes';
  await using served = await stand.gateway(withJwt({ secret, algorithms: ['HS256'] }));
  const sign = (ago: number): Promise<string> =>
    new jose.SignJWT({ sub: 'alice', exp: Math.floor(Date.now() / 1000) - ago })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(secret));
  equal(await statusOf(served, await sign(60)), 401);
  equal(served.metric('auth_failures_total{reason="expired"}'), 1);
  const client = await served.native({ token: await sign(5) });
  client.send({ type: 'ping' });
  await client.next('pong');
  served.advance(30_000);
  const bye = await client.next('bye');
  equal(bye['code'], 'unauthorized');
  equal(await client.closed(), 4401);
});

test('auth.query: a token in the query is taken only where that is said, and never together with another', async () => {
  const tokens = [
    { name: 'alice', token: 'token-of-alice-0123456789' },
    { name: 'bob', token: 'token-of-bob-0123456789' },
  ];
  await stand.topic('query');
  const get = (served: Served, query: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${served.url}/v1/topics/query?${query}`, { headers });
  await using without = await stand.gateway({ auth: { mode: 'token', tokens }, acl: everybody });
  equal((await get(without, 'access_token=token-of-alice-0123456789')).status, 401);
  await using served = await stand.gateway({ auth: { mode: 'token', tokens, query: true }, acl: everybody });
  equal((await get(served, 'access_token=token-of-alice-0123456789')).status, 200);
  equal((await get(served, 'access_token=token-of-nobody-0123456789')).status, 401);
  const other = { Authorization: 'Bearer token-of-bob-0123456789' };
  equal((await get(served, 'access_token=token-of-alice-0123456789', other)).status, 400);
  equal((await get(served, 'access_token=token-of-bob-0123456789', other)).status, 200);
  equal((await served.open('/v1/ws?access_token=token-of-alice-0123456789', ['tributary.v1.json'])).status, 101);
});

test('two different tokens in one request are 400, wherever they stand; the same one twice is one', async () => {
  const [alice, bob] = ['token-of-alice-0123456789', 'token-of-bob-0123456789'];
  const tokens = [
    { name: 'alice', token: alice },
    { name: 'bob', token: bob },
  ];
  await using served = await stand.gateway({ auth: { mode: 'token', query: true, tokens }, acl: everybody });
  const status = async (query: string, ...authorized: string[]): Promise<number> => {
    const lines = authorized.map((token) => `Authorization: Bearer ${token}\r\n`).join('');
    return (await rawHttp(served.address, `GET /v1/topics?${query} HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n`))
      .status;
  };
  equal(await status('', alice, bob), 400);
  equal(await status('', bob, alice), 400);
  equal(await status('', alice, alice), 200);
  equal(await status(`access_token=${alice}&access_token=${bob}`), 400);
  equal(await status(`access_token=${alice}&access_token=${alice}`), 200);
  equal(await status(`access_token=${bob}`, alice), 400);
});

test('tokens stand in no log line, metric or answer, wherever they were shown', async () => {
  const secret = 'token-of-nobody-0123456789';
  const tokens = [{ name: 'alice', token: 'token-of-alice-0123456789' }];
  await using served = await stand.gateway({ auth: { mode: 'token', tokens, query: true }, acl: everybody });
  const answers: string[] = [];
  for (const [path, headers] of [
    ['/v1/topics', { Authorization: `Bearer ${secret}` }],
    ['/v1/topics', { Authorization: `Basic ${secret}` }],
    [`/v1/topics?access_token=${secret}`, {}],
    [`/v1/${secret}`, {}],
    [`/v1/topics/${secret}%00`, { Authorization: 'Bearer token-of-alice-0123456789' }],
  ] as const) {
    const answer = await fetch(served.url + path, { headers });
    answers.push(await answer.text(), JSON.stringify([...answer.headers]));
  }
  for (const protocols of [[`bearer.${secret}`], [`bearer.${secret}`, 'tributary.v1.json']]) {
    const { body, headers } = await served.open('/v1/ws', protocols);
    answers.push(body, JSON.stringify([...headers]));
  }
  const { client, headers } = await served.open('/v1/ws', ['bearer.token-of-alice-0123456789', 'tributary.v1.json']);
  answers.push(JSON.stringify([...headers]));
  client.send(1, Buffer.from(JSON.stringify({ type: 'auth', token: secret })));
  const refused = await client.units.until(
    60_000,
    () => 'an error',
    (units) => units[1],
  );
  answers.push(JSON.stringify(refused));
  const all = answers.join() + JSON.stringify(served.log) + served.exposition();
  ok(!all.includes(secret) && !all.includes('token-of-alice'), all);
  ok(served.metric('auth_failures_total{reason="unknown"}') > 2);
});

test('a reload cuts off whose token has another value now, or whose key was withdrawn; the others stay', async () => {
  const [alice, bob] = ['token-of-alice-0123456789', 'token-of-bob-0123456789'];
  const [stays, goes] = [await signer('stays'), await signer('goes', 'ES256')];
  const config = (token: string, keys: readonly jose.JWK[]) => ({
    auth: {
      mode: ['token', 'jwt'],
      tokens: [
        { name: 'alice', token },
        { name: 'bob', token: bob },
      ],
      jwt: { jwks: { keys } },
    },
    acl: everybody,
  });
  await using served = await stand.gateway(config(alice, [stays.jwk, goes.jwk]));
  const cut = [await served.native({ token: alice }), await served.native({ token: await goes.sign() })];
  const kept = [await served.native({ token: bob }), await served.native({ token: await stays.sign() })];
  await served.gateway.reload(settingsOf(config('token-of-alice-9876543210', [stays.jwk])));
  for (const client of cut) equal(await client.closed(), 4401);
  for (const client of kept) {
    client.send({ type: 'ping' });
    await client.next('pong');
    client.leave();
  }
});

test('TLS: certificates of clients, optional and required; a new server certificate without dropping anybody', async () => {
  await using folder = await tempFolder('gateway-tls');
  const made = await makeCertificates(folder.path);
  const other = await tempFolder('gateway-tls-other');
  const strange = await makeCertificates(other.path);
  await other[Symbol.asyncDispose]();
  const at = (name: string): string => join(folder.path, name);
  const tls = { cert: at('server.pem'), key: at('server.key'), ca: made.caPath };
  const sockets: TLSSocket[] = [];
  /** `welcome` or why there was none. */
  const greet = (served: Served, pair?: { cert: string; key: string }): Promise<{ socket: TLSSocket; said: string }> =>
    new Promise((resolve) => {
      const [host = '', port = ''] = served.address.split(':');
      const socket = connect({ host, port: Number(port), ca: [made.ca, strange.ca], ...pair });
      sockets.push(socket);
      let said = '';
      socket.on('data', (data) => {
        said += data.toString('latin1');
        if (said.includes('welcome')) resolve({ socket, said: 'welcome' });
      });
      socket.on('error', (error) => resolve({ socket, said: error.message }));
      socket.on('close', () => resolve({ socket, said: 'closed' }));
      const lines = ['GET /v1/ws HTTP/1.1', 'Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade'];
      lines.push('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==');
      socket.write(`${lines.join('\r\n')}\r\nSec-WebSocket-Protocol: tributary.v1.json\r\n\r\n`);
    });
  await rejects(stand.gateway({ tls: { ...tls, ca: '', clientAuth: 'required' } }), /wants gateway\.tls\.ca/);
  await rejects(stand.gateway({ tls: { ...tls, key: at('client.key') } }), /gateway\.tls cannot be used/);
  {
    await using served = await stand.gateway({ tls: { ...tls, clientAuth: 'required' } });
    equal((await greet(served, made.client)).said, 'welcome');
    ok((await greet(served)).said !== 'welcome');
    ok((await greet(served, strange.client)).said !== 'welcome');
    for (const socket of sockets.splice(0)) socket.destroy();
  }
  await using served = await stand.gateway({ tls: { ...tls, clientAuth: 'optional' } });
  const first = await greet(served, made.client);
  equal(first.said, 'welcome');
  equal((await greet(served)).said, 'welcome');
  ok((await greet(served, strange.client)).said !== 'welcome');

  const settings = settingsOf({ tls: { ...tls, clientAuth: 'optional' } });
  await writeFile(tls.cert, strange.server.cert);
  await rejects(served.gateway.reload(settings), /gateway\.tls cannot be used/);
  equal((await greet(served)).said, 'welcome');
  await writeFile(tls.key, strange.server.key);
  await served.gateway.reload(settings);
  const before = first.socket.getPeerCertificate().fingerprint256;
  const now = (await greet(served)).socket.getPeerCertificate().fingerprint256;
  ok(now !== before);
  equal(first.socket.destroyed, false);
  for (const socket of sockets) socket.destroy();
});

test('TLS that is never completed is dropped after limits.handshakeMs', async () => {
  await using folder = await tempFolder('gateway-tls');
  const made = await makeCertificates(folder.path);
  const tls = { cert: join(folder.path, 'server.pem'), key: join(folder.path, 'server.key') };
  await using served = await stand.gateway({ tls, limits: { handshakeMs: 300 } });
  const { connect: connectTcp } = await import('node:net');
  const [host = '', port = ''] = served.address.split(':');
  const socket = connectTcp(Number(port), host);
  socket.on('error', () => {});
  socket.write(Buffer.from('160301', 'hex'));
  socket.resume();
  await once(socket, 'close');
  ok(made.ca.length > 0);
  match(served.url, /^https:/);
});

test('a reload to a listener that asks nobody is refused where strangers could come', async () => {
  const tokens = [{ name: 'alice', token: 'token-of-alice-0123456789' }];
  await using served = await stand.gateway({
    listen: '0.0.0.0:0',
    auth: { mode: 'token', tokens },
    acl: everybody,
  });
  await rejects(served.gateway.reload(settingsOf({ listen: '127.0.0.1:0' })), /everybody could read and write/);
});

test('a subscription that only the keys of the rules filter is told its progress', async () => {
  await stand.topic('progress');
  const token = 'token-of-alice-0123456789';
  await using served = await stand.gateway({
    auth: { mode: 'token', tokens: [{ name: 'alice', token }] },
    acl: [{ who: ['alice'], can: ['subscribe'], topics: ['progress'], keys: ['mine'] }],
    pingMs: 200,
  });
  const client = await served.native({ token });
  const { pos } = await client.subscribe(1, { topics: ['progress'] });
  await stand.produce('progress', ['of nobody']);
  await served.until('reader_lag_records{topic="progress"}', (lag) => lag === 0);
  // Heard of meanwhile, so that it is not taken for half open.
  client.send({ type: 'ping' });
  await client.next('pong');
  served.advance(10_100);
  const frame = await client.next('data');
  deepEqual(frame['records'], []);
  ok(frame['pos'] !== pos);
});
