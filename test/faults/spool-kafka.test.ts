/**
 * The spool between a feed and a real Kafka, under load: Kafka is killed and comes back, the program is killed and started
 * again. The feed keeps a ledger, and kcat reads what is committed.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { until } from '../e2e/support/run.ts';
import { type StartedWorker, startWorker } from '../e2e/support/worker.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { flawless, Ledger } from '../support/ledger.ts';
import { type LedgerServer, startLedgerServer } from '../support/ledger-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';

const run = promisify(execFile);
const skip = (await kafkaMissing()) || toolsMissing(['kcat'], 'KAFKA_REQUIRED');
const kafka = skip === false ? await startKafka() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

const patienceMs = 120_000;
const received = 'kafka_connect_source_task_source_record_write_total';
const forwarded = 'tributary_spool_records_forwarded_total';

async function start(cwd: string, feed: LedgerServer, topic: string, mode: string): Promise<StartedWorker> {
  const config = `broker: kafka://${kafka!.bootstrap}
connectors:
  ${topic}:
    connector.class: websocket
    websocket.url: ${feed.url}
    websocket.reconnect.interval.ms: 50
    kafka.topic: ${topic}
    spool.mode: ${mode}
`;
  await writeFile(join(cwd, 'feed.yaml'), config);
  return startWorker(['start', 'feed.yaml'], { cwd });
}

async function ledgerOf(topic: string): Promise<Ledger> {
  const args = ['-b', kafka!.bootstrap, '-X', 'check.crcs=true', '-C', '-t', topic, '-o', 'beginning', '-e', '-q'];
  const { stdout } = await run('kcat', args, { maxBuffer: 2 ** 30 });
  const ledger = new Ledger();
  for (const line of stdout.split('\n')) if (line !== '') ledger.add(line);
  return ledger;
}

function reach(worker: StartedWorker, metric: string, count: number): Promise<void> {
  return until(`${metric} ${count}`, async () => (await worker.metric(metric)) >= count, patienceMs);
}

for (const mode of ['at-least-once', 'exactly-once']) {
  test(`${mode}: Kafka is killed under load and comes back: all that was received is there, once and in order`, {
    skip,
    timeout: 300_000,
  }, async () => {
    await using folder = await tempFolder('spool-kafka');
    await using feed = await startLedgerServer({ perTick: 20 });
    const topic = `away-${mode}`;
    await using worker = await start(folder.path, feed, topic, mode);
    await reach(worker, forwarded, 2_000);
    await kafka!.kill9();
    const before = await worker.metric(received);
    await reach(worker, received, before + 4_000);
    ok((await worker.metric('tributary_spool_records')) > 0, 'what waits is counted');
    await kafka!.restart();
    await reach(worker, forwarded, before + 6_000);
    await feed.quiesce();
    const sent = feed.connections[0]!.sent;
    await reach(worker, forwarded, sent);
    const { code, stderr } = await worker.stop('SIGTERM');
    equal(code, 0, stderr);
    equal(feed.connections.length, 1, 'the feed saw nothing of it');
    deepEqual((await ledgerOf(topic)).audit(feed.connections), flawless(sent));
  });

  test(`${mode}: killed while Kafka does not take anything: the next start brings what was received`, {
    skip,
    timeout: 300_000,
  }, async () => {
    await using folder = await tempFolder('spool-kafka');
    await using feed = await startLedgerServer({ perTick: 20 });
    const topic = `killed-${mode}`;
    let atLeast = 0;
    {
      await using worker = await start(folder.path, feed, topic, mode);
      await reach(worker, forwarded, 2_000);
      await kafka!.kill9();
      await reach(worker, received, (await worker.metric(received)) + 4_000);
      atLeast = await worker.metric(received);
      await worker.stop('SIGKILL');
    }
    await kafka!.restart();
    await using worker = await start(folder.path, feed, topic, mode);
    await reach(worker, received, 1_000);
    await feed.quiesce();
    const afterwards = await worker.metric(received);
    await until('nothing waits', async () => (await worker.metric('tributary_spool_records')) === 0, patienceMs);
    equal((await worker.stop('SIGTERM')).code, 0);
    const ledger = await ledgerOf(topic);
    const audit = ledger.audit(feed.connections);
    ok(ledger.countOf(0) >= atLeast, `${ledger.countOf(0)} of ${atLeast} that were received before the kill`);
    ok(ledger.countOf(1) >= afterwards, `${ledger.countOf(1)} of ${afterwards} behind it`);
    deepEqual([audit.holes, audit.disordered, audit.damaged, audit.unknown], [0, 0, 0, 0]);
    if (mode === 'exactly-once') equal(audit.doubled, 0);
  });
}
