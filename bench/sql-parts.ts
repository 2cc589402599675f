/**
 * `npm run bench -- sql --broker kafka --parts N`: one application over a topic of N partitions, by one, two and three workers of a group, each
 * a process: how the rate grows with them, and what the machine allows. The topic is filled before.
 */
import { codecs } from '../src/app/codecs.ts';
import { openKafkaBroker } from '../src/broker/kafka/kafka.ts';
import { partitionForKey } from '../src/record/partitioner.ts';
import { startKafka } from '../test/support/kafka.ts';
import { dealBytes, dealOf, dealScript } from './sql/deals.ts';
import { measureGroup, type PartsJob, type PartsRun } from './sql/group-run.ts';
import { reportParts } from './sql/parts-report.ts';
import { wholeWindows, windowMs } from './sql/windows.ts';
import { machineLine } from './support/machine.ts';
import { showCount } from './support/stats.ts';
import { groups, symbolOf } from './support/trades.ts';

const input = 'deals';

const method = `Method: trades of ${dealBytes} B, keyed by symbol, lie in a topic of several partitions; event time moves 1 ms a trade, ${groups} symbols. Workers of one group share
the parts of the application, which writes one row of nine aggregates for each symbol and window of 60 s. It is made with nothing to read; once its tasks are
shared out it is told to begin with the first trades. The clock runs from the first trades that any worker has read to the last ones; processor time is that of the workers, and
of Kafka, over the same time. All rows are then read, and compared with what another computation says. Growth is the rate divided by that of one
worker in the same round; the most that is possible is as many times as there are workers, or what the cores give where a row takes them as long as it did
in that run, whichever is less.`;

export interface PartsOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly parts: number;
  readonly runs: number;
  readonly count: number | undefined;
}

/** By the record key; or by way of a repartition topic, through which each row goes once more. */
const subjects = [
  ...[1, 2, 3].map((workers) => ({ workers, isKeyed: true })),
  ...[1, 2].map((workers) => ({ workers, isKeyed: false })),
];

export async function runInParts({ json, smoke, parts, runs, count: asked }: PartsOptions): Promise<void> {
  const count = wholeWindows(asked ?? (smoke ? 2 : 10) * windowMs);
  await using kafka = await startKafka({}, { collector: 'G1' });
  const firstMs = Math.floor((Date.now() - count) / windowMs) * windowMs;
  const job: PartsJob = { kafka, input, parts, count, firstMs };
  if (!json)
    console.log(
      `${method}\n${machineLine()}\n\nkafka: ${showCount(count)} trades in ${parts} partitions, ${runs} runs each\n`,
    );
  await fill(job);
  const results = subjects.map(() => [] as PartsRun[]);
  // Round by round: growth is that within one, and a machine that slows down does so for all.
  for (let round = 0; round < runs; round++) {
    for (const [at, { workers, isKeyed }] of subjects.entries()) {
      const name = `${isKeyed ? 'keyed' : 'exchanged'}-${workers}-${round}`;
      const scriptFrom = (start: 'earliest' | 'latest') => dealScript({ input, output: name, start, isKeyed });
      results[at]!.push(await measureGroup(job, { name, scriptFrom, workers }));
      if (round < runs - 1) continue;
      const alone = results[subjects.findIndex((one) => one.workers === 1 && one.isKeyed === isKeyed)]!;
      reportParts(results[at]!, alone, { workers, isKeyed, parts, count, json });
    }
  }
}

async function fill({ kafka, parts, count, firstMs }: PartsJob): Promise<void> {
  await using broker = await openKafkaBroker({ bootstrap: [kafka.bootstrap], codecs });
  await broker.createTopic({ name: input, partitions: parts });
  await using producer = await broker.producer();
  const perSend = 10_000;
  for (let from = 0; from < count; from += perSend) {
    const shares = Array.from(
      { length: parts },
      () => [] as { key: Buffer; value: Buffer; headers: []; timestampMs: null }[],
    );
    for (let index = from; index < Math.min(from + perSend, count); index++) {
      const key = Buffer.from(symbolOf(index));
      const record = { key, value: dealOf(index, firstMs), headers: [] as [], timestampMs: null };
      shares[partitionForKey(key, parts)]!.push(record);
    }
    await Promise.all(shares.map((records, partition) => producer.send(input, partition, records)));
  }
}
