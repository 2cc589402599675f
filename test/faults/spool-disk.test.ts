/** The disk under the spool is full, cannot be written, or has damaged what lay there; another connector has no spool. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { tributary, until } from '../e2e/support/run.ts';
import { type StartedWorker, startWorker } from '../e2e/support/worker.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { flawless, Ledger } from '../support/ledger.ts';
import { type LedgerServer, startLedgerServer } from '../support/ledger-server.ts';
import { fill, smallFilesystem, smallFilesystemMissing } from '../support/small-filesystem.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';

const run = promisify(execFile);
const skip = (await kafkaMissing()) || toolsMissing(['kcat'], 'KAFKA_REQUIRED') || (await smallFilesystemMissing());
const kafka = skip === false ? await startKafka() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

const patienceMs = 120_000;

/** `spooled` with a spool and `plain` without one; their topics carry a name of the test. */
async function start(
  cwd: string,
  spool: string,
  spooled: LedgerServer,
  plain: LedgerServer,
  name: string,
): Promise<StartedWorker> {
  const connector = (own: string, feed: LedgerServer, more: string): string =>
    `  ${own}: { connector.class: websocket, websocket.url: "${feed.url}", kafka.topic: ${name}-${own}, websocket.reconnect.interval.ms: 50${more} }`;
  const lines = [
    `broker: kafka://${kafka!.bootstrap}`,
    `spool.dir: ${spool}`,
    'connectors:',
    connector('spooled', spooled, ', spool.mode: at-least-once'),
    connector('plain', plain, ''),
  ];
  await writeFile(join(cwd, 'feed.yaml'), lines.join('\n'));
  return startWorker(['start', 'feed.yaml'], { cwd });
}

function metricOf(worker: StartedWorker, name: string, connector: string): Promise<number> {
  return worker.metric(`${name}\\{[^}]*connector="${connector}"[^}]*\\}`);
}

const received = 'kafka_connect_source_task_source_record_write_total';

async function reach(worker: StartedWorker, name: string, connector: string, more: number): Promise<void> {
  const from = await metricOf(worker, name, connector);
  const what = `${more} more of ${name} of ${connector}`;
  await until(what, async () => (await metricOf(worker, name, connector)) >= from + more, patienceMs);
}

async function ledgerOf(topic: string): Promise<Ledger> {
  const args = ['-b', kafka!.bootstrap, '-C', '-t', topic, '-o', 'beginning', '-e', '-q'];
  const { stdout } = await run('kcat', args, { maxBuffer: 2 ** 30 });
  const ledger = new Ledger();
  for (const line of stdout.split('\n')) if (line !== '') ledger.add(line);
  return ledger;
}

test('a full disk holds back the connector that is spooled and no other, and it goes on by itself when there is room', {
  skip,
  timeout: 300_000,
}, async () => {
  await using folder = await tempFolder('spool-full');
  await using disk = await smallFilesystem(48);
  await using spooled = await startLedgerServer({ perTick: 5 });
  await using plain = await startLedgerServer({ perTick: 1 });
  await using worker = await start(folder.path, join(disk.path, 'spool'), spooled, plain, 'full');
  await reach(worker, 'tributary_spool_records_forwarded_total', 'spooled', 200);
  const ballast = join(disk.path, 'ballast');
  fill(ballast);
  // What is written over again wants no room: it comes to a stop a little later.
  await until(
    'nothing more is received',
    async () => {
      const before = await metricOf(worker, received, 'spooled');
      await reach(worker, received, 'plain', 50);
      return (await metricOf(worker, received, 'spooled')) === before;
    },
    patienceMs,
  );
  match(worker.stderr(), /full/);
  rmSync(ballast);
  await reach(worker, 'tributary_spool_records_forwarded_total', 'spooled', 500);
  await Promise.all([spooled.quiesce(), plain.quiesce()]);
  await until('nothing waits', async () => (await worker.metric('tributary_spool_records')) === 0, patienceMs);
  const { code, stderr } = await worker.stop('SIGTERM');
  equal(code, 0, stderr);
  for (const [topic, feed] of [
    ['full-spooled', spooled],
    ['full-plain', plain],
  ] as const) {
    equal(feed.connections.length, 1, `${topic}: the feed saw nothing of it`);
    const ledger = await ledgerOf(topic);
    deepEqual(ledger.audit(feed.connections), flawless(feed.connections[0]!.sent), topic);
  }
});

