/** What a worker may not do any more once others do its work: it is cut off from Kafka, or a copy of its task runs beside it. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { offsetTable } from '../../src/worker/offset-table.ts';
import { PositionFence } from '../../src/worker/spool/position-fence.ts';
import { SpoolOffsets } from '../../src/worker/spool/spool-offsets.ts';
import { openTable } from '../../src/worker/table.ts';
import { freePorts } from '../support/free-ports.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { memoryBroker } from '../support/memory-broker.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { numbersOf, startFeed } from './support/feed.ts';
import { assertComplete, eventsConnector, startNumberedEvents } from './support/numbered-events.ts';
import { until } from './support/run.ts';
import { type StartedWorker, startWorker } from './support/worker.ts';

const skip = await kafkaMissing();
const patienceMs = 60_000;
const sessionMs = 3_000;

/** One node with two ways to it: directly, and through a proxy whose connections can be held up. */
async function startKafkaBehindProxy() {
  const [direct, behind, controller] = (await freePorts(3)) as [number, number, number];
  const proxy = await startTcpProxy(behind);
  const own = `CONTROLLER://127.0.0.1:${controller}`;
  const kafka = await startKafka(
    {
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      listeners: `PLAINTEXT://127.0.0.1:${direct},FAR://127.0.0.1:${behind},${own}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${direct},FAR://127.0.0.1:${proxy.port},${own}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT',
    },
    { readyPort: direct },
  );
  return {
    direct: `127.0.0.1:${direct}`,
    far: `127.0.0.1:${proxy.port}`,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await kafka[Symbol.asyncDispose]();
    },
  };
}

const kafka = skip === false ? await startKafkaBehindProxy() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

async function runningOn({ url }: StartedWorker): Promise<readonly string[]> {
  const told = (await (await fetch(`${url}/connectors?expand=status`)).json()) as Record<
    string,
    { readonly status?: { readonly tasks: readonly { readonly state: string; readonly worker_id: string }[] } }
  >;
  const tasks = Object.values(told).flatMap(({ status }) => status?.tasks ?? []);
  return tasks.filter(({ state }) => state === 'RUNNING').map(({ worker_id: on }) => on);
}

interface TaskStatus {
  readonly state: string;
  readonly trace?: string;
}

async function taskOf({ url }: StartedWorker, connector: string): Promise<TaskStatus | undefined> {
  const answer = await fetch(`${url}/connectors/${connector}/status`);
  return ((await answer.json()) as { readonly tasks: readonly TaskStatus[] }).tasks[0];
}

/** Of a topic whose values are numbers. */
async function numbersIn(worker: StartedWorker, topic: string): Promise<number[]> {
  return (await worker.records(topic)).map(({ value }) => Number(value));
}

test('a worker that is cut off from Kafka closes its sockets by itself, and what it held is not written behind the work of others', {
  skip,
  timeout: 180_000,
}, async () => {
  await using folder = await tempFolder('cut-off');
  await using feed = await startFeed({ perTick: 1 });
  const start = async (broker: string): Promise<StartedWorker> => {
    const file = `${broker.split(':')[1]}.yaml`;
    const worker = `worker: { group.id: cut-off, session.timeout.ms: ${sessionMs} }`;
    await writeFile(join(folder.path, file), `broker: kafka://${broker}\n${worker}\n`);
    return startWorker(['start', file], { cwd: folder.path });
  };
  await using near = await start(kafka!.direct);
  await using far = await start(kafka!.far);
  const count = 6;
  for (let n = 0; n < count; n++) {
    const config = {
      'connector.class': 'websocket',
      'websocket.url': feed.url,
      'websocket.subscription.message': 'go',
      'websocket.reconnect.interval.ms': '50',
      'kafka.topic': `cut-off-${n}`,
    };
    const body = JSON.stringify({ name: `feed-${n}`, config });
    const headers = { 'content-type': 'application/json' };
    equal((await fetch(`${near.url}/connectors`, { method: 'POST', headers, body })).status, 201);
  }
  const isShared = async (): Promise<boolean> => {
    const on = await runningOn(near);
    return on.length === count && new Set(on).size === 2;
  };
  await until('both have tasks', isShared, patienceMs);
  await until('all are connected', async () => feed.subscribed() === count, patienceMs);
  for (let n = 0; n < count; n++) await near.holds(`cut-off-${n}`, 20);

  // More sockets than connectors: since when, and for how long at most.
  let doubledAtMs: number | undefined;
  let doubledMs = 0;
  const watch = setInterval(() => {
    const nowMs = performance.now();
    doubledAtMs = feed.subscribed() <= count ? undefined : (doubledAtMs ?? nowMs);
    if (doubledAtMs !== undefined) doubledMs = Math.max(doubledMs, nowMs - doubledAtMs);
  }, 10);
  try {
    kafka!.proxy.stall();
    await until('the far one has closed its sockets', async () => /"?task_lost/.test(far.stderr()), patienceMs);
    const isTaken = async (): Promise<boolean> => {
      const on = await runningOn(near);
      return on.length === count && new Set(on).size === 1;
    };
    await until('the near one does it all', isTaken, patienceMs);
    await until('each is connected once', async () => feed.subscribed() === count, patienceMs);
    const written = feed.sent();
    await until('the near one writes', async () => feed.sent() > written + 100, patienceMs);
  } finally {
    clearInterval(watch);
    kafka!.proxy.resume(); // what the far one had sent arrives now
  }
  ok(doubledMs < sessionMs, `two sockets of a connector were open for ${doubledMs} ms`);
  await until('both have tasks again', isShared, patienceMs);
  for (let n = 0; n < count; n++) {
    const numbers = (await near.records(`cut-off-${n}`)).map(({ value }) => (JSON.parse(value!) as { n: number }).n);
    const wrong = numbers.findIndex((number, i) => i > 0 && number <= numbers[i - 1]!);
    equal(wrong, -1, `cut-off-${n}: ${numbers.slice(Math.max(wrong - 3, 0), wrong + 3).join()}`);
  }
});

test('a worker with a spool that is cut off alone hears so from another one: it closes its sockets, and what it had received arrives later', {
  skip,
  timeout: 180_000,
}, async () => {
  await using folder = await tempFolder('cut-off-alone');
  await using feed = await startFeed({ perTick: 1 });
  const start = async (broker: string, name: string): Promise<StartedWorker> => {
    const worker = `worker: { group.id: cut-off-alone, session.timeout.ms: ${sessionMs} }`;
    await writeFile(join(folder.path, `${name}.yaml`), `broker: kafka://${broker}\nspool.dir: ${name}\n${worker}\n`);
    return startWorker(['start', `${name}.yaml`], { cwd: folder.path });
  };
  await using near = await start(kafka!.direct, 'near');
  await using far = await start(kafka!.far, 'far');
  const names = Array.from({ length: 4 }, (_, n) => `cut-off-spooled-${n}`);
  for (const [n, name] of names.entries()) {
    const config = {
      'connector.class': 'websocket',
      'websocket.url': feed.url,
      'websocket.subscription.message': 'go',
      'websocket.reconnect.interval.ms': '50',
      'kafka.topic': name,
      'spool.mode': n % 2 === 0 ? 'at-least-once' : 'exactly-once',
    };
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ name, config });
    equal((await fetch(`${near.url}/connectors`, { method: 'POST', headers, body })).status, 201);
  }
  const workersOf = async (): Promise<readonly string[]> => {
    const on = await runningOn(near);
    return on.length === names.length ? [...new Set(on)] : [];
  };
  await until('both have tasks', async () => (await workersOf()).length === 2, patienceMs);
  await until('all are connected', async () => feed.subscribed() === names.length, patienceMs);
  for (const name of names) await near.holds(name, 20);
  const ofFar: string[] = [];
  for (const name of names) {
    const { tasks } = (await (await fetch(`${near.url}/connectors/${name}/status`)).json()) as {
      readonly tasks: readonly { readonly worker_id: string }[];
    };
    if (far.url.endsWith(tasks[0]!.worker_id)) ofFar.push(name);
  }
  ok(ofFar.length > 0);

  let mostOpen = 0;
  let doubledAtMs: number | undefined;
  let doubledMs = 0;
  const watch = setInterval(() => {
    const nowMs = performance.now();
    mostOpen = Math.max(mostOpen, feed.subscribed());
    doubledAtMs = feed.subscribed() <= names.length ? undefined : (doubledAtMs ?? nowMs);
    if (doubledAtMs !== undefined) doubledMs = Math.max(doubledMs, nowMs - doubledAtMs);
  }, 10);
  let heldFrom: number;
  let heldUpTo: number;
  try {
    kafka!.proxy.stall();
    heldFrom = feed.sent();
    await until('some messages', async () => feed.sent() >= heldFrom + 50, patienceMs);
    heldUpTo = feed.sent() - 10; // what is on its way to the worker
    ok(!/group_lost/.test(far.stderr()), 'the far one receives all the time');
    await until('the far one has found out', async () => /cut_off_alone/.test(far.stderr()), patienceMs);
    equal(await far.metric('tributary_worker_cut_off_alone_total'), 1);
    const doesAll = async (): Promise<boolean> => (await workersOf()).join('') === new URL(near.url).host;
    await until('the near one does it all', doesAll, patienceMs);
    await until('each is connected once', async () => feed.subscribed() === names.length, patienceMs);
    const before = feed.sent();
    await until('the near one writes', async () => feed.sent() > before + 50, patienceMs);
    ok((await far.metric('tributary_spool_records')) > 0, 'what the far one has received waits there');
  } finally {
    clearInterval(watch);
    kafka!.proxy.resume();
  }
  // Where the other one has missed half a session itself, on a busy machine, its word is good a session and five seconds later.
  ok(
    doubledMs < 2 * sessionMs + 10_000,
    `two sockets of a connector were open for ${doubledMs} ms, ${mostOpen} in all`,
  );
  await until('nothing waits', async () => (await far.metric('tributary_spool_records')) === 0, patienceMs);
  await until('both have tasks again', async () => (await workersOf()).length === 2, patienceMs);
  for (const name of ofFar) {
    const numbers = new Set(numbersOf(await near.records(name)));
    const missing = Array.from({ length: heldUpTo - heldFrom }, (_, i) => heldFrom + i).filter((n) => !numbers.has(n));
    deepEqual(missing, [], name);
  }
});

