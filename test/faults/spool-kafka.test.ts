/**
 * The spool between feeds and a real Kafka, under load: Kafka is killed and comes back, the program is killed while it is
 * away. The feeds keep a ledger, and kcat reads what is committed. Both modes run side by side, each with a feed of its own.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, promisify } from 'node:util';
import { type Running, startTributary, until } from '../e2e/support/run.ts';
import { type StartedWorker, startWorker } from '../e2e/support/worker.ts';
import { kafkaMissing } from '../support/kafka.ts';
import { startProxiedKafka } from '../support/kafka-proxy.ts';
import { flawless, Ledger } from '../support/ledger.ts';
import { type LedgerServer, startLedgerServer } from '../support/ledger-server.ts';
import { seeded, testSeed } from '../support/random.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';

const run = promisify(execFile);
const skip = (await kafkaMissing()) || toolsMissing(['kcat'], 'KAFKA_REQUIRED');
const proxied = skip === false ? await startProxiedKafka() : undefined;
const kafka = proxied?.kafka;
after(() => proxied?.[Symbol.asyncDispose]());

const modes = ['at-least-once', 'exactly-once'] as const;
type Mode = (typeof modes)[number];
type Feeds = Readonly<Record<Mode, LedgerServer>>;

const patienceMs = 120_000;
const received = 'kafka_connect_source_task_source_record_write_total';
const forwarded = 'tributary_spool_records_forwarded_total';
const waiting = 'tributary_spool_records';
const forwardedWhole = 'tributary_spool_whole_batches_forwarded_total';

const ownTopics = { 'at-least-once': 'at-least-once', 'exactly-once': 'exactly-once' };

/** Small ones, and now and then one that makes its batch so large that it goes on as it is. */
const mixed = { perTick: 4, bytes: (number: number): number => (number % 50 === 49 ? 80_000 : 200) };

async function start(
  cwd: string,
  feeds: Feeds,
  topics: Record<Mode, string> = ownTopics,
  bootstrap = kafka!.bootstrap,
): Promise<StartedWorker> {
  const connectors = modes.map(
    (mode) => `  ${mode}:
    connector.class: websocket
    websocket.url: ${feeds[mode].url}
    websocket.reconnect.interval.ms: 50
    kafka.topic: ${topics[mode]}
    spool.mode: ${mode}
`,
  );
  await writeFile(join(cwd, 'feed.yaml'), `broker: kafka://${bootstrap}\nconnectors:\n${connectors.join('')}`);
  return startWorker(['start', 'feed.yaml'], { cwd });
}

function metricOf(worker: StartedWorker, name: string, connector: string): Promise<number> {
  return worker.metric(`${name}\\{[^}]*connector="${connector}"[^}]*\\}`);
}

interface Look {
  readonly received: number;
  readonly waiting: number;
}

