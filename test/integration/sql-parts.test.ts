/** An application in four parts on one broker gives what the whole one gives. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker, FetchedRecords, ReadOptions } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { partOf } from '../../src/sql/plan/parts/part-of.ts';
import {
  closingRows,
  feedRows,
  makePartTopics,
  outRows,
  partRow,
  partScript,
  startPart,
  wantedOf,
} from '../support/sql-parts.ts';
import { startCheckpointed } from '../support/sql-topics.ts';
import { tempFolder } from '../support/temp-folder.ts';

const parts = 4;

async function onBroker(run: (broker: Broker) => Promise<void>): Promise<void> {
  await using folder = await tempFolder('sql-parts');
  await using broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  await makePartTopics(broker, parts);
  await run(broker);
}

async function eventually(broker: Broker, wanted: readonly string[]): Promise<void> {
  const end = performance.now() + 60_000;
  let rows: readonly string[] = [];
  while (performance.now() < end) {
    rows = await outRows(broker);
    if (rows.length >= wanted.length) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  deepEqual(rows, wanted);
}

const queries: readonly (readonly [what: string, columns: string, query: string, exchanges: number])[] = [
  [
    'grouped by the record key',
    'symbol STRING, n LONG, w LONG',
    'INSERT INTO Out SELECT symbol, COUNT(*) AS n, WINDOW_END() AS w FROM Trades WINDOW TUMBLING(50 ms) GROUP BY symbol;',
    0,
  ],
  [
    'grouped by another column',
    'buyer STRING, n LONG, m LONG, w LONG',
    'INSERT INTO Out SELECT buyer, COUNT(*) AS n, SUM(size) AS m, WINDOW_END() AS w FROM Trades WINDOW TUMBLING(50 ms) GROUP BY buyer;',
    1,
  ],
  [
    'hopping, with HAVING',
    'buyer STRING, n LONG, w LONG',
    'INSERT INTO Out SELECT buyer, COUNT(*) AS n, WINDOW_END() AS w FROM Trades WINDOW HOP(80 ms, 20 ms) GROUP BY buyer HAVING COUNT(*) > 4;',
    1,
  ],
  [
    'distinct values',
    'buyer STRING, n LONG, w LONG',
    'INSERT INTO Out SELECT buyer, COUNT(DISTINCT symbol) AS n, WINDOW_END() AS w FROM Trades WINDOW TUMBLING(100 ms) GROUP BY buyer;',
    1,
  ],
  [
    'a join',
    'symbol STRING, size LONG, price LONG',
    'INSERT INTO Out SELECT Trades.symbol AS symbol, size, price FROM Trades WINDOW TUMBLING(20 ms) JOIN Quotes WINDOW TUMBLING(20 ms) ON Trades.symbol = Quotes.symbol;',
    1,
  ],
  [
    'one behind the other, then of everything',
    'n LONG, w LONG',
    'INSERT INTO A SELECT buyer, COUNT(*) AS n FROM Trades WINDOW TUMBLING(20 ms) GROUP BY buyer; INSERT INTO Out SELECT SUM(n) AS n, WINDOW_END() AS w FROM A WINDOW TUMBLING(60 ms);',
    2,
  ],
];

/** Hopping windows and distinct values are compared in `parts.test.ts`, too, where nothing has to be written. */
const isLong = process.env['TEST_LONG'] === '1';

for (const [what, columns, query, exchanges] of queries.filter(([what]) => isLong || !/^hopping|^distinct/.test(what)))
  test(`parts give what the whole gives: ${what}`, () =>
    onBroker(async (broker) => {
      const script = partScript(columns, query);
      const rows = [...Array.from({ length: 600 }, (_, index) => partRow(index)), ...closingRows(parts, 6000)];
      const wanted = wantedOf(script, rows);
      ok(wanted.length >= 10);
      const apps = Array.from({ length: parts }, (_, index) => startPart(broker, script, [index, parts]));
      await Promise.all(apps.map(({ run }) => run.whenOpen));
      await feedRows(broker, rows.slice(0, 300), parts);
      await feedRows(broker, rows.slice(300), parts);
      await eventually(broker, wanted);
      equal(apps[0]!.run.application.exchanges.length, exchanges);
      await Promise.all(apps.map((app) => app.stop()));
    }));

const byBuyer = partScript(
  'buyer STRING, n LONG, m LONG, w LONG',
  'INSERT INTO Out SELECT buyer, COUNT(*) AS n, SUM(size) AS m, WINDOW_END() AS w FROM Trades WINDOW TUMBLING(50 ms) GROUP BY buyer;',
);

