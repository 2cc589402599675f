/** The WebSocket sink connector against servers: what counts as delivered, what is sent again, and what a slow server does. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import type { WebSocket } from 'ws';
import { systemClock } from '../../src/base/clock.ts';
import type { PartialWriteError } from '../../src/base/partial-write.ts';
import type { SinkRecord, SinkTask } from '../../src/connectors/contract.ts';
import { webSocketSink } from '../../src/connectors/websocket-sink/connector.ts';
import { unrestricted } from '../../src/net/outbound-policy.ts';
import { recordingLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { until } from '../support/sql-app.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { sinkServer } from '../support/ws-sink-server.ts';

interface Opened extends AsyncDisposable {
  readonly task: SinkTask;
  readonly rejected: { readonly offset: number; readonly reason: string }[];
  readonly statuses: (string | undefined)[];
  readonly stop: AbortController;
  count(name: string): number;
}

async function open(url: string, changes: Readonly<Record<string, string>> = {}): Promise<Opened> {
  const registry = new MetricRegistry();
  const rejected: Opened['rejected'] = [];
  const statuses: Opened['statuses'] = [];
  const stop = new AbortController();
  const config = { name: 'sink', 'websocket.url': url, 'websocket.reconnect.interval.ms': '2', ...changes };
  const task = await webSocketSink.open(config, {
    connector: 'sink',
    task: 0,
    clock: systemClock,
    random: () => 0,
    log: recordingLog([]),
    metrics: registry.root(),
    outbound: unrestricted,
    signal: stop.signal,
    setStatus: (detail) => statuses.push(detail),
    async reject({ offset }, error) {
      rejected.push({ offset, reason: (error as Error).message });
    },
  });
  return {
    task,
    rejected,
    statuses,
    stop,
    count(name) {
      const family = registry.families.get(`tributary_websocket_sink_${name}`);
      const [series] = family?.kind === 'counter' ? family.series.values() : [];
      return series?.counter.value ?? 0;
    },
    [Symbol.asyncDispose]: () => task.close(),
  };
}

function records(values: readonly (string | Uint8Array | null)[]): SinkRecord[] {
  return values.map((value, offset) => ({
    topic: 't',
    partition: 0,
    offset,
    key: null,
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: [],
    timestampMs: 0,
  }));
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

for (const type of ['text', 'binary']) {
  test(`${type} messages arrive in order, and are delivered once the server has answered a ping behind them`, async () => {
    await using server = await sinkServer();
    await using sink = await open(server.url, { 'websocket.message.type': type });
    await sink.task.write(records(numbers(1000)));
    deepEqual(
      server.taken.map(({ text, binary }) => [text, binary]),
      numbers(1000).map((text) => [text, type === 'binary']),
    );
    equal(sink.count('messages_total'), 1000);
  });
}

test('what is no text, too long or nothing is told of, and its neighbours are sent', async () => {
  await using server = await sinkServer();
  await using sink = await open(server.url, { 'websocket.message.max.bytes': '5' });
  await sink.task.write(records(['a', new Uint8Array([255]), '123456', null, 'b']));
  deepEqual(
    server.taken.map(({ text }) => text),
    ['a', 'b'],
  );
  deepEqual(
    sink.rejected.map(({ offset }) => offset),
    [1, 2],
  );
  equal(sink.count('skipped_total'), 1);
});

const acknowledgements: readonly (readonly [what: string, config: Readonly<Record<string, string>>, perAck: number])[] =
  [
    ['by pong', {}, 64],
    ['by a reply to each', { 'websocket.ack': 'reply', 'websocket.ack.pattern': '^ack' }, 1],
    [
      'by a reply to ten',
      { 'websocket.ack': 'reply', 'websocket.ack.pattern': '^ack', 'websocket.ack.messages': '10' },
      10,
    ],
  ];
for (const [what, config, perAck] of acknowledgements) {
  test(`acknowledged ${what}: a server that is cut again and again misses nothing, and sees twice only what it had not acknowledged`, async () => {
    const bound = 100;
    await using server = await sinkServer({
      // Notices that are no acknowledgement come in between.
      reply: (_, count) =>
        config['websocket.ack'] !== 'reply' ? undefined : count % perAck === 0 ? `ack ${count}` : 'hello',
      cutAfter: (connection) => (connection <= 5 ? 37 * connection : undefined),
    });
    await using sink = await open(server.url, { ...config, 'websocket.message.queue.size': String(bound) });
    // In batches that the acknowledgements do not fit.
    for (let at = 0; at < 1000; at += 333) await sink.task.write(records(numbers(1000).slice(at, at + 333)));
    const texts = server.taken.map(({ text }) => text);
    deepEqual([...new Set(texts)], numbers(1000));
    equal(server.connections(), 6);
    const twice = texts.length - 1000;
    ok(twice > 0 && twice <= 5 * bound, `${twice} messages came twice`);
    ok(sink.count('unacknowledged_total') >= twice);
    equal(sink.count('disconnects_total'), 5);
  });
}

test('a server that answers no ping is left, and what it has not acknowledged is sent again', async () => {
  await using server = await sinkServer({ pongs: false });
  await using sink = await open(server.url, { 'websocket.ack.timeout.ms': '30', 'websocket.ping.interval.ms': '0' });
  const writing = sink.task.write(records(['a']));
  await until(() => server.connections() === 3, 'three connections');
  sink.stop.abort();
  await rejects(writing, { code: 'ABORTED' });
});

test('handed to the network is enough with websocket.ack=sent', async () => {
  await using server = await sinkServer({ pongs: false });
  await using sink = await open(server.url, { 'websocket.ack': 'sent' });
  await sink.task.write(records(numbers(500)));
  await until(() => server.taken.length === 500, 'all of them');
});

test('a server that does not read holds sending back: what waits has a bound, and all arrives once it reads', async () => {
  await using server = await sinkServer();
  await using sink = await open(server.url, {
    'websocket.ack.timeout.ms': '1000',
    'websocket.message.queue.size': '2000',
  });
  await until(() => server.sockets.size === 1, 'the connection');
  const [socket] = server.sockets;
  socket!.pause();
  const value = 'x'.repeat(20_000); // 2000 of them are more than the network takes
  const before = process.memoryUsage().arrayBuffers;
  const all = numbers(2_000).map((n) => `${n} ${value}`);
  const writing = sink.task.write(records(all));
  let isDone = false;
  void writing.then(() => {
    isDone = true;
  });
  await until(() => sink.count('connects_total') === 1, 'the start');
  await new Promise((wake) => setTimeout(wake, 1200)); // longer than an acknowledgement may take: nothing must come of it
  equal(isDone, false);
  equal(server.connections(), 1);
  const held = process.memoryUsage().arrayBuffers - before - all.length * 20_010;
  ok(held < 30 * 1024 * 1024, `${held} bytes are held besides the records`);
  socket!.resume();
  await writing;
  equal(server.taken.length, 2_000);
});

test('tries that are used up fail the write for good, and a reconnect that is off fails it at once', async () => {
  const server = await sinkServer();
  await server.kill();
  await using limited = await open(server.url, { 'websocket.reconnect.max.attempts': '2' });
  await rejects(limited.task.write(records(['a'])), {
    retriable: false,
    message: /Connection refused \(gave up after 2 tries\)/,
  });
  await using off = await open(server.url, { 'websocket.reconnect.enabled': 'false' });
  await rejects(off.task.write(records(['a'])), { message: 'WebSocket not connected and reconnect is disabled' });
  equal(off.count('connects_total'), 1); // that of the start
});

for (const [what, onConnection] of [
  ['at once', (socket: WebSocket) => socket.close(1000)],
  ['behind the first message', (socket: WebSocket) => socket.once('message', () => socket.terminate())],
] as const) {
  test(`a server that accepts connections and ends them ${what} uses up the tries, with waits between them`, async () => {
    await using server = await sinkServer({ pongs: false, onConnection });
    await using sink = await open(server.url, {
      'websocket.reconnect.max.attempts': '3',
      'websocket.reconnect.interval.ms': '20',
    });
    const startedMs = performance.now();
    await rejects(sink.task.write(records(['a', 'b'])), {
      code: 'CONNECTION_FAILED',
      retriable: false,
      settled: 0,
      message: /^Connection to WebSocket ws:.* was lost: connection closed with code \d+ \(gave up after 3 tries\)$/,
    });
    ok(performance.now() - startedMs > 55); // 20 and 40 ms, less what timers of the system are early
    equal(sink.count('connects_total'), 4); // and that of the start
  });
}

for (const code of [1008, 4401, 4403]) {
  test(`a server that closes with ${code} is left for good: what it has acknowledged is known`, async () => {
    let connections = 0;
    await using server = await sinkServer({
      reply: () => 'ack',
      onConnection: (socket) => {
        connections++;
        let count = 0;
        socket.on('message', () => {
          if (++count === 3) socket.close(code, 'not you');
        });
      },
    });
    await using sink = await open(server.url, { 'websocket.ack': 'reply', 'websocket.message.queue.size': '1' });
    // The second record is rejected: it is dealt with, too.
    const values = ['a', new Uint8Array([255]), 'b', 'c', 'd'];
    const refused = { code: 'CONNECTION_REFUSED_FOR_GOOD', message: new RegExp(`code ${code} \\(not you\\)$`) };
    await rejects(sink.task.write(records(values)), (error: PartialWriteError) => {
      match(error.message, refused.message);
      // The close frame overtakes no reply: the third message may be acknowledged, or not.
      ok(error.settled === 3 || error.settled === 4, String(error.settled));
      return error.code === refused.code;
    });
    await rejects(sink.task.write(records(['e'])), refused);
    equal(connections, 1);
  });
}

test('a peer that vanishes while messages wait to be sent is found, though none of them is taken', async () => {
  await using server = await sinkServer();
  await using proxy = await startTcpProxy(Number(new URL(server.url).port));
  await using sink = await open(`ws://127.0.0.1:${proxy.port}/sink`, {
    'websocket.idle.timeout.ms': '600',
    'websocket.ping.interval.ms': '0',
    'websocket.message.queue.size': '5000',
  });
  proxy.stallReading();
  const value = 'x'.repeat(20_000); // more than the network takes
  const writing = sink.task.write(records(numbers(1_000).map((n) => `${n} ${value}`)));
  await until(() => sink.statuses.some((status) => status === 'not connected: nothing taken for 600 ms'), 'the loss');
  proxy.resume();
  await writing;
  equal(new Set(server.taken.map(({ text }) => text)).size, 1_000);
});
