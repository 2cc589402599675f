import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryBroker, memoryBroker } from '../../../test/support/memory-broker.ts';
import { TributaryError } from '../../base/errors.ts';
import { type LogEntry, recordingLog, silentLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { openTable } from '../table.ts';
import { LeaderWrites, leadersTransactionalId } from './leader-writes.ts';

const topic = 'configs';
const { signal } = new AbortController();

/** One worker's way to write, over its own table of the topic. */
async function writer(
  broker: MemoryBroker,
  transactionalId: string | null = leadersTransactionalId('g'),
  showMs = 6e4,
  maxWaiting = 1e6,
) {
  const table = await openTable({ broker, topic, partitions: 1, log: silentLog });
  const metrics = new MetricRegistry();
  const log: LogEntry[] = [];
  const it = { isLeading: true, lost: 0 };
  const writes = new LeaderWrites({
    broker,
    transactionalId: transactionalId ?? undefined,
    table,
    isLeading: () => it.isLeading,
    onLost: () => it.lost++,
    log: recordingLog(log),
    metrics: metrics.root(),
    showMs,
    maxWaiting,
  });
  const fenced = (): number | undefined => {
    const family = metrics.families.get('tributary_worker_leader_fenced');
    return family?.kind === 'gauge' ? [...family.series.values()][0]?.read() : undefined;
  };
  return Object.assign(it, {
    writes,
    table,
    fenced,
    events: () => log.map(({ event }) => event),
    [Symbol.asyncDispose]: async () => {
      await writes.release();
      await table.close();
    },
  });
}

const conflict = { code: 'CONFLICT', message: /another worker of the group answers changes by now/ };

test("the id is Kafka Connect's", () => {
  equal(leadersTransactionalId('my-group'), 'connect-cluster-my-group');
});

test('what is written together is there together, in its order, and shows when the write is done', async () => {
  await using broker = memoryBroker();
  await using it = await writer(broker);
  await it.writes.claim(signal);
  const seen: number[] = [];
  broker.beforeCommit = () => void seen.push(broker.records(topic).length);
  await it.writes.put([
    ['a', '1'],
    ['b', '2'],
  ]);
  equal(it.table.entries.get('b'), '2');
  await it.writes.put([['a', '3']]);
  deepEqual(
    [...it.table.entries],
    [
      ['a', '3'],
      ['b', '2'],
    ],
  );
  deepEqual(broker.values(topic), ['1', '2', '3']);
  deepEqual(seen, [0, 2], 'one transaction behind the other');
});

test('changes that wait while one is written go together in the next transaction', async () => {
  await using broker = memoryBroker();
  await using it = await writer(broker);
  await it.writes.claim(signal);
  const transactions: number[] = [];
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  broker.beforeCommit = async () => {
    transactions.push(broker.records(topic).length);
    begun.resolve();
    if (transactions.length === 1) await goOn.promise;
  };
  const first = it.writes.put([['a', '1']]);
  await begun.promise;
  const others = ['2', '3', '4'].map((value) => it.writes.put([['a', value]]));
  goOn.resolve();
  await Promise.all([first, ...others]);
  deepEqual(transactions, [0, 1]);
  deepEqual([broker.values(topic), it.table.entries.get('a')], [['1', '2', '3', '4'], '4']);
});

test('of changes that were to be written together the one that Kafka refuses fails, and no other', async () => {
  await using broker = memoryBroker();
  await using it = await writer(broker);
  await it.writes.claim(signal);
  broker.beforeSend = (_topic, _partition, records) => {
    if (records.some(({ value }) => String(value) === 'large'))
      throw new TributaryError('RECORD_TOO_LARGE', 'too large');
  };
  const changes = ['1', 'large', '3'].map((value) => it.writes.put([['a', value]]));
  deepEqual(
    (await Promise.allSettled(changes)).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  deepEqual([broker.values(topic), it.lost], [['1', '3'], 0]);
});

test('more changes than may wait are refused at once', async () => {
  await using broker = memoryBroker();
  await using it = await writer(broker, undefined, undefined, 40);
  await it.writes.claim(signal);
  const goOn = Promise.withResolvers<void>();
  broker.beforeCommit = () => goOn.promise;
  const waiting = ['a', 'b', 'c', 'd'].map((key) => it.writes.put([[key, '123456789']]));
  await rejects(it.writes.put([['e', '1']]), { code: 'QUEUE_FULL' });
  goOn.resolve();
  await Promise.all(waiting);
  await it.writes.put([['e', '1']]);
  equal(it.table.entries.size, 5);
});

test('two that lead: the write of the older one is refused, none of it is there, and it must claim anew', async () => {
  await using broker = memoryBroker();
  await using older = await writer(broker);
  await using newer = await writer(broker);
  await older.writes.claim(signal);
  // Stopped behind its look at who leads, until another one has written.
  broker.beforeCommit = async () => {
    broker.beforeCommit = () => {};
    await newer.writes.claim(signal);
    await newer.writes.put([['a', 'newer']]);
  };
  await rejects(older.writes.put([['a', 'older']]), conflict);
  deepEqual(broker.values(topic), ['newer']);
  equal(older.lost, 1);
  await rejects(older.writes.put([['a', 'older']]), conflict, 'nothing is claimed by writing');
  await older.writes.claim(signal);
  await older.writes.put([['a', 'again']]);
  deepEqual(broker.values(topic), ['newer', 'again']);
  await rejects(newer.writes.put([['a', 'late']]), conflict);
});

test('a worker that has led and does not any more writes nothing; one that never has writes what its file says', async () => {
  await using broker = memoryBroker();
  await using it = await writer(broker);
  it.isLeading = false;
  await it.writes.put([['a', 'of the file']]);
  await it.writes.claim(signal);
  await it.writes.release();
  await rejects(it.writes.put([['a', 'late']]), conflict);
  deepEqual(broker.values(topic), ['of the file']);
});

test('a write that fails for another reason is told as it is and undone, and the next one is written', async () => {
  await using broker = memoryBroker();
  await using it = await writer(broker);
  await it.writes.claim(signal);
  broker.beforeSend = () => {
    throw new TributaryError('RECORD_TOO_LARGE', 'too large');
  };
  await rejects(it.writes.put([['a', '1']]), { code: 'RECORD_TOO_LARGE' });
  broker.beforeSend = () => {};
  await it.writes.put([['a', '2']]);
  deepEqual([broker.values(topic), it.lost], [['2'], 0]);
});

test('a write whose outcome nobody knows is followed by a new claim', async () => {
  await using broker = memoryBroker();
  const { producer } = broker;
  const abort = (): Promise<void> => Promise.reject(new TributaryError('TRANSACTION_INVALID_STATE', 'it is over'));
  broker.producer = async (options) => ({ ...(await producer(options)), abort });
  await using it = await writer(broker);
  await it.writes.claim(signal);
  broker.afterCommit = () => {
    throw new TributaryError('BROKER_UNAVAILABLE', 'no answer');
  };
  await rejects(it.writes.put([['a', '1']]), { code: 'BROKER_UNAVAILABLE' });
  equal(it.lost, 1);
  await rejects(it.writes.put([['a', '1']]), conflict);
  broker.afterCommit = () => {};
  await it.writes.claim(signal);
  await it.writes.put([['a', '2']]);
  deepEqual(broker.values(topic).at(-1), '2');
});

/** A Kafka that refuses the id for this reason, until it gives it. */
function refusing(broker: MemoryBroker, code: 'AUTHORIZATION_FAILED' | 'BROKER_UNAVAILABLE') {
  const { producer } = broker;
  const it = { asked: 0, gives: false };
  broker.producer = (options) => {
    if (options?.transactionalId === undefined) return producer(options);
    it.asked++;
    return it.gives ? producer(options) : Promise.reject(new TributaryError(code, 'not given', { retriable: true }));
  };
  return it;
}

test('a Kafka that does not let the worker have the id is written to all the same, and the log says so', async () => {
  await using broker = memoryBroker();
  refusing(broker, 'AUTHORIZATION_FAILED');
  await using it = await writer(broker);
  await it.writes.claim(signal);
  await it.writes.put([['a', '1']]);
  deepEqual([broker.values(topic), it.events(), it.fenced()], [['1'], ['leader_not_fenced'], 0]);
  it.isLeading = false;
  await rejects(it.writes.put([['a', '2']]), conflict);
});

test('a coordinator that is away is waited for, however long: nothing is written unfenced meanwhile', async () => {
  await using broker = memoryBroker();
  const kafka = refusing(broker, 'BROKER_UNAVAILABLE');
  await using it = await writer(broker);
  for (let tries = 0; tries < 5; tries++) {
    await rejects(it.writes.claim(signal), { code: 'BROKER_UNAVAILABLE' });
    await rejects(it.writes.put([['a', '0']]), conflict, 'a leader before could still write');
  }
  deepEqual([broker.values(topic), it.events(), it.fenced(), kafka.asked], [[], [], 0, 5]);
  kafka.gives = true;
  await it.writes.claim(signal);
  await it.writes.put([['a', '1']]);
  equal(it.fenced(), 1);
  await using newer = await writer(broker);
  await newer.writes.claim(signal);
  await rejects(it.writes.put([['a', '2']]), conflict);
  deepEqual(broker.values(topic), ['1']);
});

test('rights that are given later are used by the next claim', async () => {
  await using broker = memoryBroker();
  const kafka = refusing(broker, 'AUTHORIZATION_FAILED');
  await using it = await writer(broker);
  for (let claims = 0; claims < 2; claims++) await it.writes.claim(signal);
  kafka.gives = true;
  await it.writes.claim(signal);
  deepEqual([it.events(), it.fenced()], [['leader_not_fenced', 'leader_fenced'], 1]);
});

test('a change that the table does not show in time is told to be written, and holds up no other one', async () => {
  await using broker = memoryBroker();
  await using it = await writer(broker, undefined, 50);
  await it.writes.claim(signal);
  const { send } = it.table;
  const isBehind = Promise.withResolvers<void>();
  it.table.send = async (...sent) => {
    await send(...sent);
    isBehind.resolve();
    return { shown: () => new Promise(() => {}) };
  };
  const behind = rejects(it.writes.put([['a', '1']]), { code: 'TIMEOUT', message: /it is written/ });
  await isBehind.promise;
  it.table.send = send;
  await it.writes.put([['a', '2']]);
  await behind;
  deepEqual(broker.values(topic), ['1', '2']);
});

test('without an id to fence by nothing is asked of anybody', async () => {
  await using broker = memoryBroker();
  await using it = await writer(broker, null);
  it.isLeading = false;
  await it.writes.claim(signal);
  await it.writes.put([['a', '1']]);
  deepEqual(broker.values(topic), ['1']);
});

test('what was begun before the lead went elsewhere is written first', async () => {
  await using broker = memoryBroker();
  await using it = await writer(broker);
  await it.writes.claim(signal);
  const both = [it.writes.put([['a', '1']]), it.writes.put([['b', '2']])];
  const released = it.writes.release();
  await rejects(it.writes.put([['c', '3']]), conflict);
  await released;
  deepEqual(broker.values(topic), ['1', '2']);
  await Promise.all(both);
});