test('a disk that cannot be written fails the connector that is spooled, with the reason, and no other', {
  skip,
  timeout: 300_000,
}, async () => {
  await using folder = await tempFolder('spool-read-only');
  await using disk = await smallFilesystem(16);
  await using spooled = await startLedgerServer({ perTick: 1 });
  await using plain = await startLedgerServer({ perTick: 1 });
  {
    await using worker = await start(folder.path, join(disk.path, 'spool'), spooled, plain, 'read-only');
    await reach(worker, 'tributary_spool_records_forwarded_total', 'spooled', 20);
    equal((await worker.stop('SIGTERM')).code, 0);
  }
  await run('mount', ['-o', 'remount,ro', disk.path]);
  await using worker = await start(folder.path, join(disk.path, 'spool'), spooled, plain, 'read-only');
  await reach(worker, received, 'plain', 100);
  const failed = async (): Promise<{ readonly state: string; readonly trace?: string }> => {
    const status = (await (await fetch(`${worker.url}/connectors/spooled/status`)).json()) as {
      readonly tasks: readonly { readonly state: string; readonly trace?: string }[];
    };
    return status.tasks[0] ?? { state: 'NONE' };
  };
  await until('the task has failed', async () => (await failed()).state === 'FAILED', patienceMs);
  match((await failed()).trace!, /disk I\/O error|read-?only/);
  match((await failed()).trace!, /spool/);
  equal((await worker.stop('SIGTERM')).code, 0);
});

test('a block that the disk has damaged is named, passed over and counted, and what is beside it arrives in order', {
  skip,
  timeout: 300_000,
}, async () => {
  await using folder = await tempFolder('spool-damage');
  await using spooled = await startLedgerServer({ perTick: 5 });
  await using plain = await startLedgerServer({ perTick: 1 });
  const spool = join(folder.path, 'spool');
  {
    await using worker = await start(folder.path, spool, spooled, plain, 'damage');
    await reach(worker, 'tributary_spool_records_forwarded_total', 'spooled', 200);
    await kafka!.kill9();
    await reach(worker, received, 'spooled', 600);
    const remote = await tributary(['spool', 'ls', '--url', worker.url], { cwd: folder.path });
    match(remote.stdout, /^spooled +0 +damage-spooled +[1-9]\d* /m);
    await worker.stop('SIGKILL');
  }
  const damaged = flipABit(join(spool, 'tributary.db'));
  const look = (...args: string[]) => tributary(['spool', ...args, '--dir', spool], { cwd: folder.path });
  match((await look('ls')).stdout, /^spooled +0 +damage-spooled +[1-9]\d* .* at-least-once$/m);
  const named = `(damaged: offsets ${damaged.base} to ${damaged.last} of task 0 for damage-spooled: `;
  const { stdout } = await look('inspect', 'spooled');
  ok(stdout.includes(named), stdout.slice(-500));
  const values = (await look('inspect', 'spooled', '-o', 'value')).stdout.trimEnd().split('\n');
  ok(values.length >= 400, `${values.length} records are shown`);

  await kafka!.restart();
  await using worker = await start(folder.path, spool, spooled, plain, 'damage');
  await reach(worker, 'tributary_spool_records_forwarded_total', 'spooled', 500);
  await reach(worker, received, 'plain', 50);
  await spooled.quiesce();
  await until('nothing waits', async () => (await worker.metric('tributary_spool_records')) === 0, patienceMs);
  const lost = damaged.last - damaged.base + 1;
  equal(await worker.metric('tributary_spool_records_corrupted_total'), lost);
  match(worker.stderr(), /spool_block_damaged/);
  const ledger = await ledgerOf('damage-spooled');
  const { holes, disordered, unknown, damaged: torn } = ledger.audit(spooled.connections);
  deepEqual({ holes, disordered, unknown, torn }, { holes: lost, disordered: 0, unknown: 0, torn: 0 });
});

/** In a block in the middle of what waits. */
function flipABit(path: string): { readonly base: number; readonly last: number } {
  const db = new DatabaseSync(path);
  try {
    const blocks = db
      .prepare(
        `SELECT base, last, body FROM batches JOIN partitions ON partitions.no = batches.partition
         JOIN topics ON topics.no = topic WHERE name = 'spooled-0' AND control = 0 ORDER BY base`,
      )
      .all() as { base: number; last: number; body: number }[];
    const { base, last, body } = blocks[blocks.length >> 1]!;
    const { bytes } = db.prepare('SELECT bytes FROM bodies WHERE id = ?').get(body) as { bytes: Uint8Array };
    bytes[bytes.length - 5]! ^= 0x10;
    db.prepare('UPDATE bodies SET bytes = ? WHERE id = ?').run(bytes, body);
    return { base, last };
  } finally {
    db.close();
  }
}
