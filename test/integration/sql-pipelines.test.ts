/** The cases tagged `pipeline`, live: against real WebSocket servers, and with topics in place of them. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import type { Create, Option } from '../../src/sql/ast/ast.ts';
import { print } from '../../src/sql/ast/print.ts';
import type { SqlCase } from '../../src/sql/cases/case.ts';
import { isSame, shown, valueOfCase } from '../../src/sql/cases/case-values.ts';
import { parse } from '../../src/sql/parse/parse.ts';
import type { Row } from '../../src/sql/values/value.ts';
import { type FeedServer, feedServer, type SqlApp, startSql, until, webSocketStream } from '../support/sql-app.ts';
import { tempFolder } from '../support/temp-folder.ts';

const cases = readFileSync(join(import.meta.dirname, '../conformance/sql/cases/pipelines.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as SqlCase);
test('there are cases', () => ok(cases.length >= 5));

/** The script with other options for each declared stream that has a connection. */
function withOptions(sql: string, optionsOf: (create: Create) => Readonly<Record<string, string>>): string {
  const option = (key: string, text: string): Option => ({ key: { at: 0, text: key }, value: { at: 0, text } });
  const statements = parse(sql).statements.map((statement) => {
    if (statement.kind !== 'create' || statement.options.length === 0) return statement;
    const options = Object.entries(optionsOf(statement)).map(([key, text]) => option(key, text));
    return { ...statement, options };
  });
  return print({ statements });
}

const written = ({ options }: Create): Readonly<Record<string, string>> =>
  Object.fromEntries(options.map(({ key, value }) => [key.text, value.text]));

interface Ends {
  readonly script: string;
  send(stream: string, message: string): Promise<void>;
  /** Messages that sinks have taken, by stream. */
  taken(stream: string): Promise<readonly string[]>;
}

/** A server for each stream. */
async function servers(sql: string, opened: AsyncDisposableStack): Promise<Ends> {
  const byStream = new Map<string, FeedServer>();
  for (const statement of parse(sql).statements)
    if (statement.kind === 'create') byStream.set(statement.name.text, opened.use(await feedServer()));
  return {
    script: withOptions(sql, (create) => ({
      ...written(create),
      'websocket.url': byStream.get(create.name.text)!.url,
    })),
    async send(stream, message) {
      const server = byStream.get(stream)!;
      await until(() => server.sockets.length > 0, `the connection of ${stream}`);
      server.sockets[0]!.send(message);
    },
    taken: async (stream) => byStream.get(stream)!.received.map(({ text }) => text),
  };
}

/** A topic for each stream, in a broker that writes to a disk. */
async function topics(sql: string, opened: AsyncDisposableStack, broker: Broker): Promise<Ends> {
  const roles = new Map<string, string>();
  for (const statement of parse(sql).statements) {
    if (statement.kind !== 'create') continue;
    roles.set(statement.name.text, written(statement)['type']!);
    await broker.createTopic({ name: statement.name.text, partitions: 1 });
  }
  const producer = await broker.producer();
  opened.defer(() => producer.close());
  return {
    script: withOptions(sql, (create) => {
      const kept = Object.entries(written(create)).filter(([key]) => !key.startsWith('websocket.'));
      const isSource = roles.get(create.name.text) === 'source';
      const from: Record<string, string> = isSource ? { 'kafka.from': 'earliest' } : {};
      return { ...Object.fromEntries(kept), extension: 'kafka', 'kafka.topic': create.name.text, ...from };
    }),
    async send(stream, message) {
      await producer.send(stream, 0, [{ key: null, value: Buffer.from(message), headers: [], timestampMs: null }]);
    },
    async taken(topic) {
      const end = await broker.offset(topic, 0, 'latest');
      const values: string[] = [];
      if (end === 0) return values;
      const stop = new AbortController();
      for await (const turn of broker.read({ topic, partition: 0, from: 'earliest', signal: stop.signal })) {
        values.push(...turn.records.map(({ value }) => Buffer.from(value!).toString()));
        if (turn.nextOffset >= end) stop.abort();
      }
      return values;
    },
  };
}

