import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { codecs } from '../../app/codecs.ts';
import { openEmbeddedBroker } from '../../broker/embedded/embedded.ts';
import { noHeaders } from '../../record/record.ts';
import { asList } from '../../record/value-column.ts';
import { forwardedGroup, type LogRead, TaskLog } from './task-log.ts';

/** A log of two partitions that hold numbered records, one a batch. */
async function bench(counts: readonly [number, number]) {
  const folder = await tempFolder('task-log');
  const broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  await broker.createTopic({ name: 'c-0', partitions: 2 });
  await using producer = await broker.producer();
  for (const [slot, count] of counts.entries()) {
    for (let n = 0; n < count; n++) {
      const record = { key: null, value: Buffer.from(`${slot}-${n}`), headers: noHeaders, timestampMs: n };
      await producer.send('c-0', slot, [record]);
    }
  }
  const log = new TaskLog(broker, 'c-0');
  await log.start();
  return {
    log,
    broker,
    async [Symbol.asyncDispose]() {
      await broker.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function valuesIn({ runs }: LogRead): string[] {
  return runs.flatMap((run) => asList(run).map(({ value }) => Buffer.from(value!).toString()));
}

for (const { what, mayGo, gone } of [
  { what: 'the largest partition first', mayGo: () => true, gone: ['1-0', '1-1', '1-2'] },
  {
    what: 'another one where nothing of the largest may go',
    mayGo: ({ slot }: LogRead) => slot === 0,
    gone: ['0-0', '0-1'],
  },
  { what: 'nothing where nothing may', mayGo: () => false, gone: undefined },
]) {
  test(`what is dropped is counted and not read again: ${what}`, async () => {
    await using it = await bench([2, 3]);
    let dropped: string[] | undefined;
    const isDropped = await it.log.drop(1024 * 1024, mayGo, (read) => {
      dropped = valuesIn(read);
    });
    deepEqual([isDropped, dropped], [gone !== undefined, gone]);
    const left: string[] = [];
    for (let read = await it.log.read(1024); read !== undefined; read = await it.log.read(1024)) {
      left.push(...valuesIn(read));
    }
    const all = ['0-0', '0-1', '1-0', '1-1', '1-2'];
    deepEqual(
      left.sort(),
      all.filter((value) => !gone?.includes(value)),
    );
    equal(it.log.unforwarded, left.length);
  });
}

for (const { what, dropFirst } of [
  { what: 'while the position before it is on its way to the disk', dropFirst: false },
  { what: 'before the position before it is asked for', dropFirst: true },
]) {
  test(`what is dropped from behind what is on its way is passed, however late that is: it is dropped ${what}`, async () => {
    await using it = await bench([3, 0]);
    equal((await it.log.read(1))?.nextOffset, 1);
    const drop = (): Promise<boolean> =>
      it.log.drop(
        1024 * 1024,
        () => true,
        () => {},
      );
    if (dropFirst) await drop();
    const { broker } = it;
    const store = broker.setCommittedOffsets.bind(broker);
    const held = Promise.withResolvers<void>();
    broker.setCommittedOffsets = async (...given) => {
      await held.promise;
      await store(...given);
    };
    const stored = it.log.storeForwarded([[0, 1]]);
    if (!dropFirst) await drop();
    equal(it.log.isForwarded, false);
    held.resolve();
    await stored;
    ok(it.log.isForwarded, 'nobody is left that would come past it');
    equal(it.log.unforwarded, 0);
    const offsets = (await broker.committedOffsets(forwardedGroup)).filter(({ partition }) => partition === 0);
    deepEqual(
      offsets.map(({ offset }) => offset),
      [3],
    );
  });
}

test('damage that is met again counts once, and what lies behind it by itself', async () => {
  await using it = await bench([0, 0]);
  const met = [
    [0, 5, 10, 5],
    [0, 5, 10, 0],
    [0, 8, 13, 3],
    [1, 2, 2, 2],
    [0, 1, 4, 0],
  ] as const;
  for (const [slot, records, to, untold] of met) equal(it.log.untoldDamage(slot, records, to), untold, `${slot} ${to}`);
});

test('a position beyond the end is not stored: what is received next is not forwarded yet', async () => {
  await using it = await bench([2, 0]);
  const { broker } = it.log;
  await it.log.storeForwarded([[0, 1_000_000]]);
  deepEqual(it.log.forwarded, [2, 0]);
  await using producer = await broker.producer();
  await producer.send('c-0', 0, [{ key: null, value: Buffer.from('new'), headers: noHeaders, timestampMs: 1 }]);
  const again = new TaskLog(broker, 'c-0');
  await again.start();
  const read = await again.read(1024);
  deepEqual(read && valuesIn(read), ['new']);
});

test('what is behind the last read is counted in bytes, of all partitions', async () => {
  await using it = await bench([2, 4]);
  const all = it.log.bytes;
  equal(it.log.unreadBytes, all);
  const { slot } = (await it.log.read(1))!;
  const { bytes, next } = it.broker.extent('c-0', slot);
  equal(it.log.unreadBytes, all - bytes / next);
  while ((await it.log.read(1024)) !== undefined);
  equal(it.log.unreadBytes, 0);
});
