/** An application in parts, all in this process: rows of two topics with several partitions, and what must come of them. */
import type { Broker } from '../../src/broker/broker.ts';
import { sinkMapper } from '../../src/sql/mapping/sink-mapper.ts';
import { sourceMapper } from '../../src/sql/mapping/source-mapper.ts';
import { Application } from '../../src/sql/plan/application.ts';
import { partOf } from '../../src/sql/plan/parts/part-of.ts';
import type { CheckpointSettings } from '../../src/sql/runtime/checkpoints.ts';
import type { World } from '../../src/sql/runtime/run.ts';
import { type CheckpointedApp, startCheckpointed } from './sql-topics.ts';

export const partStreams = `CREATE STREAM Trades (symbol STRING NOT NULL, buyer STRING, size LONG, t LONG)
    WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'trades', kafka.from = 'earliest', kafka.key = 'symbol',
      event.time.field = 't');
  CREATE STREAM Quotes (symbol STRING, price LONG, t LONG)
    WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'quotes', kafka.from = 'earliest', event.time.field = 't');`;

/** `columns` are those of the sink, whose topic is `out`. */
export function partScript(columns: string, query: string): string {
  return `${partStreams}
  CREATE STREAM Out (${columns}) WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 'out');
  ${query}`;
}

export interface PartRow {
  readonly topic: 'trades' | 'quotes';
  readonly key: string;
  readonly text: string;
}

/** The time of row `index` is its number; nobody is late. */
export function partRow(index: number): PartRow {
  const symbol = `s${(index * 7) % 11}`;
  if (index % 3 === 2)
    return { topic: 'quotes', key: `q${index}`, text: JSON.stringify({ symbol, price: index % 13, t: index }) };
  const text = JSON.stringify({ symbol, buyer: `b${(index * 5) % 7}`, size: index % 17, t: index });
  return { topic: 'trades', key: symbol, text };
}

/** A row for each partition that closes all windows before it. */
export function closingRows(partitions: number, t: number): PartRow[] {
  return Array.from({ length: partitions }, (_, partition) => {
    let number = 0;
    while (partOf([`close${number}`], partitions) !== partition) number++;
    const key = `close${number}`;
    return [
      { topic: 'trades', key, text: JSON.stringify({ symbol: key, buyer: null, size: 0, t }) },
      { topic: 'quotes', key, text: JSON.stringify({ symbol: key, price: 0, t }) },
    ] as const;
  }).flat();
}

export async function makePartTopics(broker: Broker, partitions: number): Promise<void> {
  for (const name of ['trades', 'quotes'])
    await broker.createTopic({ name, partitions, config: { 'retention.ms': '-1' } });
  await broker.createTopic({ name: 'out', config: { 'retention.ms': '-1' } });
}

/** Each record goes where its key says. */
export async function feedRows(broker: Broker, rows: readonly PartRow[], partitions: number): Promise<void> {
  await using producer = await broker.producer();
  const shares = new Map<
    string,
    { topic: string; partition: number; records: { key: Buffer; value: Buffer; headers: []; timestampMs: null }[] }
  >();
  for (const { topic, key, text } of rows) {
    const partition = partOf([key], partitions);
    const share = shares.get(`${topic} ${partition}`) ?? { topic, partition, records: [] };
    shares.set(`${topic} ${partition}`, share);
    share.records.push({ key: Buffer.from(key), value: Buffer.from(text), headers: [], timestampMs: null });
  }
  await Promise.all(
    [...shares.values()].map(({ topic, partition, records }) => producer.send(topic, partition, records)),
  );
}

/** What the whole application says of the rows, in any order. */
export function wantedOf(script: string, rows: readonly PartRow[]): string[] {
  const application = new Application(script, { random: () => 0.5 });
  const { streams } = application.plan;
  const print = sinkMapper(streams.get('Out')!);
  const out: string[] = [];
  application.subscribe('Out', (row) => out.push(Buffer.from(print(row)).toString()));
  const mappers = { trades: sourceMapper(streams.get('Trades')!), quotes: sourceMapper(streams.get('Quotes')!) };
  for (const { topic, text } of rows)
    for (const values of mappers[topic].map(Buffer.from(text)).rows)
      application.push(topic === 'trades' ? 'Trades' : 'Quotes', values);
  return out.sort();
}

export function startPart(
  broker: Broker,
  script: string,
  [index, count]: readonly [index: number, count: number],
  settings: Partial<CheckpointSettings> = {},
  more: Partial<World> = {},
): CheckpointedApp {
  const partitions = new Map([
    ['Trades', count],
    ['Quotes', count],
  ]);
  return startCheckpointed(broker, script, { intervalMs: 50, ...settings }, undefined, {
    part: { index, count, partitions },
    ...more,
  });
}

export async function outRows(broker: Broker): Promise<string[]> {
  const rows: string[] = [];
  for await (const { records } of broker.read({ topic: 'out', partition: 0, from: 'earliest', until: 'end' }))
    for (const { value } of records) rows.push(Buffer.from(value!).toString());
  return rows.sort();
}
