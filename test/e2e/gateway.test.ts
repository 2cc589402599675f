import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { freePorts } from '../support/free-ports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type Running, startTributary, tributary } from './support/run.ts';

type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

test('a client is told farewell with its position at SIGTERM, and goes on there with the next start', async () => {
  await using folder = await tempFolder('gateway');
  const cwd = folder.path;
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const url = `http://127.0.0.1:${port}`;
  const yaml = `broker: embedded:./data\ngateway:\n  listen: 127.0.0.1:${port}\n  admin: 127.0.0.1:${adminPort}\n  drain: { spreadMs: 10 }\n`;
  await writeFile(join(cwd, 'gateway.yaml'), yaml);
  equal((await tributary(['topics', 'create', 'orders', '--broker', 'embedded:./data'], { cwd })).code, 0);

  let resume: string;
  {
    await using running = await start(cwd);
    const client = await subscribe(url, '"from":"earliest"');
    await publish(url, 'one');
    await publish(url, 'two');
    deepEqual(await client.values(2), ['one', 'two']);
    const ready = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
    deepEqual(await ready.json(), { ready: true, checks: { kafka: 'ok', auth: 'ok', drain: 'no' } });
    const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    match(metrics, /tributary_gateway_records_out_total\{protocol="json",topic="orders"\} 2\n/);
    const { code } = await running.stop('SIGTERM');
    equal(code, 0);
    const bye = await client.next('bye');
    equal(bye['code'], 'shutting_down');
    equal(bye['reconnect'], true);
    equal(await client.closed, 1012);
    resume = (bye['resume'] as Record<string, string>)['1']!;
  }
  {
    await using _running = await start(cwd);
    await publish(url, 'three');
    const client = await subscribe(url, `"from":{"pos":"${resume}"}`);
    deepEqual(await client.values(1), ['three']);
    client.socket.terminate();
  }
});

test('a misspelled key of the gateway is named with its file', async () => {
  await using folder = await tempFolder('gateway');
  const cwd = folder.path;
  await writeFile(join(cwd, 'wrong.yaml'), 'gateway:\n  lisen: 127.0.0.1:1\n');
  const { code, stderr } = await tributary(['gateway', 'wrong.yaml'], { cwd });
  ok(code !== 0);
  match(stderr, /wrong\.yaml:1: gateway\.lisen: there is no such key\. Did you mean "listen"\?/);
});

test("kafka-websocket's own files are taken as they are", async () => {
  await using folder = await tempFolder('gateway');
  const cwd = folder.path;
  const [port] = (await freePorts(1)) as [number];
  await mkdir(join(cwd, 'conf'));
  const discard = 'us.b3k.kafka.ws.transforms.DiscardTransform';
  await writeFile(join(cwd, 'conf/server.properties'), `ws.port=${port}\nws.outputTransformClass=${discard}\n`);
  await writeFile(
    join(cwd, 'conf/consumer.properties'),
    'zookeeper.connect=localhost:2181\nauto.offset.reset=smallest\n',
  );
  equal((await tributary(['topics', 'create', 't', '--broker', 'embedded:./data'], { cwd })).code, 0);
  const admin = (await freePorts(1)) as [number];
  await using running = startTributary(['gateway', '--from', 'conf', '--broker', 'embedded:./data'], {
    cwd,
    env: { TRIBUTARY_GATEWAY_ADMIN: `127.0.0.1:${admin[0]}` },
  });
  await running.waitFor('Ctrl-C stops it');
  match(running.stderr(), /zookeeper\.connect is not used/);
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v2/broker/?topics=t`, ['kafka-text']);
  await once(socket, 'open');
  equal(socket.protocol, 'kafka-text');
  const messages: string[] = [];
  socket.on('message', (data) => messages.push(String(data)));
  socket.send('{"topic":"t","key":"k","message":"m"}');
  const read = await fetch(`http://127.0.0.1:${port}/v1/topics/t/records?waitMs=10000`);
  const { records } = (await read.json()) as { records: { key: string; value: string }[] };
  deepEqual(
    records.map(({ key, value }) => [key, value]),
    [['k', 'm']],
  );
  deepEqual(messages, []);
  socket.terminate();
});

async function start(cwd: string): Promise<Running> {
  const running = startTributary(['gateway', 'gateway.yaml'], { cwd });
  await running.waitFor('Ctrl-C stops it');
  return running;
}

async function publish(url: string, value: string): Promise<void> {
  const answer = await fetch(`${url}/v1/topics/orders`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: value,
  });
  equal(answer.status, 200, await answer.text());
}

/** A client of the native protocol with one subscription of `orders`. */
async function subscribe(url: string, from: string) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws`, ['tributary.v1.json']);
  const frames: Frame[] = [];
  let wake = (): void => {};
  socket.on('message', (data) => {
    for (const line of String(data).split('\n')) frames.push(JSON.parse(line) as Frame);
    wake();
  });
  const closed = once(socket, 'close').then(([code]) => code as number);
  await once(socket, 'open');
  socket.send(`{"type":"sub","id":1,"topics":["orders"],${from}}`);
  const next = async (type: string): Promise<Frame> => {
    for (;;) {
      const at = frames.findIndex((frame) => frame.type === type);
      if (at !== -1) return frames.splice(at, 1)[0]!;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const values = async (count: number): Promise<unknown[]> => {
    const found: unknown[] = [];
    while (found.length < count) {
      const { records } = await next('data');
      found.push(...(records as { value: unknown }[]).map(({ value }) => value));
    }
    return found;
  };
  return { socket, closed, next, values };
}
