/** Options of streams over event streams and topics, against real servers. */
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { memoryBroker } from '../support/memory-broker.ts';
import { startSql, until } from '../support/sql-app.ts';
import { startSseServer } from '../support/sse-server.ts';

const out = `CREATE STREAM Out (line STRING) WITH (type = 'sink', extension = 'log', format = 'text');\n`;
const sse = (options: string): string =>
  `CREATE STREAM In (a LONG) WITH (type = 'source', extension = 'sse', format = 'json', ${options});\n${out}INSERT INTO Out SELECT CAST(a AS STRING) AS line FROM In;`;

test('an event stream: its address, headers whose values hold commas, and the events of one name', async () => {
  await using server = await startSseServer((exchange) => {
    exchange
      .open()
      .write(
        'event: other\ndata: {"a":1}\n\nevent: trade\ndata: {"a":2}\n\ndata: {"a":3}\n\nevent: trade\ndata: no JSON\n\n',
      );
  });
  await using app = startSql(
    sse(`sse.url = '${server.origin}/feed?x=1', "sse.headers.X-Key" = 'a, b', sse.event = 'trade'`),
  );
  await until(() => app.lines.length === 1 && app.run.application.dropped('In') === 1, 'the row and the drop');
  deepEqual(app.lines, ['2']);
  const { path, headers } = server.exchanges[0]!;
  deepEqual([path, headers['x-key']], ['/feed?x=1', 'a, b']);
});

test('an event stream that is refused for good ends the application, and says why', async () => {
  await using server = await startSseServer((exchange) => exchange.answer(401));
  await using app = startSql(sse(`sse.url = '${server.origin}/feed', "sse.headers.Authorization" = 'Bearer s3cret'`));
  await rejects(app.done, /401/);
  ok(!app.everythingSaid().includes('s3cret'));
});

test('a topic: from the earliest, the latest and a time; a column as key', async () => {
  await using broker = memoryBroker();
  for (const name of ['in', 'out']) await broker.createTopic({ name, partitions: 1 });
  const producer = await broker.producer();
  const produce = (value: string, timestampMs: number) =>
    producer.send('in', 0, [{ key: null, value: Buffer.from(value), headers: [], timestampMs }]);
  await produce('{"k":"a","v":1}', 1000);
  await produce('{"k":"b","v":2}', 2000);
  const script = (from: string): string =>
    `CREATE STREAM In (k STRING, v LONG) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'in'${from});
     CREATE STREAM Keyed (k STRING, v LONG) WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 'out', kafka.key = 'v');
     ${out}INSERT INTO Out SELECT k AS line FROM In; INSERT INTO Keyed SELECT k, v FROM In;`;
  const apps = [", kafka.from = 'earliest'", ', kafka.from = 1500', ", kafka.from = 'latest'", ''].map((from) =>
    startSql(script(from), broker),
  );
  await Promise.all(apps.map((app) => app.run.whenOpen));
  await until(() => apps[0]!.lines.length === 2 && apps[1]!.lines.length === 1, 'what was there before');
  await produce('{"k":"c","v":3}', 3000);
  await until(() => apps.every((app) => app.lines.at(-1) === 'c'), 'the new row');
  deepEqual(
    apps.map(({ lines }) => lines.join('')),
    ['abc', 'bc', 'c', 'c'],
  );
  const keys = broker.records('out').map(({ key }) => Buffer.from(key!).toString());
  equal(keys.filter((key) => key === '3').length, 4);
  await Promise.all(apps.map((app) => app.stop()));
});

test('a topic that there is not ends the application by its name', async () => {
  await using broker = memoryBroker();
  await using app = startSql(
    `CREATE STREAM In (v LONG) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'none');`,
    broker,
  );
  await rejects(app.done, (error: Error) => {
    match(error.message, /"none"/);
    return true;
  });
});
