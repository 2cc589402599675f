/** Event streams as a user runs them: real servers, whole processes, kills. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePorts } from '../support/free-ports.ts';
import { nchanMissing, startNchan } from '../support/nchan.ts';
import { type SseExchange, startSseServer } from '../support/sse-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { startTributary, tributary, until } from './support/run.ts';
import { startWorker } from './support/worker.ts';

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, n) => `message ${from + n}`);

test('nchan is killed and comes back, we are killed and come back: each event is there once', {
  skip: nchanMissing(),
  timeout: 300_000,
}, async () => {
  await using folder = await tempFolder('nchan');
  await using nchan = await startNchan(folder.path);
  const config = join(folder.path, 'sse.yaml');
  await writeFile(
    config,
    [
      'worker: { offset.flush.interval.ms: 50 }',
      'connectors:',
      `  events: { connector.class: sse, sse.uri: "${nchan.url}", topic: events, retry.backoff.initial.ms: 100 }`,
    ].join('\n'),
  );
  await nchan.publish(numbers(1, 100));
  let worker = await startWorker(['start', config], { cwd: folder.path });
  try {
    await worker.holds('events', 100);
    await nchan.kill();
    await nchan.start();
    await nchan.publish(numbers(101, 200));
    await worker.holds('events', 200);
    await nchan.publish(numbers(201, 300));
    await worker.holds('events', 300);
    // What is behind the stored offset would come again after a kill: wait until nothing is.
    await until('the offset of the last event is stored', async () => {
      const answer = await fetch(`${worker.url}/connectors/events/offsets`);
      const { offsets } = (await answer.json()) as { offsets: { offset: { last_event_id?: string } }[] };
      const last = (await worker.records('events')).at(-1)!.value!;
      return (JSON.parse(last) as { id: string }).id === offsets[0]?.offset.last_event_id;
    });
    await worker.stop('SIGKILL');
    await nchan.publish(numbers(301, 400));
    worker = await startWorker(['start', config], { cwd: folder.path });
    await worker.holds('events', 400);
    const values = (await worker.records('events')).map(({ value }) => (JSON.parse(value!) as { data: string }).data);
    deepEqual(values, numbers(1, 400));
    equal((await worker.stop()).code, 0);
  } finally {
    await worker[Symbol.asyncDispose]();
  }
});

test('tributary copy writes the data of a stream, and goes on where it was', { timeout: 300_000 }, async () => {
  await using server = await startSseServer((x: SseExchange) => {
    const from = Number(x.headers['last-event-id'] ?? 0);
    x.open();
    for (let n = from + 1; n <= from + 3; n++) x.write(`event: tick\nid: ${n}\ndata: {"n":${n}}\n\n`);
    x.end();
  });
  await using folder = await tempFolder('copy');
  const args = ['copy', `${server.origin}/s?x=1`, 'ticks', '--header', 'X-Test: a:b'];
  for (let run = 0; run < 2; run++) {
    await using copy = startTributary([...args, '--set', 'retry.backoff.initial.ms=60000'], { cwd: folder.path });
    // The end of a stream is told when all of it has been read.
    await copy.waitFor('reconnect_scheduled');
    equal((await copy.stop()).code, 0);
  }
  const [first, second] = server.exchanges as [SseExchange, SseExchange];
  deepEqual([first.path, first.headers['x-test'], first.headers['last-event-id']], ['/s?x=1', 'a:b', undefined]);
  equal(second.headers['last-event-id'], '3');
  const { stdout } = await tributary(['tap', 'ticks', '--no-follow', '-o', 'value'], { cwd: folder.path });
  equal(stdout, '{"n":1}\n{"n":2}\n{"n":3}\n{"n":4}\n{"n":5}\n{"n":6}\n');
});

test('a message cannot be sent to an event stream', async () => {
  await using folder = await tempFolder('copy');
  const { code, stderr } = await tributary(['copy', 'http://127.0.0.1:1/', 't', '--send', 'x'], { cwd: folder.path });
  equal(code, 2);
  match(stderr, /Cannot use "--send" with "http:\/\/127\.0\.0\.1:1\/": nothing can be sent to an event stream/);
});

test('killed again and again under load, exactly-once: the topic holds each event once', {
  timeout: 180_000,
}, async () => {
  const count = 3000;
  await using server = await startSseServer((x: SseExchange) => {
    let next = Number(x.headers['last-event-id'] ?? -1) + 1;
    x.open();
    const timer = setInterval(() => {
      for (let n = 0; n < 20 && next < count; n++, next++) x.write(`id: ${next}\ndata: ${next}\n\n`);
    }, 20);
    void x.gone.then(() => clearInterval(timer));
  });
  await using folder = await tempFolder('exactly-once');
  const config = join(folder.path, 'sse.yaml');
  await writeFile(
    config,
    [
      'worker: { exactly.once.source.support: enabled }',
      'connectors:',
      `  events: { connector.class: sse, sse.uri: "${server.origin}", topic: events, sse.value: data, exactly.once.support: required }`,
    ].join('\n'),
  );
  for (const kills of [500, 1100, 1700]) {
    await using worker = await startWorker(['start', config], { cwd: folder.path });
    await worker.holds('events', kills);
    await worker.stop('SIGKILL');
  }
  await using worker = await startWorker(['start', config], { cwd: folder.path });
  let values: number[] = [];
  await until('the last event', async () => {
    values = (await worker.records('events')).map(({ value }) => Number(value));
    return values.at(-1) === count - 1;
  });
  deepEqual(
    values,
    Array.from({ length: count }, (_, n) => n),
  );
  equal((await worker.stop()).code, 0);
});

test('what comes over a listener that others reach is held to public addresses, the own file is not', {
  timeout: 300_000,
}, async () => {
  await using server = await startSseServer((x: SseExchange) => {
    const scheme = x.headers.upgrade === undefined ? 'http' : 'ws';
    if (x.path === '/redirect') x.answer(302, { location: `${scheme}://127.0.0.1:${server.port}/stream` });
    else x.open().write('id: 1\ndata: x\n\n');
  });
  await using folder = await tempFolder('outbound');
  const [port] = await freePorts(1);
  const config = join(folder.path, 'sse.yaml');
  await writeFile(
    config,
    [
      `worker: { listen: "0.0.0.0:${port}" }`,
      'rest: { anonymous: true }',
      // By its name only: where its server leads to is checked all the same.
      'outbound: { allow: [localhost] }',
      'connectors:',
      `  own: { connector.class: sse, sse.uri: "${server.origin}", topic: own, errors.restart.enabled: false }`,
    ].join('\n'),
  );
  await using running = startTributary(['start', config], { cwd: folder.path });
  await running.waitFor('Ctrl-C stops it.');
  const rest = `http://127.0.0.1:${port}`;
  const trace = async (name: string, given: Record<string, string>): Promise<string> => {
    const body = JSON.stringify({ topic: name, 'errors.restart.enabled': 'false', ...given });
    const headers = { 'content-type': 'application/json' };
    const put = await fetch(`${rest}/connectors/${name}/config`, { method: 'PUT', headers, body });
    equal(put.ok, true, await put.text());
    let found = '';
    await until(`the end of "${name}"`, async () => {
      const status = (await (await fetch(`${rest}/connectors/${name}/status`)).json()) as {
        tasks: { state: string; trace?: string }[];
      };
      found = status.tasks[0]?.trace ?? '';
      return status.tasks[0]?.state === 'FAILED';
    });
    return found;
  };
  await until('the record of the own connector', async () => {
    const answer = await fetch(`${rest}/tap/own?from=earliest&follow=false`);
    return answer.ok && (await answer.text()).includes('"value"');
  });
  const seen = server.exchanges.length;
  const forbidden = /Cannot connect to "[^"]+": not a public address\. The operator may allow it with outbound\.allow/;
  const hosts = ['127.0.0.1', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1'];
  for (const [index, host] of hosts.entries()) {
    match(
      await trace(`sse-${index}`, { 'connector.class': 'sse', 'sse.uri': `http://${host}:${server.port}/` }),
      forbidden,
    );
  }
  match(await trace('own', { 'connector.class': 'sse', 'sse.uri': `${server.origin}/other` }), forbidden);
  const webSocket = { 'connector.class': 'websocket', 'kafka.topic': 'ws' };
  match(await trace('ws', { ...webSocket, 'websocket.url': `ws://127.0.0.1:${server.port}/` }), forbidden);
  match(
    await trace('ws-proxy', { ...webSocket, 'websocket.url': 'ws://1.1.1.1/', 'websocket.proxy': server.origin }),
    forbidden,
  );
  equal(server.exchanges.length, seen);
  const redirect = `localhost:${server.port}/redirect`;
  match(await trace('sse-redirect', { 'connector.class': 'sse', 'sse.uri': `http://${redirect}` }), forbidden);
  match(await trace('ws-redirect', { ...webSocket, 'websocket.url': `ws://${redirect}` }), forbidden);
  deepEqual(
    server.exchanges.slice(seen).map(({ path }) => path),
    ['/redirect', '/redirect'],
  );
  equal((await running.stop()).code, 0);
});
