/** A process that may not open as many files as its connectors want. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { root, until, watch } from '../e2e/support/run.ts';
import { Ledger } from '../support/ledger.ts';
import { startLedgerServer } from '../support/ledger-server.ts';
import { tempFolder } from '../support/temp-folder.ts';

const skip = process.platform === 'win32' && 'there is no ulimit';
const limit = 60;
const wanted = 40;

test('where files run out, connectors keep the connections they have, and the others say why and try again', {
  skip,
}, async () => {
  await using folder = await tempFolder('open-files');
  await using feed = await startLedgerServer({ perTick: 1 });
  const connectors = Array.from({ length: wanted }, (_, i) => `c${i}`).map(
    (name) =>
      `  ${name}: { connector.class: websocket, websocket.url: "${feed.url}", kafka.topic: ${name}, websocket.reconnect.interval.ms: 100 }`,
  );
  await writeFile(
    join(folder.path, 'feeds.yaml'),
    ['worker: { listen: 127.0.0.1:0 }', 'connectors:', ...connectors].join('\n'),
  );
  await using running = watch(
    spawn('sh', ['-c', `ulimit -n ${limit} && exec "$@"`, 'sh', process.execPath, program, 'start', 'feeds.yaml'], {
      cwd: folder.path,
      env: { PATH: process.env['PATH'], HOME: folder.path },
      stdio: ['pipe', 'pipe', 'pipe'],
    }),
  );
  await running.waitFor(/"event":"websocket_failure"/);
  await until('messages over many connections', async () => feed.connections.filter(isBusy).length >= 5, 60_000);
  await feed.quiesce();
  const { code, stderr } = await running.stop('SIGTERM');
  equal(code, 0, stderr.slice(-2000));
  match(stderr, /"error_message":"connect EMFILE/);
  ok(feed.mostOpen() < wanted, `${feed.mostOpen()} connections under a limit of ${limit} files`);

  await using broker = await openEmbeddedBroker({ directory: join(folder.path, 'data'), codecs });
  const held = new Set(await broker.listTopics());
  let read = 0;
  for (let i = 0; i < wanted; i++) {
    if (!held.has(`c${i}`)) continue;
    const ledger = new Ledger();
    const options = { topic: `c${i}`, partition: 0, from: 'earliest', until: 'end' } as const;
    for await (const { records } of broker.read(options)) for (const { value } of records) ledger.add(value);
    const { holes, doubled, disordered, damaged } = ledger.audit([]);
    deepEqual([holes, doubled, disordered, damaged], [0, 0, 0, 0], `c${i}`);
    read += ledger.read;
  }
  equal(
    read,
    feed.connections.reduce((sum, { sent }) => sum + sent, 0),
    'all that was sent is there',
  );
});

const program = join(root, 'bin/tributary.js');

function isBusy({ confirmed }: { readonly confirmed: number }): boolean {
  return confirmed > 100;
}
