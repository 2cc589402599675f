import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../../../test/support/memory-broker.ts';
import { isError } from '../../base/errors.ts';
import { localAccess } from './local-access.ts';
import type { RecordInput, TapFrom, TapOptions } from './topic-access.ts';

async function* batches(...records: RecordInput[][]): AsyncGenerator<readonly RecordInput[]> {
  yield* records;
}

async function tapped(
  topics: ReturnType<typeof localAccess>,
  topic: string,
  options: Partial<TapOptions>,
): Promise<string[]> {
  const all: string[] = [];
  const whole = { from: 'earliest', follow: false, ...options } as TapOptions;
  for await (const records of topics.tap(topic, whole, new AbortController().signal)) {
    all.push(...records.map(({ partition, offset, value }) => `${partition}:${offset}=${value}`));
  }
  return all;
}

test('records with a key go where Java puts them, those without take turns by the batch', async () => {
  const broker = memoryBroker();
  const topics = localAccess(broker);
  await topics.create({ name: 't', partitions: 3 });
  const records = [
    [{ key: 'a', value: '1' }, { value: 'x' }, { value: 'y' }],
    [{ key: 'a', value: '2' }, { value: 'z' }],
    [{ value: 'p', partition: 2 }],
  ];
  equal(await topics.produce('t', batches(...records)), 6);
  deepEqual(
    [0, 1, 2].map((partition) => broker.values('t', partition)),
    [['x', 'y'], ['1', '2', 'z'], ['p']], // Java's partitioner: "a" leads to partition 1 of 3
  );
});

const places: readonly (readonly [from: TapFrom, more: Partial<TapOptions>, found: readonly string[]])[] = [
  ['earliest', {}, ['0:0=0', '0:1=1', '0:2=2', '0:3=3']],
  [{ offset: 2 }, {}, ['0:2=2', '0:3=3']],
  [{ last: 1 }, {}, ['0:3=3']],
  [{ last: 100 }, { limit: 2 }, ['0:0=0', '0:1=1']],
  ['latest', {}, []],
  [{ timestampMs: 20 }, {}, ['0:2=2', '0:3=3']],
  ['earliest', { key: 'odd' }, ['0:1=1', '0:3=3']],
  ['earliest', { key: 'odd', limit: 1 }, ['0:1=1']],
  ['earliest', { limit: 0 }, []],
];

for (const [from, more, found] of places) {
  test(`tap from ${JSON.stringify(from)} with ${JSON.stringify(more)}`, async () => {
    const topics = localAccess(memoryBroker());
    await topics.create({ name: 't' });
    await topics.produce(
      't',
      batches([0, 1, 2, 3].map((n) => ({ key: n % 2 === 1 ? 'odd' : null, value: String(n), timestamp: n * 10 }))),
    );
    deepEqual(await tapped(topics, 't', { from, ...more }), found);
  });
}

test('tap follows the end of every partition once it is ready', async () => {
  const topics = localAccess(memoryBroker());
  await topics.create({ name: 't', partitions: 2 });
  const ready = Promise.withResolvers<void>();
  const stop = new AbortController();
  const seen: (string | null)[] = [];
  const reading = (async () => {
    const options: TapOptions = { from: 'latest', follow: true };
    for await (const records of topics.tap('t', options, stop.signal, ready.resolve)) {
      seen.push(...records.map(({ value }) => value));
      if (seen.length === 2) stop.abort();
    }
  })();
  await ready.promise;
  await topics.produce(
    't',
    batches([
      { value: 'a', partition: 0 },
      { value: 'b', partition: 1 },
    ]),
  );
  await reading;
  deepEqual(seen.sort(), ['a', 'b']);
});

test('a topic that is not there is named with the nearest one', async () => {
  const topics = localAccess(memoryBroker());
  await topics.create({ name: 'trades' });
  const hinted = (error: unknown): boolean =>
    isError(error, 'UNKNOWN_TOPIC') && error.message.startsWith('Topic "trads" does not exist. Did you mean "trades"?');
  await rejects(topics.describe('trads'), hinted);
  await rejects(topics.delete('trads'), hinted);
  await rejects(topics.produce('trads', batches([{ value: '' }])), hinted);
  await rejects(tapped(topics, 'trads', {}), hinted);
});

test('a partition that is not there is refused with those there are', async () => {
  const topics = localAccess(memoryBroker());
  await topics.create({ name: 't', partitions: 2 });
  await rejects(tapped(topics, 't', { partition: 2 }), /Topic "t" has no partition 2: it has 2, from 0 to 1/);
});

test('a line that cannot be written says how many before it were', async () => {
  const topics = localAccess(memoryBroker());
  await topics.create({ name: 't' });
  const records = [[{ value: 'a' }], [{ value: 'b', partition: 7 }]];
  await rejects(topics.produce('t', batches(...records)), /\(1 records before it were written\)$/);
});

test('list and describe count records and show offsets', async () => {
  const topics = localAccess(memoryBroker());
  await topics.create({ name: 't', partitions: 2 });
  await topics.produce('t', batches([{ value: 'a', partition: 1 }]));
  deepEqual(await topics.list(), [{ name: 't', partitions: 2, records: 1 }]);
  const { partitions } = await topics.describe('t');
  deepEqual(
    partitions.map(({ earliest, latest }) => [earliest, latest]),
    [
      [0, 0],
      [0, 1],
    ],
  );
});
