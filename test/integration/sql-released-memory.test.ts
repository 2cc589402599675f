/** Rows, dead letters and what queries keep are copies: the memory of what was read may be used again at once. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { ConsumedRecord, ProduceRecord } from '../../src/record/record.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import { spoilingBroker } from '../support/spoiling-broker.ts';
import { startSql } from '../support/sql-app.ts';
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

const columns = 'id LONG, k STRING, s STRING, b BYTES, o OBJECT, d DOUBLE';
const stream = (
  type: 'source' | 'sink',
  name: string,
  of: string,
  topic: string,
  format: string,
  more: string,
): string =>
  `CREATE STREAM ${name} (${of}) WITH (type = '${type}', extension = 'kafka', format = '${format}', kafka.topic = '${topic}'${more});\n`;
const source = ", kafka.from = 'earliest', error.strategy = 'dlq', error.dlq.stream = 'Dead'";
const letter =
  'originalEvent STRING, errorMessage STRING, errorType STRING, timestamp LONG, attemptCount INT, streamName STRING';

/** Each source goes straight to a topic, and by a window that keeps rows of several turns to another. */
const script = [
  stream('source', 'Rows', columns, 'rows', 'json', source),
  stream('source', 'Texts', 't STRING', 'texts', 'text', source),
  stream('source', 'Raw', 'b BYTES', 'raw', 'bytes', source),
  stream('sink', 'RowsOut', columns, 'rows-out', 'json', ", kafka.key = 'k'"),
  stream('sink', 'RowsKept', columns, 'rows-kept', 'json', ", kafka.key = 's'"),
  stream('sink', 'TextsOut', 't STRING', 'texts-out', 'text', ''),
  stream('sink', 'TextsKept', 't STRING', 'texts-kept', 'text', ''),
  stream('sink', 'RawOut', 'b BYTES', 'raw-out', 'bytes', ''),
  stream('sink', 'RawKept', 'b BYTES', 'raw-kept', 'bytes', ''),
  stream('sink', 'Dead', letter, 'dead', 'json', ", kafka.key = 'originalEvent'"),
  ...['Rows', 'Texts', 'Raw'].map(
    (name) =>
      `INSERT INTO ${name}Out SELECT * FROM ${name};\nINSERT INTO ${name}Kept SELECT * FROM ${name} WINDOW LENGTHBATCH(11);`,
  ),
].join('\n');
const inputs = ['rows', 'texts', 'raw'] as const;
const outputs = [...inputs.flatMap((name) => [`${name}-out`, `${name}-kept`]), 'dead'];

const longText = 'a long text of plain letters. '.repeat(300);
const texts = [
  '',
  'BTCUSDT',
  'é',
  'ünï😀cöde '.repeat(200),
  longText,
  'with "quotes", \\ and \n\u0001',
  '\ud83d\ude00',
];

/** What comes in one round: rows that the fast path takes, rows that it does not, and what becomes a dead letter. */
function rowsOf(round: number): (string | Buffer)[] {
  const rows = texts.map((s, index) => {
    const b = Buffer.alloc(index * 700, `${round}`).toString('base64');
    const o = { [`n${index}`]: [s, { deep: s.slice(0, 50) }, null, 1.5, true], s };
    return JSON.stringify({ id: round * 100 + index, k: `key-${index}`, s, b, o, d: index / 8 });
  });
  const escaped = `{"id":${round},"\\u006b":"\\u0041\\u00e9","s":"${'\\u0042\\t'.repeat(500)}","o":"\\ud83d\\ude00","b":"\\u0041A=="}`;
  const list = JSON.stringify([{ id: round, s: longText }, { id: 'no number' }, { id: -round, k: longText }]);
  const wrong = JSON.stringify({ id: longText, k: 'k' });
  const notText = Buffer.concat([Buffer.from('{"s":"'), Buffer.alloc(2000, 0xfe), Buffer.from('"}')]);
  return [...rows, escaped, list, wrong, `no JSON ${longText}`, '{"id":', notText, `{"id":${round},"k":null}`];
}

function messagesOf(topic: (typeof inputs)[number], round: number): (string | Buffer)[] {
  if (topic === 'rows') return rowsOf(round);
  const notText = Buffer.alloc(3000, 0x80 + round);
  return [...texts.map((text) => `${round} ${text}`), notText, Buffer.alloc(20, round)];
}

function recordOf(message: string | Buffer, index: number): ProduceRecord {
  const bytes = Buffer.from(`${index}`.repeat(100));
  return { key: bytes, value: Buffer.from(message), headers: [{ key: 'h', value: bytes }], timestampMs: index };
}

/** What the sinks hold after four rounds, each of them read in turns of its own. */
async function runOver(inside: MemoryBroker, broker: MemoryBroker): Promise<unknown> {
  for (const name of [...inputs, ...outputs]) await inside.createTopic({ name });
  await using producer = await inside.producer();
  const app = startSql(script, broker, () => 1000);
  for (let round = 0; round < 4; round++) {
    for (const topic of inputs) {
      const before = inside.records(`${topic}-out`).length;
      await producer.send(topic, 0, messagesOf(topic, round).map(recordOf));
      // They come in one turn, whose first row tells that it was worked on.
      await inside.holds(`${topic}-out`, before + 1);
    }
  }
  await app.stop();
  const shown = ({ key, value, headers }: ConsumedRecord) => [
    key && Buffer.from(key).toString('latin1'),
    value && Buffer.from(value).toString('latin1'),
    headers.length,
  ];
  return Object.fromEntries(outputs.map((name) => [name, inside.records(name).map(shown)]));
}

test('rows, kept rows and dead letters are the same whether or not the memory of what was read is used again', async () => {
  const plain = memoryBroker();
  const wanted = (await runOver(plain, plain)) as Record<string, unknown[]>;
  for (const name of outputs) ok(wanted[name]!.length >= 8, `${name} has ${wanted[name]!.length}`);
  const inside = memoryBroker();
  const { broker, spoiled } = spoilingBroker(inside);
  deepEqual(await runOver(inside, broker), wanted);
  for (const name of inputs) ok(spoiled.get(name)! > 10_000, `${name}: ${spoiled.get(name)} bytes were used again`);
});

test('parts of an application keep nothing of the memory of what they send each other', async () => {
  const inside = memoryBroker();
  const { broker, spoiled } = spoilingBroker(inside);
  const script = partScript(
    'buyer STRING, n LONG, lo STRING, w LONG',
    'INSERT INTO Out SELECT buyer, COUNT(*) AS n, MIN(symbol) AS lo, WINDOW_END() AS w FROM Trades WINDOW TUMBLING(50 ms) GROUP BY buyer;',
  );
  const rows = [...Array.from({ length: 300 }, (_, index) => partRow(index)), ...closingRows(2, 6000)];
  const wanted = wantedOf(script, rows);
  ok(wanted.length >= 10);
  await makePartTopics(inside, 2);
  const apps = [0, 1].map((index) => startPart(broker, script, [index, 2]));
  await Promise.all(apps.map(({ run }) => run.whenOpen));
  await feedRows(inside, rows, 2);
  await inside.holds('out', wanted.length);
  await Promise.all(apps.map((app) => app.stop()));
  deepEqual(await outRows(inside), wanted);
  const repartitioned = [...spoiled.keys()].filter((topic) => topic.includes('-by-'));
  equal(repartitioned.length, 1);
});