test('two copies of a task of a stream with ids, exactly once: one of them writes, and each event is there once', {
  skip,
  timeout: 300_000,
}, async () => {
  await using folder = await tempFolder('copies');
  // The stream goes on until the first copy is fenced: one that has nothing to write would not notice.
  await using events = await startNumberedEvents();
  // Standalone workers of one file on one machine have the same tables and share nothing: each runs everything.
  const strings = 'org.apache.kafka.connect.storage.StringConverter';
  const worker = {
    'bootstrap.servers': kafka!.direct,
    'key.converter': strings,
    'value.converter': strings,
    'exactly.once.source.support': 'enabled',
    'offset.flush.interval.ms': '50',
  };
  const stream = {
    name: 'stream',
    ...eventsConnector(events.url, 'stream'),
    'errors.restart.enabled': 'false',
  };
  const text = (values: object): string =>
    Object.entries(values)
      .map(([key, value]) => `${key}=${value}\n`)
      .join('');
  await writeFile(join(folder.path, 'copies.properties'), text(worker));
  await writeFile(join(folder.path, 'stream.properties'), text(stream));
  const start = (): Promise<StartedWorker> =>
    startWorker(['connect', 'copies.properties', 'stream.properties'], { cwd: folder.path });
  await using first = await start();
  await until('the first one writes', async () => (await first.records('stream')).length >= 50, patienceMs);
  await using second = await start();
  const status = (): Promise<TaskStatus | undefined> => taskOf(first, 'stream');
  await until('the first one is fenced', async () => (await status())?.state === 'FAILED', patienceMs);
  match((await status())?.trace ?? '', /PRODUCER_FENCED.*another one with the transactional id/);
  const last = events.endAfter(100);
  await until('all events', async () => (await second.records('stream')).length >= last, patienceMs);
  assertComplete(await numbersIn(second, 'stream'), last, 0);
});

