import { equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../test/support/memory-broker.ts';
import { silentLog } from '../telemetry/log.ts';
import { laterTable } from './later-table.ts';
import { openTable } from './table.ts';

for (const how of ['close', 'abandon'] as const) {
  test(`a table that comes behind ${how} is closed at once: nobody else would`, async () => {
    await using broker = memoryBroker();
    const later = laterTable({ topic: 'table', known: [], early: 'waits' });
    await later[how]();
    const real = await openTable({ broker, topic: 'table', partitions: 1, log: silentLog });
    let isClosed = false;
    const close = real.close.bind(real);
    real.close = async () => {
      await close();
      isClosed = true;
    };
    await later.attach(real);
    equal(isClosed, true);
    equal(later.isAttached, false);
    await rejects(later.put([['a', '1']]), { code: 'BROKER_CLOSED' });
  });
}

test('one that was attached is closed with it', async () => {
  await using broker = memoryBroker();
  const later = laterTable({ topic: 'table', known: [['a', 'known']], early: 'waits' });
  const put = later.put([['a', '1']]);
  equal(later.entries.get('a'), 'known');
  await later.attach(await openTable({ broker, topic: 'table', partitions: 1, log: silentLog }));
  await put;
  equal(later.entries.get('a'), '1');
  await later.close();
  await rejects(later.put([['a', '2']]));
});
