import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePorts } from '../support/free-ports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { busyness, startTributary, tributary, until } from './support/run.ts';
import { startWorker } from './support/worker.ts';

test('a newcomer starts the demonstration, looks into it from elsewhere, stops it, and goes on where it ended', async () => {
  await using folder = await tempFolder('newcomer');
  const { path: cwd } = folder;
  const [port] = await freePorts(1);
  const env = { TRIBUTARY_DEMO_PORT: `${port!}` };
  let lastId = 0;
  let lastOffset = 0;
  {
    await using worker = await startWorker(['start', '--demo'], { cwd, env });
    const { url } = worker;
    match(
      worker.stdout(),
      /^Tributary \d+\.\d+\.\d+\n {2}broker +embedded:\.\/data\n {2}exchange +ws:\/\/127\.0\.0\.1:\d+ /,
    );
    for (const line of [
      `npx tributary tap trades --url ${url}`,
      `npx tributary tap vwap --url ${url}`,
      `curl -s ${url}/connectors/trades/status`,
      `curl -s ${url}/metrics`,
    ]) {
      ok(worker.stdout().includes(`\n  ${line}\n`), `no "${line}" in:\n${worker.stdout()}`);
    }

    const tapped = await tributary(['tap', 'trades', '--limit', '20', '-o', 'json', '--url', url], { cwd });
    equal(tapped.code, 0);
    const lines = tapped.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    equal(lines.length, 20);
    deepEqual(
      lines.map(({ offset }) => offset - lines[0].offset),
      lines.map((_, i) => i),
    );
    const human = await tributary(['tap', 'trades', '--from-beginning', '-n', '1', '--url', url], { cwd });
    match(human.stdout, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}0:0 {2}\{"type":"trade",/);
    match((await tributary(['topics', 'list', '--url', url], { cwd })).stdout, /^trades +1 +\d+$/m);
    // The application of the demonstration: prices of five seconds.
    const priced = await tributary(['tap', 'vwap', '--from-beginning', '-n', '1', '-o', 'json', '--url', url], { cwd });
    const price = JSON.parse(JSON.parse(priced.stdout).value);
    ok(price.vwap > 0 && price.volume > 0 && price.trades > 0 && price.ends % 5000 === 0, priced.stdout);

    const status = (await (await fetch(`${url}/connectors/trades/status`)).json()) as {
      connector: { state: string };
      tasks: { state: string }[];
    };
    deepEqual([status.connector.state, status.tasks.map(({ state }) => state)], ['RUNNING', ['RUNNING']]);
    ok((await worker.metric('kafka_connect_source_task_source_record_write_total')) >= 20);
    equal((await fetch(`${url}/health`)).status, 200);

    const { code, stdout, stderr } = await worker.stop('SIGINT');
    equal(code, 0, stderr);
    match(stdout, /[\d ]+ messages · .* · lag \d+ · 0 reconnects\nStopped\.\n$/u);
    const all = await tributary(['tap', 'trades', '--no-follow', '-o', 'json', '--broker', 'embedded:./data'], { cwd });
    const records = all.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const ids = records.map(({ value }) => JSON.parse(value).id);
    deepEqual(
      ids,
      ids.map((_, i) => ids[0] + i),
      'a trade is missing or doubled',
    );
    lastId = ids.at(-1);
    lastOffset = records.at(-1).offset;
  }
  await using again = await startWorker(['start', '--demo'], { cwd, env });
  await again.holds('trades', lastOffset + 10);
  const records = await again.records('trades');
  deepEqual(
    records.map(({ offset }) => offset),
    records.map((_, i) => i),
  );
  const ids = records.map(({ value }) => JSON.parse(value!).id);
  equal(ids[lastOffset], lastId);
  const second = ids.slice(lastOffset + 1);
  ok(second[0] > lastId);
  deepEqual(
    second,
    second.map((_, i) => second[0] + i),
    'a trade of the second start is missing or doubled',
  );
  const { offsets } = (await (await fetch(`${again.url}/connectors/trades/offsets`)).json()) as { offsets: unknown[] };
  equal(offsets.length, 1, JSON.stringify(offsets));
  const { code, stderr } = await again.stop('SIGTERM');
  deepEqual([code, stderr], [0, '']);
});

test('the first record is in the topic within a second of the start, allowing for a busy machine', async () => {
  await using folder = await tempFolder('first-record');
  const before = await busyness();
  const startedAt = Date.now();
  await using worker = await startWorker(['start', '--demo'], { cwd: folder.path });
  await worker.holds('trades', 1);
  const [first] = await worker.records('trades');
  const limitMs = 5000 * Math.max(before, await busyness());
  // The figure itself is the benchmark's; what fails here is a start that has become several times as long.
  ok(first!.timestamp - startedAt < limitMs, `${first!.timestamp - startedAt} ms of ${limitMs}`);
});