test('two copies of each task, at least once: the older one is refused, and of what both wrote only the beginning is there twice', {
  skip,
  timeout: 300_000,
}, async () => {
  await using folder = await tempFolder('alone');
  await using feed = await startFeed({ perTick: 1 });
  await using events = await startNumberedEvents();
  const connectors = {
    feed: {
      'connector.class': 'websocket',
      'websocket.url': feed.url,
      'websocket.subscription.message': 'go',
      'kafka.topic': 'alone',
      'errors.restart.enabled': 'false',
    },
    events: { ...eventsConnector(events.url, 'alone-events'), 'errors.restart.enabled': 'false' },
    spooled: {
      ...eventsConnector(events.url, 'alone-spooled'),
      'errors.restart.enabled': 'false',
      'spool.mode': 'at-least-once',
    },
  };
  // Workers that are in no group share nothing: each runs everything.
  const start = async (name: string): Promise<StartedWorker> => {
    const file = { broker: `kafka://${kafka!.direct}`, 'spool.dir': `spool-${name}`, connectors };
    await writeFile(join(folder.path, `${name}.yaml`), JSON.stringify(file));
    return startWorker(['start', `${name}.yaml`], { cwd: folder.path });
  };
  await using first = await start('first');
  for (const topic of ['alone', 'alone-events', 'alone-spooled']) await first.holds(topic, 20);
  await using second = await start('second');
  for (const name of ['feed', 'events', 'spooled']) {
    const fenced = async (): Promise<boolean> => (await taskOf(first, name))?.state === 'FAILED';
    await until(`the first copy of ${name} is fenced`, fenced, patienceMs);
    match((await taskOf(first, name))?.trace ?? '', /PRODUCER_FENCED/);
  }
  const held = (await second.records('alone')).length;
  await second.holds('alone', held + 20);
  const last = events.endAfter(100);
  const isThere = async (): Promise<boolean> => (await numbersIn(second, 'alone-events')).includes(last);
  await until('the last event', isThere, patienceMs);
  // The second copy goes on behind the offset that the first has stored last: each event is there, and that piece twice.
  assertComplete(await numbersIn(second, 'alone-events'), last, 1);
  // Both are sent the same: what the first has of it ends where the second begins to write, and neither has a hole.
  const numbers = numbersOf(await second.records('alone'));
  const steps = numbers.filter((number, i) => i > 0 && number !== numbers[i - 1]! + 1);
  ok(steps.length <= 1, `the copies take turns: ${steps.join()}`);
  ok(!/group_join/.test(first.stderr() + second.stderr()));
  // What the first one had received goes out all the same; its position is refused, and that of the second goes on.
  equal(await first.metric('tributary_spool_offsets_refused_total'), 1);
  const spooled = async (): Promise<boolean> => (await numbersIn(second, 'alone-spooled')).includes(last);
  await until('the last event of the spooled one', spooled, patienceMs);
  const numbersOfSpooled = new Set(await numbersIn(second, 'alone-spooled'));
  equal(numbersOfSpooled.size, last, 'each event is there');
  const offset = async (): Promise<string> => (await fetch(`${second.url}/connectors/spooled/offsets`)).text();
  await until('the position of the second', async () => (await offset()).includes(`"${last}"`), patienceMs);
  ok(!/spool_offset_(not_stored|refused)/.test(second.stderr()));
});