/** Both of one moment: what is synced and not counted yet as forwarded is what a kill can make come twice. */
async function lookAt(worker: StartedWorker): Promise<Record<Mode, Look>> {
  const text = await (await fetch(`${worker.url}/metrics`)).text();
  const of = (mode: Mode): Look => {
    const value = (name: string): number =>
      Number(new RegExp(`^${name}\\{[^}]*connector="${mode}"[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
    return { received: value(received), waiting: value(waiting) };
  };
  return { 'at-least-once': of('at-least-once'), 'exactly-once': of('exactly-once') };
}

async function reach(worker: StartedWorker, name: string, more: number): Promise<void> {
  for (const mode of modes) {
    const from = await metricOf(worker, name, mode);
    const what = `${more} more of ${name} of ${mode}`;
    await until(what, async () => (await metricOf(worker, name, mode)) >= from + more, patienceMs);
  }
}

async function ledgerOf(topic: string): Promise<Ledger> {
  const args = ['-b', kafka!.bootstrap, '-X', 'check.crcs=true', '-C', '-t', topic, '-o', 'beginning', '-e', '-q'];
  const { stdout } = await run('kcat', args, { maxBuffer: 2 ** 30 });
  const ledger = new Ledger();
  for (const line of stdout.split('\n')) if (line !== '') ledger.add(line);
  return ledger;
}

test('Kafka is killed and comes back, then both are: all that was received is there, in order, and once', {
  skip,
  timeout: 600_000,
}, async () => {
  await using folder = await tempFolder('spool-kafka');
  await using first = await startLedgerServer(mixed);
  await using second = await startLedgerServer(mixed);
  const feeds = { 'at-least-once': first, 'exactly-once': second };
  const atKill = new Map<string, number>();
  /** What was on its way when Kafka was killed: nobody knew whether it had arrived. */
  let doubledAtMost = 0;
  const killKafka = async (worker: StartedWorker): Promise<void> => {
    const { 'at-least-once': before } = await lookAt(worker);
    await kafka!.kill9();
    const { 'at-least-once': behind } = await lookAt(worker);
    doubledAtMost += before.waiting + behind.received - before.received;
  };
  {
    await using worker = await start(folder.path, feeds);
    await reach(worker, forwarded, 500);
    await killKafka(worker);
    await reach(worker, received, 500);
    for (const mode of modes) ok((await metricOf(worker, waiting, mode)) > 0, `what waits is counted: ${mode}`);
    await kafka!.restart();
    await reach(worker, forwarded, 750);
    for (const mode of modes) ok((await metricOf(worker, forwardedWhole, mode)) > 0, `some went on whole: ${mode}`);
    await killKafka(worker);
    await reach(worker, received, 500);
    for (const mode of modes) atKill.set(mode, await metricOf(worker, received, mode));
    await worker.stop('SIGKILL');
  }
  for (const mode of modes) equal(feeds[mode].connections.length, 1, `the feed saw nothing of it: ${mode}`);
  await kafka!.restart();
  await using worker = await start(folder.path, feeds);
  await reach(worker, received, 500);
  await Promise.all([first.quiesce(), second.quiesce()]);
  const restarted = Object.fromEntries(modes.map((mode) => [mode, feeds[mode].connections[1]!.sent]));
  await until('nothing waits', async () => (await worker.metric(waiting)) === 0, patienceMs);
  const { code, stderr } = await worker.stop('SIGTERM');
  equal(code, 0, stderr);
  for (const mode of modes) {
    const ledger = await ledgerOf(mode);
    const { holes, disordered, damaged, unknown, doubled } = ledger.audit(feeds[mode].connections);
    deepEqual({ holes, disordered, damaged, unknown }, { holes: 0, disordered: 0, damaged: 0, unknown: 0 }, mode);
    const bound = mode === 'exactly-once' ? 0 : doubledAtMost;
    ok(doubled <= bound, `${doubled} came twice, ${bound} at most: ${mode}`);
    ok(ledger.countOf(0) >= atKill.get(mode)!, `${ledger.countOf(0)} of ${atKill.get(mode)} before the kill: ${mode}`);
    equal(ledger.countOf(1), restarted[mode], `behind it: ${mode}`);
  }
});

const sessionMs = 3_000;

test('two workers of one group, Kafka away for longer than their session: both go on receiving, and no message is missing or doubled', {
  skip,
  timeout: 600_000,
}, async () => {
  await using folder = await tempFolder('spool-group');
  await using opened = new AsyncDisposableStack();
  const names = Array.from({ length: 6 }, (_, n) => `group-${n}`);
  const servers = await Promise.all(names.map(async () => opened.use(await startLedgerServer({ perTick: 2 }))));
  const workers = [];
  for (const name of ['a', 'b']) {
    const group = `worker: { group.id: spool-group, session.timeout.ms: ${sessionMs} }`;
    await writeFile(
      join(folder.path, `${name}.yaml`),
      `broker: kafka://${kafka!.bootstrap}\nspool.dir: ${name}\n${group}\n`,
    );
    workers.push(opened.use(await startWorker(['start', `${name}.yaml`], { cwd: folder.path })));
  }
  const [a, b] = workers as [StartedWorker, StartedWorker];
  for (const [n, name] of names.entries()) {
    const config = {
      'connector.class': 'websocket',
      'websocket.url': servers[n]!.url,
      'websocket.reconnect.interval.ms': '50',
      'kafka.topic': name,
      'spool.mode': modes[n % 2],
    };
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ name, config });
    equal((await fetch(`${a.url}/connectors`, { method: 'POST', headers, body })).status, 201);
  }
  const isShared = async (): Promise<boolean> => {
    const shares = await Promise.all([a, b].map(({ url }) => fetch(`${url}/metrics`).then((answer) => answer.text())));
    const running = shares.map((text) => text.match(/^tributary_spool_records\{/gm)?.length ?? 0);
    return running.every((count) => count > 0) && running[0]! + running[1]! === names.length;
  };
  await until('both have tasks', isShared, patienceMs);
  const ofAll = async (metric: string): Promise<number> => (await a.metric(metric)) + (await b.metric(metric));
  const more = async (metric: string, count: number): Promise<void> => {
    const from = await ofAll(metric);
    await until(`${count} more of ${metric}`, async () => (await ofAll(metric)) >= from + count, patienceMs);
  };
  const connected = (): number[] => servers.map(({ connections }) => connections.length);
  // Nothing is being moved: all the same feeds are open before some time of load and behind it.
  let before: number[];
  do {
    await until('all feeds are open', async () => servers.every(({ open }) => open() === 1), patienceMs);
    before = connected();
    await more(forwarded, 1_000);
  } while (!isDeepStrictEqual(connected(), before) || servers.some(({ open }) => open() !== 1));
  await kafka!.kill9();
  const areCutOff = async (): Promise<boolean> => [a, b].every(({ stderr }) => /group_lost/.test(stderr()));
  await until('both have not heard the group for a session', areCutOff, patienceMs);
  await more(received, 2_000);
  ok((await ofAll(waiting)) > 1_000, 'what is received waits');
  deepEqual(connected(), before, 'no feed saw anything of it');
  await kafka!.restart();
  await more(forwarded, 3_000);
  await Promise.all(servers.map((server) => server.quiesce()));
  await until('nothing waits', async () => (await ofAll(waiting)) === 0, patienceMs);
  for (const worker of [a, b]) {
    const { code, stderr } = await worker.stop('SIGTERM');
    equal(code, 0, stderr);
  }
  for (const [n, name] of names.entries()) {
    const { connections } = servers[n]!;
    const ledger = await ledgerOf(name);
    const last = connections.length - 1;
    // Of a connection that was closed as its task moved: up to where it was read, which the audit looks at.
    deepEqual(ledger.audit(connections), flawless(ledger.read), `${name}, over ${connections.length} connections`);
    equal(ledger.countOf(last), connections[last]!.sent, `all of the last connection: ${name}`);
  }
});