test('a part that is taken over in the midst goes on from its own checkpoint, and whoever had it is fenced', () =>
  onBroker(async (broker) => {
    const rows = [...Array.from({ length: 3000 }, (_, index) => partRow(index)), ...closingRows(parts, 100_000)];
    const wanted = wantedOf(byBuyer, rows);
    const apps = Array.from({ length: parts }, (_, index) => startPart(broker, byBuyer, [index, parts]));
    await feedRows(broker, rows.slice(0, 1500), parts);
    await apps[1]!.until(() => apps[1]!.metric('repartition_rows_in_total') > 50, 'rows from other parts');
    await apps[1]!.until(() => apps[1]!.metric('checkpoints_total') > 1, 'a checkpoint');
    // Two have it for a moment: the later one keeps it.
    await using taken = startPart(broker, byBuyer, [1, parts]);
    await feedRows(broker, rows.slice(1500), parts);
    await rejects(apps[1]!.done, { code: 'PRODUCER_FENCED' });
    await eventually(broker, wanted);
    const restored = taken.log.find(({ event }) => event === 'sql_restored');
    equal(restored?.fields?.['part'], 1);
    await Promise.all([...apps.filter((_, index) => index !== 1), taken].map((app) => app.stop()));
  }));

test('a part without rows does not hold up the others for ever', () =>
  onBroker(async (broker) => {
    // All trades are of one symbol, and so in one partition.
    const rows = Array.from({ length: 300 }, (_, t) => ({
      topic: 'trades' as const,
      key: 's1',
      text: JSON.stringify({ symbol: 's1', buyer: `b${t % 3}`, size: 1, t }),
    }));
    const apps = Array.from({ length: parts }, (_, index) =>
      startPart(broker, byBuyer, [index, parts], {}, { silentMs: 100 }),
    );
    await feedRows(broker, rows, parts);
    await eventually(broker, wantedOf(byBuyer, rows));
    await Promise.all(apps.map((app) => app.stop()));
  }));