async function play(
  { events = [], expect = [], expect_messages: messages = [] }: SqlCase,
  ends: Ends,
  broker?: Broker,
) {
  let now = 0;
  await using app = startSql(ends.script, broker, () => now);
  await app.run.whenOpen;
  const rows = new Map<string, Row[]>();
  for (const { stream } of expect) {
    if (rows.has(stream)) continue;
    const seen: Row[] = [];
    rows.set(stream, seen);
    app.run.application.subscribe(stream, (row) => seen.push(row));
  }
  for (const step of events) {
    if ('advance_to' in step) {
      now = step.advance_to;
      await app.run.lookAtClock();
    } else if ('message' in step) {
      now = step.ts ?? now;
      const before = carried(app, step.stream);
      await ends.send(step.stream, step.message);
      await until(() => carried(app, step.stream) > before, `the message of ${step.stream}`);
    }
  }
  for (const [stream, seen] of rows) {
    const columns = app.run.application.plan.streams.get(stream)!.columns.map(({ name }) => name);
    const wanted = expect.filter((row) => row.stream === stream);
    equal(seen.length, wanted.length, stream);
    for (const [index, { row }] of wanted.entries())
      for (const [place, column] of columns.entries())
        ok(
          isSame(seen[index]!.values[place]!, valueOfCase(row[column]), 0),
          `${stream}.${column}: ${shown(seen[index]!.values[place]!)}, not ${JSON.stringify(row[column])}`,
        );
  }
  await app.stop();
  for (const stream of new Set(messages.map((message) => message.stream))) {
    const wanted = messages.filter((message) => message.stream === stream).map(({ text }) => text);
    deepEqual(await ends.taken(stream), wanted);
  }
}

function carried(app: SqlApp, stream: string): number {
  const { rows, dropped } = app.run.application.statistics().streams.find((known) => known.stream === stream)!;
  return rows + dropped;
}

for (const sqlCase of cases) {
  test(`${sqlCase.id}, from WebSocket servers to WebSocket servers: ${sqlCase.note}`, async () => {
    await using opened = new AsyncDisposableStack();
    await play(sqlCase, await servers(sqlCase.sql!, opened));
  });
}

test('the same cases from topics to topics', async (t) => {
  await using folder = await tempFolder('sql-pipelines');
  for (const sqlCase of cases) {
    await t.test(sqlCase.id, async () => {
      await using opened = new AsyncDisposableStack();
      const broker = await openEmbeddedBroker({ directory: join(folder.path, sqlCase.id), codecs });
      opened.use(broker);
      await play(sqlCase, await topics(sqlCase.sql!, opened, broker), broker);
    });
  }
});

test('64-bit integers are exact from a WebSocket through a topic to a WebSocket, and so are decimals', async () => {
  await using folder = await tempFolder('sql-numbers');
  await using opened = new AsyncDisposableStack();
  const broker = await openEmbeddedBroker({ directory: folder.path, codecs });
  opened.use(broker);
  await broker.createTopic({ name: 'numbers', partitions: 1 });
  await using feed = await feedServer();
  await using out = await feedServer();
  const columns = 'n LONG, d DOUBLE, o OBJECT, s STRING';
  const topic = (name: string, type: string): string =>
    `CREATE STREAM ${name} (${columns}) WITH (type = '${type}', extension = 'kafka', format = 'json', kafka.topic = 'numbers'${type === 'source' ? ", kafka.from = 'earliest'" : ''});\n`;
  await using first = startSql(
    `${webSocketStream('source', 'In', columns, feed.url)}${topic('Numbers', 'sink')}INSERT INTO Numbers SELECT * FROM In;`,
    broker,
  );
  await using second = startSql(
    `${topic('Numbers', 'source')}${webSocketStream('sink', 'Out', `${columns}, plus LONG, text STRING`, out.url)}
     INSERT INTO Out SELECT n, d, o, s, n + 1 AS plus, CAST(n AS STRING) AS text FROM Numbers;`,
    broker,
  );
  await Promise.all([first.run.whenOpen, second.run.whenOpen]);
  await until(() => feed.sockets.length === 1, 'the connection');
  const rows: readonly (readonly [n: string, d: string, written: string, plus: string])[] = [
    ['9223372036854775807', '0.1', '0.1', 'null'], // one more is outside of 64 bits
    ['-9223372036854775808', '1e-7', '1e-7', '-9223372036854775807'],
    ['9007199254740993', '123.45', '123.45', '9007199254740994'],
    ['9007199254740991', '5.0', '5', '9007199254740992'],
    ['0', '1.7976931348623157e308', '1.7976931348623157e+308', '1'],
    ['-1', '5e-324', '5e-324', '0'],
  ];
  for (const [n, d] of rows) feed.sockets[0]!.send(`{"n":${n},"d":${d},"o":{"big":[${n},{"x":${n}}]},"s":"${n}"}`);
  // What is no number of JSON, or no 64-bit integer, gives no wrong one.
  for (const bad of ['NaN', 'Infinity', '9223372036854775808', '1e400']) feed.sockets[0]!.send(`{"n":${bad}}`);
  await until(() => carried(first, 'In') >= rows.length + 4, 'all messages');
  await until(() => out.received.length >= rows.length, 'all rows');
  deepEqual(
    out.received.slice(0, rows.length).map(({ text }) => text),
    rows.map(
      ([n, , d, plus]) => `{"n":${n},"d":${d},"o":{"big":[${n},{"x":${n}}]},"s":"${n}","plus":${plus},"text":"${n}"}`,
    ),
  );
  for (const { text } of out.received.slice(rows.length)) ok(text.startsWith('{"n":null,'), text);
});
