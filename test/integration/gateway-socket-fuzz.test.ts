/**
 * The paths that speak WebSocket, as somebody meets them who sends anything: handshakes that are broken at random places,
 * refused ones and good ones, and behind them, in the same packet or a later one, frames that are broken too. An error that
 * nobody handles ends this process and so fails the test. Five thousand connections each with TEST_LONG=1.
 */
import { equal, ok } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { gatewayStand, type Served } from '../support/gateway/stand.ts';
import { fuzzRuns, seeded, testSeed } from '../support/random.ts';
import { encodeServerFrame } from '../support/ws-frames.ts';

const random = seeded(testSeed);
const upTo = (bound: number): number => Math.floor(random() * bound);
const oneOf = <T>(list: readonly T[]): T => list[upTo(list.length)]!;

const paths = [
  '/v1/ws',
  '/v1/ws?protocol=tributary.v1.json',
  '/v1/ingest/fuzz',
  '/v1/ingest/strict',
  '/v1/ingest/',
  '/v1/ingest/%00',
  '/v2/broker/',
  '/v2/broker/?topics=fuzz',
  '/v2/broker/?topics=fuzz&group.id=g',
  '/v2/broker/?topics=', // refused with a close frame, behind a 101
  '/v2/broker/?topics=a%20b',
  '/v2/broker/?group.id=%ff',
  '/nothing',
];
const protocols = ['tributary.v1.json', 'tributary.v1.bin', 'kafka-text', 'kafka-binary', 'bearer.x', ''];
const headers = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const strange = [
  'Origin: https://evil.example',
  'Host: evil.example',
  'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99',
  'Sec-WebSocket-Key: short',
  'Sec-WebSocket-Version: 8',
  'Authorization: Bearer x',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'X-Forwarded-For: \u00ff',
];
const token = 'token-of-x-0123456789';
const payloads = [
  '{"type":"sub","id":1,"topics":["fuzz"],"from":"earliest"}',
  '{"type":"sub","id":2,"pattern":"f*","slow":"conflate"}',
  '{"type":"pub","id":3,"topic":"fuzz","value":{"a":1}}',
  '{"type":"ack","id":1,"seq":1}\n{"type":"end","id":1}\n{"type":"ping"}',
  '{"type":"auth","token":"token-of-x-0123456789"}',
  '{"topic":"fuzz","key":"k","message":"m"}',
  '\u0004fuzzm',
  '',
].map((text) => Buffer.from(text));

function handshake(): Buffer {
  const lines = [`GET ${oneOf(paths)} HTTP/1.1`, 'Host: localhost', ...headers];
  const protocol = oneOf(protocols);
  if (protocol !== '') lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  if (upTo(2) === 0) lines.push(`Authorization: Bearer ${token}`);
  if (upTo(4) === 0) lines.push(oneOf(strange));
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return upTo(4) === 0 ? broken(bytes) : bytes;
}

/** Mostly one that is right; else one that RFC 6455 forbids, or a length that nothing follows. */
function frame(): Buffer {
  return encodeServerFrame({
    opcode: upTo(4) === 0 ? upTo(16) : oneOf([0, 1, 2, 8, 9, 10]),
    payload: upTo(3) === 0 ? broken(oneOf(payloads)) : oneOf(payloads),
    fin: upTo(4) !== 0,
    reserved: upTo(8) === 0 ? upTo(8) << 4 : 0,
    masked: upTo(6) !== 0,
    ...(upTo(20) === 0 ? { claimedLength: upTo(2 ** oneOf([6, 16, 53])) } : {}),
  });
}

function broken(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let edits = upTo(4); edits >= 0 && copy.length > 0; edits--) copy[upTo(copy.length)] = upTo(256);
  return upTo(3) === 0 ? copy.subarray(0, upTo(copy.length + 1)) : copy;
}

/** One connection's life; resolves when it is over, at the latest when we cut it off. */
function attack(address: string): Promise<void> {
  const [host = '', port = ''] = address.split(':');
  const frames = Array.from({ length: upTo(6) }, frame);
  if (upTo(10) === 0) frames.push(randomBytes(upTo(2000)));
  const isTogether = upTo(2) === 0;
  const ends = oneOf(['end', 'destroy', 'wait']);
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    const timer = setTimeout(() => socket.destroy(), ends === 'wait' ? 100 : 2000);
    socket.on('error', () => {}); // the gateway may cut it off at any moment
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    const finish = (): void => {
      if (ends === 'end') socket.end();
      else if (ends === 'destroy') socket.destroy();
    };
    if (isTogether) {
      socket.write(Buffer.concat([handshake(), ...frames]), finish);
      socket.resume();
      return;
    }
    socket.write(handshake());
    socket.once('data', () => {
      socket.resume();
      for (const bytes of frames) socket.write(bytes);
      setImmediate(finish);
    });
  });
}

const connections = fuzzRuns(200);
const stand = await gatewayStand();
await stand.topic('fuzz');
after(() => stand[Symbol.asyncDispose]());

/** Somebody who means well. */
async function isServed(served: Served): Promise<void> {
  const client = await served.native({ token });
  client.send({ type: 'ping' });
  await client.next('pong');
  client.leave();
}

for (const [name, config] of Object.entries({
  'open to everybody': { compression: true },
  'with tokens': {
    auth: { mode: 'token', query: true, tokens: [{ name: 'x', token }] },
    acl: [{ who: ['*'], can: ['subscribe', 'publish', 'group'], topics: ['*'], groups: ['*'] }],
  },
})) {
  test(`${connections} connections that send anything to a gateway ${name}: it lives, and keeps nothing of them (seed ${testSeed})`, async () => {
    await using served = await stand.gateway({
      ...config,
      ingest: [{ name: 'strict', topic: 'fuzz', validate: 'json', split: 'lines', ack: true }],
      ingestAny: true,
      limits: { handshakeMs: 500, authMs: 500, message: 4096, queue: 65_536 },
    });
    await Promise.all(Array.from({ length: 20 }, () => attack(served.address)));
    const before = process.memoryUsage().heapUsed;
    for (let done = 20; done < connections; done += 20) {
      await Promise.all(Array.from({ length: 20 }, () => attack(served.address)));
    }
    for (const protocol of ['json', 'bin', 'v2', 'ingest'])
      await served.until(`connections{protocol="${protocol}"}`, (open) => open === 0);
    await served.until('queue_bytes', (bytes) => bytes === 0);
    const grown = process.memoryUsage().heapUsed - before;
    ok(grown < 150_000_000, `${grown} bytes more`);
    await isServed(served);
    equal((await fetch(`${served.gateway.adminUrl}/healthz`)).status, 200);
  });
}