test('a worker with a spool that stands still while another one takes its task over: once woken it ends the task at once, and stores no position', {
  skip,
  timeout: 300_000,
}, async () => {
  await using folder = await tempFolder('still');
  await using events = await startNumberedEvents();
  const start = async (name: string): Promise<StartedWorker> => {
    const file = {
      broker: `kafka://${kafka!.direct}`,
      'spool.dir': `spool-${name}`,
      worker: { 'group.id': 'still', 'session.timeout.ms': sessionMs },
    };
    await writeFile(join(folder.path, `${name}.yaml`), JSON.stringify(file));
    return startWorker(['start', `${name}.yaml`], { cwd: folder.path });
  };
  await using first = await start('first');
  await using second = await start('second');
  const config = { ...eventsConnector(events.url, 'still'), 'spool.mode': 'exactly-once' };
  const headers = { 'content-type': 'application/json' };
  const made = { method: 'POST', headers, body: JSON.stringify({ name: 'events', config }) };
  equal((await fetch(`${first.url}/connectors`, made)).status, 201);
  await first.holds('still', 50);
  const on = (worker: StartedWorker) => async (): Promise<boolean> => {
    const [owner] = await runningOn(worker);
    return owner !== undefined && worker.url.endsWith(owner);
  };
  const isFirst = await on(first)();
  const [owner, other] = isFirst ? [first, second] : [second, first];
  equal(events.listeners(), 1);
  const offset = async (): Promise<string> => (await fetch(`${other.url}/connectors/events/offsets`)).text();
  const stored = Number(/"(\d+)"/.exec(await offset())?.[1] ?? 0);
  owner.child.kill('SIGSTOP');
  const received = events.sent();
  try {
    await until('the other one has the task', on(other), patienceMs);
    const before = events.sent();
    await until('and reads on', async () => events.sent() > before + 50, patienceMs);
  } finally {
    owner.child.kill('SIGCONT');
  }
  await until('the stream has one reader', async () => events.listeners() === 1, patienceMs);
  await until('the one that was woken has heard of it', async () => /"?task_lost/.test(owner.stderr()), patienceMs);
  const last = events.endAfter(100);
  const isThere = async (): Promise<boolean> => (await numbersIn(other, 'still')).includes(last);
  await until('the last event', isThere, patienceMs);
  const numbers = await numbersIn(other, 'still');
  equal(new Set(numbers).size, last, 'each event is there');
  // One piece twice at most: what the first one had received behind its last stored position, and the other one asked for again.
  const again = numbers.length - last;
  await until(
    'the position of the one that has the task',
    async () => (await offset()).includes(`"${last}"`),
    patienceMs,
  );
  ok(!/spool_offset_(not_stored|refused)/.test(other.stderr()), other.stderr());
  ok(again <= received - stored, `${again} events are there twice, ${received} were received and ${stored} stored`);
});

test('a position that the network holds back until another worker has started the task is refused by Kafka', {
  skip,
  timeout: 120_000,
}, async () => {
  const partition = { url: 'late' };
  await using far = await openKafkaBroker({ bootstrap: [kafka!.far], codecs });
  await using near = await openKafkaBroker({ bootstrap: [kafka!.direct], codecs });
  const spoolOn = async (broker: Broker, heldBack: () => void) => {
    const machine = memoryBroker();
    const open = (on: Broker, topic: string) => openTable({ broker: on, topic, partitions: 1, log: silentLog });
    const [local, known, shared] = await Promise.all([
      open(machine, 'local'),
      open(machine, 'known'),
      open(broker, 'late-offsets'),
    ]);
    const heardAtMs = (): number => 0;
    const monotonicMs = (): number => performance.now();
    const fence = new PositionFence({ kafka: broker, fencingId: 'late-c-0', heardAtMs, monotonicMs, log: silentLog });
    const refusals = new MetricRegistry().root().counter('refused_total', 'refused');
    const tables = { local: offsetTable(local), kafka: offsetTable(shared), known };
    const offsets = new SpoolOffsets({
      ...{ connector: 'c', ...tables, mayWrite: () => true, fence, refusals, log: silentLog },
      clock: new ManualClock(),
    });
    offsets.resume(partition);
    return {
      refusals,
      offset: () => offsetTable(shared).get('c', partition),
      async store(n: number) {
        await offsets.put('c', [{ partition, offset: { n } }]);
        return offsets.relay({ partition, offset: { n } });
      },
      /** Behind all looks at who has the task, right before the write. */
      holdNextBack() {
        machine.beforeSend = (topic) => {
          if (topic === 'known') heldBack();
        };
      },
      async [Symbol.asyncDispose]() {
        offsets.ended();
        await Promise.all([local.close(), known.close(), shared.close()]);
      },
    };
  };
  await using older = await spoolOn(far, () => kafka!.proxy.stall());
  equal(await older.store(1), 'stored');
  older.holdNextBack();
  const late = older.store(2);
  try {
    await using newer = await spoolOn(near, () => {});
    equal(await newer.store(10), 'stored');
    kafka!.proxy.resume();
    equal(await late, 'waits');
    equal(older.refusals.value, 1);
    equal(await newer.store(11), 'stored');
    deepEqual([newer.offset(), newer.refusals.value], [{ n: 11 }, 0]);
    equal(await older.store(3), 'waits', 'it does not take the task back by itself');
  } finally {
    kafka!.proxy.resume();
  }
});
