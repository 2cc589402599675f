/** What a feed, its name and its neighbours may do to us, and what its user may do while it runs. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { TributaryError } from '../../src/base/errors.ts';
import { webSocketSource } from '../../src/connectors/websocket-source/connector.ts';
import { type Lookup, publicOnly } from '../../src/net/outbound-policy.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { until } from '../e2e/support/run.ts';
import { textsOf } from '../support/connector-context.ts';
import { flawless, Ledger } from '../support/ledger.ts';
import { startLedgerServer } from '../support/ledger-server.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import { runSource } from '../support/websocket-run.ts';
import { WsServer } from '../support/ws-server.ts';

test('a name is looked up at every attempt: unknown at first, then with a dead address before the live one', async () => {
  await using server = await WsServer.start({ onOpen: (peer) => peer.text('here') });
  let lookups = 0;
  const lookup: Lookup = (name, _options, answer) => {
    lookups++;
    if (lookups <= 2) {
      answer(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }), []);
      return;
    }
    // Nobody listens at the first one.
    answer(null, [
      { address: '127.0.0.3', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]);
  };
  const outbound = publicOnly(['127.0.0.0/8'], lookup);
  await using run = runSource(`ws://feed.test:${server.port}/`, {}, { outbound });
  deepEqual(textsOf(await run.take(1)), ['here']);
  equal(lookups, 3);
  match(run.statuses.join(), /ENOTFOUND/);
});

test('a subscription that is answered with an error, late or never leaves the connection and what comes over it', async () => {
  await using server = await WsServer.start({
    onOpen(peer) {
      if (peer.request.number > 0) peer.text('data');
      else peer.text('{"type":"error","message":"unknown channel"}');
    },
  });
  await using run = runSource(server.url, {
    'websocket.subscription.message': '{"subscribe":"nothing"}',
    'websocket.idle.timeout.ms': '300',
  });
  // The error is a message like any other. That nothing follows it is found by the idle timeout, which subscribes anew.
  deepEqual(textsOf(await run.take(2)), ['{"type":"error","message":"unknown channel"}', 'data']);
  await until('the second subscription', async () => server.peers[1]?.texts.length === 1);
  deepEqual(
    server.peers.map(({ texts }) => texts),
    [['{"subscribe":"nothing"}'], ['{"subscribe":"nothing"}']],
  );
  equal(server.mostOpenSockets, 1);
});

const answering = {
  'websocket.subscription.messages': '["a", "b"]',
  'websocket.subscription.confirmation.pattern': '^ok ',
  'websocket.subscription.refusal.pattern': '"error"',
};

test('a subscription that is refused is a counted failure with the reason in the status, and is tried again', async () => {
  await using server = await WsServer.start({
    onOpen(peer) {
      // Out of order, and with data between: each counts.
      if (peer.request.number === 0) for (const text of ['data 1', 'ok b', '{"error":"no channel a"}']) peer.text(text);
      else for (const text of ['ok b', 'data 3', 'ok a', 'ok a message like any other now', 'data 4']) peer.text(text);
    },
  });
  await using run = runSource(server.url, answering);
  const texts = textsOf(await run.take(8));
  deepEqual(texts.slice(0, 3), ['data 1', 'ok b', '{"error":"no channel a"}'], 'all are messages');
  equal(texts.at(-1), 'data 4');
  equal(run.metric('subscriptions_confirmed_total'), 3);
  equal(run.metric('subscriptions_refused_total'), 1);
  equal(run.metric('reconnects_total', { reason: 'subscription_refused' }), 1);
  ok(run.statuses.some((status) => status?.includes('the server refused a subscription: {"error":"no channel a"}')));
  equal(run.statuses.at(-1), undefined);
  equal(server.mostOpenSockets, 1);
});

test('a subscription that is refused behind the confirmations of another one, which were two, is refused all the same', async () => {
  await using server = await WsServer.start({
    onOpen(peer) {
      for (const text of ['ok a', 'ok a, from now on', '{"error":"no channel b"}', 'data']) peer.text(text);
    },
  });
  await using run = runSource(server.url, { ...answering, 'websocket.subscription.refused': 'keep' });
  await run.take(4);
  equal(run.metric('subscriptions_confirmed_total'), 2);
  equal(run.metric('subscriptions_refused_total'), 1);
  equal(run.statuses.at(-1), 'the server refused a subscription: {"error":"no channel b"}');
  equal(server.requests.length, 1);
});

test('a subscription that nobody confirms in time is sent again over a new connection', async () => {
  await using server = await WsServer.start({
    onOpen(peer) {
      peer.text('data'); // it works, and one of the two is lost
      peer.text('ok a');
      if (peer.request.number > 0) peer.text('ok b');
    },
  });
  await using run = runSource(server.url, { ...answering, 'websocket.subscription.timeout.ms': '100' });
  deepEqual(textsOf(await run.take(5)), ['data', 'ok a', 'data', 'ok a', 'ok b']);
  equal(run.metric('reconnects_total', { reason: 'subscription_timeout' }), 1);
});

test('a subscription that is refused fails the task, or is borne with for the others, as it was told', async () => {
  await using server = await WsServer.start({ onOpen: (peer) => peer.text('{"error":"no"}') });
  await using failing = runSource(server.url, { ...answering, 'websocket.subscription.refused': 'fail' });
  deepEqual(textsOf(await failing.take(1)), ['{"error":"no"}']);
  const failure = await failing.failure();
  ok(failure instanceof TributaryError);
  equal(failure.code, 'CONNECTION_REFUSED_FOR_GOOD');
  match(failure.message, /the server refused a subscription: {"error":"no"}/);
  await using patient = runSource(server.url, { ...answering, 'websocket.subscription.refused': 'keep' });
  const first = patient.begin();
  const peer = await server.peer(1);
  await patient.until(() => patient.statuses.at(-1)?.includes('refused a subscription') === true, 'the status');
  peer.text('ok b');
  peer.text('more');
  await first;
  await patient.until(() => patient.metric('subscriptions_confirmed_total') === 1, 'the confirmation');
  equal(server.requests.length, 2);
});

for (const jumpMs of [3_600_000, -3_600_000]) {
  test(`a wall clock that jumps by ${jumpMs / 3_600_000} h ends no connection`, async () => {
    await using server = await WsServer.start();
    let offsetMs = 0;
    const clock = { ...systemClock, nowMs: () => Date.now() + offsetMs };
    await using run = runSource(
      server.url,
      {
        'websocket.ping.interval.ms': '20',
        'websocket.pong.timeout.ms': '60000',
        'websocket.idle.timeout.ms': '60000',
      },
      { clock },
    );
    const first = run.begin();
    const peer = await server.peer(0);
    const pings = (): number => peer.frames.filter(({ opcode }) => opcode === 0x9).length;
    await run.until(() => pings() >= 2, 'pings before');
    offsetMs = jumpMs;
    const before = pings();
    await run.until(() => pings() >= before + 3, 'pings after');
    peer.text('still here');
    await first;
    deepEqual(textsOf(await run.take(1)), ['still here']);
    equal(server.requests.length, 1);
  });
}

test('one of twenty connectors whose feed sends what is far too large does not hold up the others', async () => {
  const huge = Buffer.alloc(10 * 1024 * 1024, 'x');
  await using wild = await WsServer.start({ onOpen: (peer) => peer.binary(huge) });
  await using feed = await startLedgerServer({ perTick: 1 });
  const broker = memoryBroker();
  const names = Array.from({ length: 19 }, (_, i) => `calm-${i}`);
  const calm = Object.fromEntries(names.map((name) => [name, configOf(feed.url, name)]));
  const metrics = new MetricRegistry();
  await using worker = await start(broker, { ...calm, wild: configOf(wild.url, 'wild') }, metrics);
  await until('the wild one has been refused again and again', async () => wild.requests.length >= 5, 60_000);
  await until('all others have got much', async () => names.every((name) => countIn(broker, name) >= 100), 60_000);
  await feed.quiesce();
  const sent = feed.connections.reduce((sum, connection) => sum + connection.sent, 0);
  const held = (): number => names.reduce((sum, name) => sum + countIn(broker, name), 0);
  await until('all that was sent is there', async () => held() >= sent, 60_000);
  equal(held(), sent);
  for (const name of names) {
    // Each connection has its own number in the ledger, and its own topic.
    const ledger = ledgerOf(broker, name);
    const { holes, doubled, disordered, damaged } = ledger.audit([]);
    deepEqual({ holes, doubled, disordered, damaged }, { holes: 0, doubled: 0, disordered: 0, damaged: 0 }, name);
    equal(worker.status(name)?.tasks[0]?.state, 'RUNNING');
  }
  equal(wild.mostOpenSockets, 1);
  equal(feed.mostOpen(), names.length, 'none of them had to connect again');
  equal(feed.connections.length, names.length);
});

test('a configuration that is changed under load: what had come is there once and in order, with one connection at a time', async () => {
  await using feed = await startLedgerServer({ perTick: 10 });
  const broker = memoryBroker();
  await using worker = await start(broker, { changed: configOf(feed.url, 'changed') }, new MetricRegistry());
  for (let change = 0; change < 5; change++) {
    await until('messages', async () => (feed.connections[change]?.confirmed ?? 0) > 50, 60_000);
    await worker.put('changed', {
      ...configOf(feed.url, 'changed'),
      'websocket.message.queue.size': `${10_001 + change}`,
    });
  }
  await until('messages after the last change', async () => (feed.connections[5]?.confirmed ?? 0) > 50, 60_000);
  await feed.quiesce();
  const all = (): boolean => ledgerOf(broker, 'changed').audit(feed.connections).lost === 0;
  await until('all that had come', async () => all(), 60_000);
  const ledger = ledgerOf(broker, 'changed');
  deepEqual(ledger.audit(feed.connections), flawless(ledger.read));
  ok(feed.mostOpen() === 1, `${feed.mostOpen()} connections at a time`);
});

function configOf(url: string, topic: string): Record<string, string> {
  return {
    name: topic,
    'connector.class': 'websocket',
    'websocket.url': url,
    'kafka.topic': topic,
    'websocket.message.max.bytes': '1048576',
    'websocket.reconnect.interval.ms': '20',
    'websocket.reconnect.busy.ms': '20',
  };
}

function start(broker: MemoryBroker, connectors: Record<string, Record<string, string>>, metrics: MetricRegistry) {
  const table = (topic: string) => ({ topic, partitions: 1 });
  return startWorker(
    {
      broker,
      connectors: [webSocketSource],
      workerId: 'test:0',
      tables: { config: table('configs'), offset: table('offsets'), status: table('status') },
      log: silentLog,
      metrics: metrics.root(),
      clock: systemClock,
      random: Math.random,
    },
    connectors,
  );
}

function ledgerOf(broker: MemoryBroker, topic: string): Ledger {
  const ledger = new Ledger();
  for (const { value } of broker.records(topic)) ledger.add(value);
  return ledger;
}

function countIn(broker: MemoryBroker, topic: string): number {
  try {
    return broker.records(topic).length;
  } catch {
    return 0; // its task has yet to make it
  }
}