test('a port in use: one sentence with the port and the option, exit 1, nothing left behind', async () => {
  await using folder = await tempFolder('port');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const { code, stdout, stderr } = await tributary(['start', '--demo', '--listen', `127.0.0.1:${port}`], {
      cwd: folder.path,
    });
    match(
      stderr,
      new RegExp(
        `^Cannot listen on 127\\.0\\.0\\.1:${port}: port ${port} is in use by another program\\. Choose another one with --listen .*\\n$`,
      ),
    );
    equal(stdout, '');
    equal(code, 1);
    ok(!existsSync(join(folder.path, 'data')));
  } finally {
    server.close();
  }
});

for (const args of [
  ['start', 'app.yaml'],
  ['gateway', 'app.yaml'],
]) {
  test(`a port of the gateway in use: "${args.join(' ')}" says so before anything is opened`, async () => {
    await using folder = await tempFolder('gateway-port');
    await using taken = await takenPort(0);
    const yaml = `broker: embedded:./data\nworker:\n  listen: 127.0.0.1:0\ngateway:\n  listen: 127.0.0.1:${taken.port}\n`;
    await writeFile(join(folder.path, 'app.yaml'), yaml);
    const { code, stdout, stderr } = await tributary(args, { cwd: folder.path });
    match(
      stderr,
      new RegExp(`^Cannot listen on 127\\.0\\.0\\.1:${taken.port}: .* Choose another one with gateway\\.listen\\n$`),
    );
    deepEqual([code, stdout, existsSync(join(folder.path, 'data'))], [1, '', false]);
  });
}

test('the demonstration starts where its usual ports are taken, on others', async () => {
  await using folder = await tempFolder('usual-ports');
  await using exchange = await takenPort(0);
  await using _gateway = await takenPort(7080);
  const env = { TRIBUTARY_DEMO_PORT: `${exchange.port}` };
  await using worker = await startWorker(['start', '--demo'], { cwd: folder.path, env });
  const portOf = (row: string): number =>
    Number(new RegExp(`^ {2}${row} +\\S*127\\.0\\.0\\.1:(\\d+)`, 'm').exec(worker.stdout())?.[1]);
  ok(portOf('exchange') > 0 && portOf('exchange') !== exchange.port, worker.stdout());
  ok(portOf('gateway') > 0 && portOf('gateway') !== 7080, worker.stdout());
  equal((await fetch(`http://127.0.0.1:${portOf('gateway')}/demo`)).status, 200);
  await worker.holds('trades', 1);
});

test('a second process on the same folder is refused with a clear error', async () => {
  await using folder = await tempFolder('locked');
  await using worker = await startWorker(['start'], { cwd: folder.path });
  const { code, stderr } = await tributary(['topics', 'list', '--broker', 'embedded:./data'], { cwd: folder.path });
  match(stderr, /To ask that process, leave out --broker or give its --url\.\n$/);
  equal(code, 1);
  equal((await worker.stop()).code, 0);
});

test('a second Ctrl-C ends at once with 130', async () => {
  await using folder = await tempFolder('twice');
  await using running = startTributary(['start', '--listen', '127.0.0.1:0', '--demo'], { cwd: folder.path });
  await running.waitFor('Ctrl-C stops it.');
  // Held up, so that the first one cannot have been answered before the second arrives.
  running.child.kill('SIGSTOP');
  running.child.kill('SIGINT');
  running.child.kill('SIGTERM');
  running.child.kill('SIGCONT');
  equal((await running.ended).code, 130);
});

test('tap and produce reach a running process, and tap ends quietly when its reader has seen enough', async () => {
  await using folder = await tempFolder('pipe');
  const { path: cwd } = folder;
  await using worker = await startWorker(['start'], { cwd });
  const env = { TRIBUTARY_URL: worker.url };
  equal((await tributary(['topics', 'create', 'x'], { cwd, env })).code, 0);
  const lines = Array.from({ length: 5000 }, (_, i) => `line ${i}`);
  const produced = await tributary(['produce', 'x'], { cwd, env, input: `${lines.join('\n')}\n` });
  deepEqual([produced.code, produced.stderr], [0, `5000 records written to "x" (${worker.url}).\n`]);
  const all = await tributary(['tap', 'x', '--no-follow', '-o', 'value'], { cwd, env });
  equal(all.stdout, `${lines.join('\n')}\n`);

  await using tap = startTributary(['tap', 'x', '--from-beginning', '-o', 'value'], { cwd, env });
  await tap.waitFor('line 0');
  tap.child.stdout!.destroy();
  await tributary(['produce', 'x'], { cwd, env, input: 'one more\n' });
  const { code, stderr } = await tap.ended;
  deepEqual([code, stderr], [0, '']);
  const missing = await tributary(['produce', 'y'], { cwd, env, input: 'z\n' });
  match(missing.stderr, /^Topic "y" does not exist\. Did you mean "x"\?/);
});

/** Takes a port, 0 being any. Where another process has it for a while, that is waited for. */
async function takenPort(wanted: number) {
  const server = createServer();
  await until(`port ${wanted}`, async () => {
    server.listen(wanted, '127.0.0.1');
    return once(server, 'listening').then(
      () => true,
      () => false,
    );
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}