test('Kafka is away at the stop, at the next start, and at the one behind its kill -9: what is received all the time is there once, and only what has no spool is at risk', {
  skip,
  timeout: 600_000,
}, async () => {
  await using folder = await tempFolder('spool-away');
  await using bare = await tempFolder('no-spool');
  await using first = await startLedgerServer({ perTick: 2 });
  await using second = await startLedgerServer({ perTick: 2 });
  const feeds = { 'at-least-once': first, 'exactly-once': second };
  const topics = { 'at-least-once': 'away-b', 'exactly-once': 'away-c' };
  const atStop = new Map<string, number>();
  let port = 0;
  {
    await using worker = await start(folder.path, feeds, topics);
    port = Number(new URL(worker.url).port);
    const config = `connector.class: websocket, websocket.url: "${first.url}", kafka.topic: bare, errors.restart.enabled: false`;
    const file = `broker: kafka://${kafka!.bootstrap}\nworker: { group.id: bare, task.shutdown.graceful.timeout.ms: 500 }\n`;
    await writeFile(join(bare.path, 'bare.yaml'), `${file}connectors: { bare: { ${config} } }\n`);
    await using other = await startWorker(['start', 'bare.yaml'], { cwd: bare.path });
    await reach(worker, forwarded, 200);
    await until('the other one writes', async () => (await other.metric(received)) > 100, patienceMs);
    await kafka!.kill9();
    await reach(worker, received, 500);
    for (const mode of modes) atStop.set(mode, await metricOf(worker, received, mode));
    const [spooled, lossy] = await Promise.all([worker.stop('SIGTERM'), other.stop('SIGTERM')]);
    equal(spooled.code, 0, spooled.stderr);
    match(spooled.stdout, /Stopped\. The broker does not answer \(.+\); all that was received is stored/);
    equal(lossy.code, 1, lossy.stderr);
    match(lossy.stdout, /these tasks had received more than is stored: bare-0\./);
  }
  // At the same address, and so the same worker.
  const args = ['start', 'feed.yaml', '--listen', `127.0.0.1:${port}`];
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const values = [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'gm'))];
    return values.reduce((sum, [, value]) => sum + Number(value), 0);
  };
  const begins = async (): Promise<Running> => {
    const running = startTributary(args, { cwd: folder.path });
    await running.waitFor('Ctrl-C stops it.', patienceMs);
    await until('it receives', async () => (await metric(received)) > 200, patienceMs);
    return running;
  };
  let atKill = 0;
  {
    await using early = await begins();
    equal(/unclean_previous_end/.test(early.stderr()), false, 'the end before was a clean one');
    atKill = await metric(received);
    await early.stop('SIGKILL');
  }
  await using again = await begins();
  match(again.stderr(), /unclean_previous_end/);
  equal(await metric(forwarded), 0);
  await kafka!.restart();
  await until('it goes on', async () => (await metric(forwarded)) > 200, patienceMs);
  await Promise.all([first.quiesce(), second.quiesce()]);
  await until('nothing waits', async () => (await metric('tributary_spool_records')) === 0, patienceMs);
  const ended = await again.stop('SIGTERM');
  equal(ended.code, 0, ended.stderr);
  let ofKilled = 0;
  for (const mode of modes) {
    const ledger = await ledgerOf(topics[mode]);
    const connections = feeds[mode].connections;
    // The feed of the first mode is that of the task without a spool, too.
    equal(connections.length, mode === 'exactly-once' ? 3 : 4, `one for each start: ${mode}`);
    ofKilled += ledger.countOf(connections.length - 2);
    equal(ledger.countOf(connections.length - 1), connections.at(-1)!.sent, `all of the last one: ${mode}`);
    const { holes, disordered, damaged, unknown, doubled } = ledger.audit(connections);
    const found = { holes, disordered, damaged, unknown, doubled };
    deepEqual(found, { holes: 0, disordered: 0, damaged: 0, unknown: 0, doubled: 0 }, mode);
    ok(ledger.read >= atStop.get(mode)!, mode);
  }
  ok(ofKilled >= atKill, `${ofKilled} of ${atKill} received by the one that was killed while Kafka was away`);
});

