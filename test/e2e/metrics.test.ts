/** The series of a worker at work, against Prometheus' own check and against the documentation. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';
import { WsServer } from '../support/ws-server.ts';
import { root, until } from './support/run.ts';
import { startWorker } from './support/worker.ts';

/** An event, and then the end of the stream: its client comes again. */
async function shortStream() {
  let count = 0;
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`id: ${++count}\nevent: tick\ndata: ${count}\n\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const connectors = (ws: string, sse: string): object => ({
  ws: { 'connector.class': 'websocket', 'websocket.url': ws, 'kafka.topic': 'ws' },
  gone: {
    'connector.class': 'websocket',
    'websocket.url': 'ws://127.0.0.1:1/',
    'websocket.reconnect.interval.ms': '1',
    'kafka.topic': 'gone',
  },
  sse: { 'connector.class': 'sse', 'sse.uri': sse, topic: 'sse', 'retry.backoff.initial.ms': '1' },
});

test('every series passes promtool, is documented, and every documented one is there', {
  timeout: 300_000,
}, async (t) => {
  await using folder = await tempFolder('metrics');
  await using ws = await WsServer.start();
  await using sse = await shortStream();
  // What is told of sharing work is there only where there is a group to share it with.
  const config = { worker: { 'group.id': 'metrics' }, connectors: connectors(ws.url, sse.url) };
  writeFileSync(join(folder.path, 'feed.yaml'), JSON.stringify(config));
  await using worker = await startWorker(['start', 'feed.yaml'], { cwd: folder.path });
  const read = async (): Promise<string> => (await fetch(`${worker.url}/metrics`)).text();
  await until('both kinds of source have connected again', async () => {
    const text = await read();
    return /^tributary_websocket_reconnects_total\{/m.test(text) && /^tributary_sse_reconnects_total\{/m.test(text);
  });
  const text = await read();

  await t.test('promtool finds nothing to say', { skip: toolsMissing(['promtool']) }, () => {
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    deepEqual([checked.status, checked.stdout, checked.stderr], [0, '', '']);
  });

  const shown = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!));
  const { always, sometimes } = documented();
  deepEqual(
    [...shown].filter((name) => !always.has(name) && !sometimes.has(name)),
    [],
    'series without documentation',
  );
  deepEqual(
    [...always].filter((name) => !shown.has(name)),
    [],
    'documentation without series',
  );
  match(text, /^kafka_connect_source_task_source_record_poll_total\{connector="sse",task="0"\} [1-9]/m);
});

test('a silent source makes the worker unhealthy where an age is set', { timeout: 300_000 }, async () => {
  await using folder = await tempFolder('stale');
  await using ws = await WsServer.start();
  const config = { 'health.source.max.age.ms': 1000, connectors: { ws: { ...websocket(ws.url) } } };
  writeFileSync(join(folder.path, 'feed.yaml'), JSON.stringify(config));
  await using worker = await startWorker(['start', 'feed.yaml'], { cwd: folder.path });
  await until('the worker is unhealthy', async () => (await fetch(`${worker.url}/health`)).status === 500);
  const { status, message } = (await (await fetch(`${worker.url}/health`)).json()) as Record<string, string>;
  equal(status, 'unhealthy');
  match(message!, /^source "ws" \(task 0\) has received nothing for \d+ s$/);
});

function websocket(url: string): object {
  return { 'connector.class': 'websocket', 'websocket.url': url, 'kafka.topic': 'ws' };
}

/** Rows of the tables of docs/metrics.md; those marked with an asterisk are there only when something has happened. */
function documented() {
  const text = readFileSync(join(root, 'docs/metrics.md'), 'utf8');
  const always = new Set<string>();
  const sometimes = new Set<string>();
  for (const [, name, star] of text.matchAll(/^\| (?:`[^`|]*` \| )?`([a-z_]+)(?:\{[^}]*\})?`( \*)? \|/gm)) {
    (star === undefined ? always : sometimes).add(name!);
  }
  return { always, sometimes };
}