test('what has been read of a repartition topic, and is behind a checkpoint, is deleted', () =>
  onBroker(async (broker) => {
    let skewMs = 0;
    const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() + skewMs };
    const apps = Array.from({ length: parts }, (_, index) => startPart(broker, byBuyer, [index, parts], {}, { clock }));
    await feedRows(
      broker,
      Array.from({ length: 600 }, (_, index) => partRow(index)),
      parts,
    );
    await apps[0]!.until(() => apps.every((app) => app.metric('repartition_rows_in_total') > 0), 'rows everywhere');
    skewMs = 60_000;
    const topic = (await broker.listTopics()).find((name) => name.startsWith('__tributary-sql-app-by-Trades-buyer-'));
    ok(topic !== undefined);
    const end = performance.now() + 60_000;
    for (let index = 600; (await broker.offset(topic, 0, 'earliest')) === 0; index += 30) {
      ok(performance.now() < end, 'nothing was deleted');
      await feedRows(
        broker,
        Array.from({ length: 30 }, (_, i) => partRow(index + i)),
        parts,
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await Promise.all(apps.map((app) => app.stop()));
  }));

test('a record key that is none is found out, and nothing is answered with it', () =>
  onBroker(async (broker) => {
    const script = partScript(
      'symbol STRING, n LONG',
      'INSERT INTO Out SELECT symbol, COUNT(*) AS n FROM Trades WINDOW TUMBLING(50 ms) GROUP BY symbol;',
    );
    const apps = Array.from({ length: parts }, (_, index) => startPart(broker, script, [index, parts]));
    const ended = Promise.allSettled(apps.map(({ done }) => done));
    // Keys of records that are not the symbol.
    const rows = Array.from({ length: 40 }, (_, index) => ({ ...partRow(index * 3), key: `other${index}` }));
    await feedRows(broker, rows, parts);
    const failed = await Promise.any(
      apps.map(({ done }) =>
        done.then(
          () => Promise.reject(new Error('ended')),
          (error: Error) => error,
        ),
      ),
    );
    match(
      failed.message,
      /^Stream "Trades": "kafka.key" says that column "symbol" is the key .* belongs to partition \d by it/,
    );
    await Promise.allSettled(apps.map((app) => app.stop()));
    await ended;
  }));

test('another number of partitions than before is refused, and so is a whole application that was in parts', () =>
  onBroker(async (broker) => {
    {
      await using app = startPart(broker, byBuyer, [0, parts]);
      await app.until(() => app.metric('checkpoints_total') > 0, 'a checkpoint');
      await app.stop();
    }
    await broker.addPartitions('trades', 6);
    await broker.addPartitions('quotes', 6);
    await rejects(startPart(broker, byBuyer, [0, 6]).done, /the cut into 6 parts is new, the cut into 4 parts is gone/);
    await rejects(
      startPart(broker, byBuyer, [1, 4]).done,
      /topic "trades" has 6 partitions, and the application was cut when it had 4/,
    );
  }));

test('a whole application is cut once its state has been forgotten: its checkpoint topic gets a partition for each part', () =>
  onBroker(async (broker) => {
    {
      await using app = startCheckpointed(broker, byBuyer);
      await app.until(() => app.metric('checkpoints_total') > 0, 'a checkpoint');
      await app.stop();
    }
    await rejects(startPart(broker, byBuyer, [0, parts]).done, /the cut into 4 parts is new/);
    const rows = [...Array.from({ length: 300 }, (_, index) => partRow(index)), ...closingRows(parts, 3000)];
    const settings = { generation: 'in parts' };
    const apps = Array.from({ length: parts }, (_, index) => startPart(broker, byBuyer, [index, parts], settings));
    await feedRows(broker, rows, parts);
    await eventually(broker, wantedOf(byBuyer, rows));
    await Promise.all(apps.map((app) => app.stop()));
    equal((await broker.describeTopic('__tributary-sql-app')).partitions.length, parts);
  }));

test('with another generation an application is cut anew over partitions that were added, its repartition topic too', () =>
  onBroker(async (broker) => {
    // A declared key would say of rows that were written before that they lie where they do not lie any more.
    const script = byBuyer.replace(", kafka.key = 'symbol'", '');
    const rows = Array.from({ length: 600 }, (_, index) => partRow(index));
    const four = Array.from({ length: parts }, (_, index) => startPart(broker, script, [index, parts]));
    await feedRows(broker, rows.slice(0, 300), parts);
    await four[0]!.until(() => four.every((app) => app.metric('repartition_rows_in_total') > 0), 'rows everywhere');
    await Promise.all(four.map((app) => app.stop()));
    const before = await outRows(broker);
    const more = 6;
    await broker.addPartitions('trades', more);
    await broker.addPartitions('quotes', more);
    // Not even a part that is new begins without what came before.
    for (const index of [0, 5])
      await rejects(
        startPart(broker, script, [index, more]).done,
        /the cut into 6 parts is new, the cut into 4 parts is/,
      );
    const settings = { generation: 'six' };
    const six = Array.from({ length: more }, (_, index) => startPart(broker, script, [index, more], settings));
    const rest = [...rows.slice(300), ...closingRows(more, 6000)];
    await feedRows(broker, rest, more);
    await eventually(broker, [...before, ...wantedOf(script, [...rows.slice(0, 300), ...rest])].sort());
    ok(
      six.some((app) => app.metric('repartition_foreign_total') > 0),
      'blocks of the cut before were there',
    );
    await Promise.all(six.map((app) => app.stop()));
    const topics = (await broker.listTopics()).filter((name) => name.startsWith('__tributary-sql-app-by-'));
    equal(topics.length, 1);
    equal((await broker.describeTopic(topics[0]!)).partitions.length, more);
  }));

test('a part that has moved shows that it reads its checkpoint, and then how far behind it is', () =>
  onBroker(async (broker) => {
    {
      await using app = startPart(broker, byBuyer, [1, parts]);
      await feedRows(
        broker,
        Array.from({ length: 300 }, (_, index) => partRow(index)),
        parts,
      );
      await app.until(() => app.metric('stream_rows') > 0 && app.metric('checkpoints_total') > 1, 'a checkpoint');
      await app.stop();
    }
    const missed = Array.from({ length: 600 }, (_, index) => partRow(300 + index));
    await feedRows(broker, missed, parts);
    const own = missed.filter(({ key }) => partOf([key], parts) === 1).length;
    const gates = { '__tributary-sql-app': Promise.withResolvers<void>(), trades: Promise.withResolvers<void>() };
    const said: boolean[] = [];
    const more = { onRestoring: (isRestoring: boolean) => said.push(isRestoring) };
    await using taken = startPart(slowly(broker, gates), byBuyer, [1, parts], {}, more);
    await taken.until(() => taken.metric('restoring') === 1, 'that it is being restored');
    gates['__tributary-sql-app'].resolve();
    await taken.until(() => taken.metric('restoring') === 0, 'that it is restored');
    deepEqual(said, [true, false]);
    await taken.until(() => taken.metric('source_lag') >= missed.length / 8, 'that it is behind');
    gates.trades.resolve();
    await taken.until(() => taken.metric('source_lag') === 0, 'that it has caught up');
    equal(taken.metric('stream_rows') > own, true);
    await taken.stop();
  }));

/** Nothing of these topics is read before somebody says so. */
function slowly(broker: Broker, gates: Readonly<Record<string, PromiseWithResolvers<void>>>): Broker {
  async function* read(options: ReadOptions): AsyncGenerator<FetchedRecords> {
    await gates[options.topic]?.promise;
    yield* broker.read(options);
  }
  return new Proxy(broker, {
    get(target, key) {
      if (key === 'read') return read;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
