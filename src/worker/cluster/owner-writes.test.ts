import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryBroker, memoryBroker } from '../../../test/support/memory-broker.ts';
import { TributaryError } from '../../base/errors.ts';
import { silentLog } from '../../telemetry/log.ts';
import { openTable } from '../table.ts';
import { OwnerWrites } from './owner-writes.ts';

const topic = 'configs';

async function owner(broker: MemoryBroker, of: { isOwner: boolean } = { isOwner: true }) {
  const table = await openTable({ broker, topic, partitions: 1, log: silentLog });
  const writes = new OwnerWrites({ broker, groupId: 'g', table, mayWrite: () => of.isOwner, log: silentLog });
  return { put: (value: string) => writes.put('c', [['commit-c', value]]), [Symbol.asyncDispose]: () => table.close() };
}

test('what an owner of before has on its way is refused once the new one has written', async () => {
  await using broker = memoryBroker();
  await using older = await owner(broker);
  await using newer = await owner(broker);
  await older.put('1');
  const isSent = Promise.withResolvers<void>();
  const arrives = Promise.withResolvers<void>();
  broker.beforeSend = () => {
    broker.beforeSend = () => {};
    isSent.resolve();
    return arrives.promise;
  };
  const late = rejects(older.put('late'), { code: 'PRODUCER_FENCED' });
  await isSent.promise;
  await newer.put('2');
  arrives.resolve();
  await late;
  deepEqual(broker.values(topic), ['1', '2']);
});

test('a worker that may not own the connector any more writes nothing', async () => {
  await using broker = memoryBroker();
  await using it = await owner(broker, { isOwner: false });
  await rejects(it.put('1'), { code: 'CONFLICT', message: /"c"/ });
  deepEqual(broker.values(topic), []);
});

for (const [code, written] of [
  ['BROKER_UNAVAILABLE', []],
  ['AUTHORIZATION_FAILED', ['1']],
] as const) {
  test(`${code} in answer to the id: ${written.length} written unfenced`, async () => {
    await using broker = memoryBroker();
    const { producer } = broker;
    broker.producer = (options) =>
      options?.fencingId === undefined ? producer(options) : Promise.reject(new TributaryError(code, 'not given'));
    await using it = await owner(broker);
    if (written.length === 0) await rejects(it.put('1'), { code });
    else await it.put('1');
    deepEqual(broker.values(topic), written);
  });
}
