import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { parse } from 'yaml';
import { startTestGateway } from '../support/gateway/test-gateway.ts';
import { memoryBroker } from '../support/memory-broker.ts';

const folder = join(import.meta.dirname, '../../examples/gateway');

test('the example adds a time in each direction, on text and binary sessions, and leaves alone what is no object', async () => {
  const written = parse(readFileSync(join(folder, 'times.yaml'), 'utf8')) as {
    gateway: { v2: Record<string, string> };
  };
  const v2 = Object.fromEntries(Object.entries(written.gateway.v2).map(([key, file]) => [key, join(folder, file)]));
  deepEqual(Object.keys(v2), ['inputTransform', 'outputTransform']);
  await using broker = memoryBroker();
  await broker.createTopic({ name: 't', partitions: 1 });
  await using gateway = await startTestGateway(broker, { v2 });
  const url = `${gateway.url.replace('http', 'ws')}/v2/broker/?topics=t`;
  const text = new WebSocket(url, ['kafka-text']);
  const binary = new WebSocket(url, ['kafka-binary']);
  const received: Buffer[] = [];
  const all = new Promise<void>((resolve) => {
    binary.on('message', (data) => {
      received.push((data as Buffer).subarray(2));
      if (received.length === 3) resolve();
    });
  });
  await Promise.all([once(text, 'open'), once(binary, 'open')]);
  const first = once(text, 'message');
  text.send(JSON.stringify({ topic: 't', message: '{"n":1}' }));
  const { message } = JSON.parse(String((await first)[0])) as { message: string };
  const told = JSON.parse(message) as Record<string, string>;
  deepEqual(Object.keys(told), ['n', 'receivedAt', 'sentAt']);
  ok(Date.parse(told['receivedAt']!) <= Date.parse(told['sentAt']!));
  binary.send(Buffer.concat([Buffer.from([1]), Buffer.from('t{"n":2}')]));
  await broker.holds('t', 2);
  text.send(JSON.stringify({ topic: 't', message: 'no JSON' }));
  await all;
  const [one, two, three] = received.map(String);
  deepEqual(Object.keys(JSON.parse(one!)), ['n', 'receivedAt', 'sentAt']);
  deepEqual(Object.keys(JSON.parse(two!)), ['n', 'receivedAt', 'sentAt']);
  equal(three, 'no JSON');
  deepEqual(
    broker.values('t').map((value) => (value!.startsWith('{') ? Object.keys(JSON.parse(value!)) : value)),
    [['n', 'receivedAt'], ['n', 'receivedAt'], 'no JSON'],
  );
  text.terminate();
  binary.terminate();
});