const isLong = process.env['TEST_LONG'] === '1';
const kills = isLong ? 51 : 3;
/** What an unclean end makes come twice at most. */
const repeatAtMost = 5 * 2 ** 20;
/** What waits before forwarding goes on: in full more than that, so that the bound is asked for. */
const behindBeforeKill = isLong ? 4_500 : 300;

/** Where a kill comes: while all is well, while Kafka has just come back, and while what is forwarded is taken away. */
const phases: readonly ((worker: StartedWorker, part: number) => Promise<void>)[] = [
  (_, part) => sleep(part * 300),
  async (worker, part) => {
    proxied!.proxy.stall();
    await reach(worker, received, behindBeforeKill);
    proxied!.proxy.resume();
    await sleep(part * 100);
  },
  // The first time at once, the second time a second later.
  (_, part) => sleep(900 + part * 200),
];

test(`killed with kill -9 at ${kills} moments, Kafka being there: all that was synced arrives, in order, and once where it is exactly-once (TEST_SEED=${testSeed})`, {
  skip,
  timeout: 1_200_000,
}, async () => {
  await using folder = await tempFolder('spool-kills');
  await using first = await startLedgerServer(mixed);
  await using second = await startLedgerServer(mixed);
  const feeds = { 'at-least-once': first, 'exactly-once': second };
  const topics = { 'at-least-once': 'killed-b', 'exactly-once': 'killed-c' };
  const random = seeded(testSeed);
  /** Just before each kill. */
  const looks: Record<Mode, Look>[] = [];
  for (let kill = 0; kill < kills; kill++) {
    await using worker = await start(folder.path, feeds, topics, proxied!.bootstrap);
    await reach(worker, received, 50);
    await phases[kill % phases.length]!(worker, random());
    looks.push(await lookAt(worker));
    await worker.stop('SIGKILL');
  }
  await using worker = await start(folder.path, feeds, topics, proxied!.bootstrap);
  await reach(worker, received, 50);
  await reach(worker, forwardedWhole, 1);
  await Promise.all([first.quiesce(), second.quiesce()]);
  await until('nothing waits', async () => (await worker.metric(waiting)) === 0, patienceMs);
  const { code, stderr } = await worker.stop('SIGTERM');
  equal(code, 0, stderr);
  for (const mode of modes) {
    const ledger = await ledgerOf(topics[mode]);
    const { connections } = feeds[mode];
    equal(connections.length, kills + 1, mode);
    const { holes, disordered, damaged, unknown, doubled } = ledger.audit(connections);
    deepEqual({ holes, disordered, damaged, unknown }, { holes: 0, disordered: 0, damaged: 0, unknown: 0 }, mode);
    let doubledAtMost = 0;
    for (const [kill, { [mode]: look }] of looks.entries()) {
      const count = ledger.countOf(kill);
      ok(count >= look.received, `${count} of ${look.received} before kill ${kill}: ${mode}`);
      // What waited, and what came between the look and the kill.
      doubledAtMost += look.waiting + count - look.received;
    }
    const bound = mode === 'exactly-once' ? 0 : doubledAtMost;
    ok(doubled <= bound, `${doubled} came twice, ${bound} at most: ${mode}`);
    const repeated = ledger.mostRepeatBytes;
    ok(repeated <= repeatAtMost, `${repeated} bytes came again in one go, ${repeatAtMost} at most: ${mode}`);
    equal(ledger.countOf(kills), connections[kills]!.sent, `behind the last one: ${mode}`);
    console.log(
      `${mode}: ${ledger.read} records, ${doubled} of them twice (${bound} at most; ${repeated} bytes in one go), after ${kills} kills`,
    );
  }
});
