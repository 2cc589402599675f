/**
 * What networks and servers do to the connection of a feed, one after another under load, in each mode of delivery; the task is
 * stopped and started between. A broker in memory stands in Kafka's place, as these faults are none of Kafka's.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { codecs } from '../../src/app/codecs.ts';
import { systemClock } from '../../src/base/clock.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { webSocketSource } from '../../src/connectors/websocket-source/connector.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { until } from '../e2e/support/run.ts';
import { flawless, Ledger } from '../support/ledger.ts';
import { type LedgerServer, startLedgerServer } from '../support/ledger-server.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import { seeded, testSeed } from '../support/random.ts';
import { type Link, startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { tempFolder } from '../support/temp-folder.ts';

const patienceMs = 60_000;

interface Mode {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  /** A broker that takes so long for each send: something must be dropped. */
  readonly slowMs?: number;
}

const modes: readonly Mode[] = [
  {
    name: 'A, best effort: what a full queue drops',
    config: { 'websocket.overflow': 'drop-oldest', 'websocket.message.queue.size': '10' },
    slowMs: 400,
  },
  {
    name: 'A, best effort: what becomes too old in the spool',
    config: { 'spool.mode': 'best-effort', 'spool.max.age.ms': '1000' },
    slowMs: 1500,
  },
  { name: 'B, at least once from the acknowledgement', config: {} },
  { name: 'B, at least once from receipt', config: { 'spool.mode': 'at-least-once' } },
  { name: 'C, exactly once from receipt', config: { 'spool.mode': 'exactly-once' } },
];

/** What a network does to what the server sends. */
class Network {
  readonly #links: Link[] = [];
  #tear = false;

  readonly tapOf = (link: Link) => {
    this.#links.push(link);
    return {
      fromClient: () => {},
      fromServer: (chunk: Buffer): readonly Buffer[] => {
        if (!this.#tear) return [chunk];
        this.#tear = false;
        // Later, so that the beginning is there before the reset.
        setTimeout(() => link.cut(), 20);
        return [chunk.subarray(0, chunk.length - 1 - Math.floor(chunk.length / 3)), Buffer.alloc(0)];
      },
    };
  };

  /** The next chunk comes in part, and then the connection is reset. */
  tear(): void {
    this.#tear = true;
  }
}

const faults: Readonly<
  Record<string, (feed: LedgerServer, proxy: TcpProxy, network: Network) => Promise<void> | void>
> = {
  'reset in the middle of a frame': (_feed, _proxy, network) => network.tear(),
  'FIN without a close frame': (feed) => feed.drop('fin'),
  'close 1012': (feed) => feed.drop('close'),
  'reset by the server': (feed) => feed.drop('reset'),
  'silence, half open': async (feed, proxy) => {
    const { length } = feed.connections;
    const before = proxy.connections();
    proxy.stall();
    // Its silence is noticed, and the next attempt is on its way.
    await until('another attempt', async () => proxy.connections() > before, patienceMs);
    proxy.resume();
    await until('another connection', async () => feed.connections.length > length, patienceMs);
  },
};

for (const mode of modes) {
  test(`${mode.name}: over each fault of a connection nothing is lost, doubled or out of order that is not counted (TEST_SEED=${testSeed})`, async () => {
    const random = seeded(testSeed);
    await using folder = await tempFolder('modes');
    await using feed = await startLedgerServer({ perTick: 5 });
    const network = new Network();
    await using proxy = await startTcpProxy(feed.port, network.tapOf);
    const broker = memoryBroker();
    await broker.createTopic({ name: 'feed' });
    const { slowMs } = mode;
    if (slowMs !== undefined) broker.beforeSend = (topic) => (topic === 'feed' ? sleep(slowMs) : undefined);
    const registry = new MetricRegistry();
    const spool = await openEmbeddedBroker({ directory: folder.path, codecs });
    const worker = await startWorker(
      {
        broker,
        connectors: [webSocketSource],
        workerId: 'test:0',
        spool: { open: async () => spool, isThere: false },
        log: silentLog,
        metrics: registry.root(),
        clock: systemClock,
        random,
      },
      { feed: configOf(`ws://127.0.0.1:${proxy.port}`, mode) },
    );
    let dropped = 0;
    try {
      for (const [index, fault] of Object.values(faults).entries()) {
        await flowing(feed);
        const { length } = feed.connections;
        await fault(feed, proxy, network);
        await until('the next connection', async () => feed.connections.length > length, patienceMs);
        if (index !== 2) continue;
        await flowing(feed);
        await worker.restartTask('feed', 0);
      }
      await flowing(feed);
      await feed.quiesce();
      dropped = await allAccounted(broker, registry);
    } finally {
      await worker.close();
      await spool.close();
    }
    check(mode, feed, broker, dropped);
  });
}

/** Each message that was received is in the topic or in a counter of drops, exactly. How many were dropped. */
async function allAccounted(broker: MemoryBroker, registry: MetricRegistry): Promise<number> {
  const sum = (name: string): number => {
    const family = registry.families.get(name);
    const series = family?.kind === 'counter' ? [...family.series.values()] : [];
    return series.reduce((total, { counter }) => total + counter.value, 0);
  };
  const received = sum('tributary_websocket_messages_received_total');
  ok(received > 0);
  const dropped = (): number =>
    sum('tributary_websocket_messages_dropped_total') + sum('tributary_spool_records_dropped_total');
  const accounted = (): number => broker.records('feed').length + dropped();
  await until(`${received} accounted for`, async () => accounted() >= received, patienceMs);
  equal(accounted(), received);
  return dropped();
}

function check({ slowMs }: Mode, feed: LedgerServer, broker: MemoryBroker, dropped: number): void {
  const ledger = new Ledger();
  for (const { value } of broker.records('feed')) ledger.add(value);
  const audit = ledger.audit(feed.connections);
  equal(feed.mostOpen(), 1, 'connections at a time');
  if (slowMs === undefined) deepEqual(audit, flawless(ledger.read));
  else {
    const { damaged, doubled, disordered, unknown } = audit;
    deepEqual({ damaged, doubled, disordered, unknown }, { damaged: 0, doubled: 0, disordered: 0, unknown: 0 });
    // By the server's own count: what gets lost before we count it is missing, and in no counter of drops.
    const missing = audit.holes + audit.lost;
    ok(missing > 0, 'something was dropped');
    ok(missing <= dropped, `${missing} are missing, ${dropped} were counted as dropped`);
    // What a torn connection took along the server has sent, and we cannot know of.
    const unconfirmed = feed.connections.reduce((sum, { sent, confirmed }) => sum + sent - confirmed, 0);
    ok(dropped <= missing + unconfirmed, `${dropped} were counted as dropped, ${missing} are missing`);
  }
}

const configOf = (url: string, { config }: Mode): Record<string, string> => ({
  'connector.class': 'websocket',
  'websocket.url': url,
  'kafka.topic': 'feed',
  'websocket.reconnect.interval.ms': '20',
  'websocket.reconnect.busy.ms': '20',
  'websocket.ping.interval.ms': '50',
  'websocket.pong.timeout.ms': '200',
  ...config,
});

/** The newest connection has brought something. */
async function flowing(feed: LedgerServer): Promise<void> {
  await until('messages', async () => feed.open() > 0 && feed.connections.at(-1)!.confirmed > 20, patienceMs);
}
