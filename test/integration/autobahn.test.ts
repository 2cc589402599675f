/**
 * Autobahn's cases against the source's client and against a server with the gateway's settings: all of them with TEST_LONG=1,
 * else some of each kind but the limits (9), which are long.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { answerPings, socketOptions } from '../../src/gateway/web-socket.ts';
import { autobahnMissing, notStrict, runAutobahn } from '../support/autobahn.ts';
import { echoUntilEnd } from '../support/echo-client.ts';
import { freePorts } from '../support/free-ports.ts';

interface Part {
  readonly name: string;
  readonly cases: readonly string[];
  /** Those that wait for a second and longer by themselves. */
  readonly without?: readonly string[];
  readonly count: number;
}

/** Each has an end of its own: thousands of long messages through Python's compression take many minutes. */
const inFull: readonly Part[] = [
  { name: 'the protocol (1 to 7, 10)', cases: ['1.*', '2.*', '3.*', '4.*', '5.*', '6.*', '7.*', '10.*'], count: 247 },
  { name: 'limits (9)', cases: ['9.*'], count: 54 },
  { name: 'compression (12)', cases: ['12.*'], count: 90 },
  { name: 'compression with limits of both sides (13)', cases: ['13.*'], count: 126 },
];
const frames = ['1.1.1', '1.1.4', '1.2.1', '1.2.4', '2.*', '3.*', '4.*', '5.*', '6.2.*', '6.3.*', '7.*'];
const some = { cases: [...frames, '12.1.1', '13.1.1'], without: ['5.19', '5.20', '7.1.6'], count: 94 };
const isLong = process.env['TEST_LONG'] === '1';
const parts = isLong ? inFull : [{ ...some, name: 'some of each kind' }];
const timeout = isLong ? 1_800_000 : 300_000;
const skip = autobahnMissing();

const specificationOf = ({ cases, without = [] }: Part) => ({
  ...{ cases, 'exclude-cases': without, 'exclude-agent-cases': {} },
});

/**
 * 6.4: text that is cut into fragments is checked once it is whole, so that the end comes with the last fragment and not in
 * the midst of it. 7.1.6 and 7.13 only tell what was seen.
 */
const isKnown = (name: string): boolean =>
  /^(6\.4\.[1-4] NON-STRICT\/OK|7\.(1\.6|13\.[12]) INFORMATIONAL\/.*)$/.test(name);

for (const part of parts) {
  test(`the client passes the cases of Autobahn: ${part.name}`, { skip, timeout }, async (t) => {
    const [port] = await freePorts(1);
    const base = `ws://127.0.0.1:${port}`;
    const server = { ...specificationOf(part), url: base };
    const reports = await runAutobahn('fuzzingserver', server, 'tributary', async () => {
      const count = await caseCount(base);
      for (let number = 1; number <= count; number++)
        await echoUntilEnd(`${base}/runCase?case=${number}&agent=tributary`);
      await echoUntilEnd(`${base}/updateReports?agent=tributary`);
    });
    equal(reports.length, part.count);
    t.diagnostic(`${reports.length} cases, not strict: ${notStrict(reports).join(', ')}`);
    deepEqual(
      notStrict(reports).filter((name) => !isKnown(name)),
      [],
    );
  });

  test(`a server with the gateway's settings passes the cases of Autobahn: ${part.name}`, {
    skip,
    timeout,
  }, async (t) => {
    const limits = { maxPayload: 64 * 1024 * 1024, maxFragments: 1_000_000, compression: true };
    const { noServer: _, clientTracking: _own, ...options } = socketOptions(limits);
    const server = new WebSocketServer({ ...options, host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    server.on('connection', (client: WebSocket) => {
      client.on('error', () => {}); // a breach of the protocol, which has been answered
      answerPings(client);
      client.on('message', (data, binary) => client.send(data, { binary }));
    });
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const client = { ...specificationOf(part), servers: [{ agent: 'tributary', url }] };
      const reports = await runAutobahn('fuzzingclient', client, 'tributary', async ({ ended }) => void (await ended));
      equal(reports.length, part.count);
      t.diagnostic(`${reports.length} cases, not strict: ${notStrict(reports).join(', ')}`);
      // Of pings that come together the newest is answered, as RFC 6455, 5.5.3, allows: a flood of them fills no buffer.
      deepEqual(
        notStrict(reports).filter((name) => !isKnown(name) && !/^2\.1[01] FAILED\/OK$/.test(name)),
        [],
      );
    } finally {
      for (const client of server.clients) client.terminate();
      server.close();
    }
  });
}

/** As soon as the suite answers. */
async function caseCount(base: string): Promise<number> {
  const end = performance.now() + 60_000;
  for (;;) {
    try {
      return Number((await echoUntilEnd(`${base}/getCaseCount`))[0]);
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
