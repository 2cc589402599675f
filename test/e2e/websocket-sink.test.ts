/** A topic to a remote WebSocket server through a worker, on both brokers: server and worker are killed under load. */
import { deepEqual, equal } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type SinkServer, sinkServer } from '../support/ws-sink-server.ts';
import { until } from './support/run.ts';
import { type StartedWorker, startWorker } from './support/worker.ts';

const perAck = 10;
const missing = await kafkaMissing();

for (const kind of ['embedded', 'kafka'] as const) {
  test(`${kind}: nothing is lost when the server is killed, nor when the worker is; offsets follow what is acknowledged`, {
    skip: kind === 'kafka' && missing,
    timeout: 300_000,
  }, async () => {
    await using folder = await tempFolder('ws-sink');
    await using kafka = kind === 'kafka' ? await startKafka() : undefined;
    const broker = kafka === undefined ? `embedded:${join(folder.path, 'data')}` : `kafka://${kafka.bootstrap}`;
    let isMute = false;
    await using server = await sinkServer({
      reply: (_, count) => {
        if (isMute || count % perAck !== 0) return undefined;
        return `ack ${count}`;
      },
    });
    await writeFile(join(folder.path, 'sink.yaml'), config(broker, server.url));
    const cwd = folder.path;
    const numbers = (from: number, to: number): string[] =>
      Array.from({ length: to - from }, (_, i) => String(from + i));
    {
      await using worker = await startWorker(['start', 'sink.yaml'], { cwd });
      const made = await fetch(`${worker.url}/topics`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'numbers', partitions: 1 }),
      });
      equal(made.status, 201, await made.text());
      await produce(worker, numbers(0, 1000));
      await until('half has come', async () => server.taken.length >= 500);
      await server.kill();
      await produce(worker, numbers(1000, 2000));
      await server.revive();
      await until('all has come', async () => distinct(server).length === 2000);
      await until('the offset has followed', async () => (await committed(worker)) === 2000);
      // A group of Kafka gives the place of a killed member away only after its session has timed out.
      if (kind === 'kafka' && process.env['TEST_LONG'] !== '1') return;
      isMute = true; // no reply any more: no offset may move
      await produce(worker, numbers(2000, 2100));
      await until('the next have been sent', async () => distinct(server).length > 2000);
      equal(await committed(worker), 2000);
      await worker.stop('SIGKILL');
    }
    isMute = false;
    {
      await using worker = await startWorker(['start', 'sink.yaml'], { cwd });
      await until('the rest has come', async () => distinct(server).length === 2100);
      await until('the last offset', async () => (await committed(worker)) === 2100);
      equal((await worker.stop()).code, 0);
    }
    deepEqual(distinct(server), numbers(0, 2100));
    // What one connection brought is in order, and begins behind what was acknowledged before it.
    for (let connection = 1; connection <= server.connections(); connection++) {
      const came = server.taken.filter((message) => message.connection === connection).map(({ text }) => Number(text));
      deepEqual(came, numbers(came[0] ?? 0, (came.at(-1) ?? -1) + 1).map(Number), `connection ${connection}`);
    }
  });
}

function config(broker: string, url: string): string {
  return `broker: ${broker}
connectors:
  out:
    connector.class: websocket-sink
    topics: numbers
    websocket.url: ${url}
    websocket.reconnect.interval.ms: 20
    websocket.reconnect.backoff.max.ms: 100
    websocket.ack: reply
    websocket.ack.pattern: ^ack
    websocket.ack.messages: ${perAck}
    websocket.ack.timeout.ms: 2000
worker: { offset.flush.interval.ms: 200 }
`;
}

function distinct(server: SinkServer): string[] {
  return [...new Set(server.taken.map(({ text }) => text))].sort((a, b) => Number(a) - Number(b));
}

async function produce({ url }: StartedWorker, values: readonly string[]): Promise<void> {
  const body = values.map((value) => JSON.stringify({ value, partition: 0 })).join('\n');
  const answer = await fetch(`${url}/produce/numbers`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body,
  });
  equal(answer.status, 200, await answer.text());
}

/** The offset of the connector's group, as REST shows it; 0 while there is none. */
async function committed({ url }: StartedWorker): Promise<number> {
  const { offsets } = (await (await fetch(`${url}/connectors/out/offsets`)).json()) as {
    readonly offsets: readonly { readonly offset: { readonly kafka_offset: number } }[];
  };
  return offsets[0]?.offset.kafka_offset ?? 0;
}
