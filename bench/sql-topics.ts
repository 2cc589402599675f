/**
 * `npm run bench -- sql --broker kafka|embedded [--peers]`: the tumbling average from one topic to another one, by our program
 * in a process of its own, and beside it by Kafka Streams. The topic is filled before; nothing of that is measured.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codecs } from '../src/app/codecs.ts';
import type { Broker } from '../src/broker/broker.ts';
import { openEmbeddedBroker } from '../src/broker/embedded/embedded.ts';
import { startPeer } from './peers/child.ts';
import { startStreams, streamsSettings } from './peers/kafka-streams.ts';
import { closedWindows, lossesAmong, wholeWindows, windowMs, windowRows } from './sql/windows.ts';
import type { Run } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { timeUntil } from './support/measure.ts';
import { showCount } from './support/stats.ts';
import { measureSubjects, type Subject } from './support/subjects.ts';
import { openTarget, type Target } from './support/targets.ts';
import { groups, symbolOf, tradeOf } from './support/trades.ts';
import { startTributary } from './support/tributary.ts';

const input = 'trades';

const method = `Method: trades of 200 B, keyed by symbol, lie in a topic of one partition; event time moves 1 ms a trade, ${groups} symbols. The program
reads them from the beginning and writes one row for each symbol and window of 60 s to a topic. The clock runs from the first
rows seen there to the last ones; processor time is that of its process alone over the same time. All rows are then read, and
compared with what another computation says: rows that are missing are lost, rows that are there twice doubled.`;

interface Job {
  readonly target: Target;
  readonly kind: string;
  readonly folder: string;
  readonly count: number;
  readonly firstMs: number;
}

export interface TopicsOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly broker: string;
  readonly runs: number;
  readonly peers: boolean;
  /** Without the floor. */
  readonly alone: boolean;
  readonly count?: number | undefined;
}

export async function runBetweenTopics({
  json,
  smoke,
  broker: kind,
  runs,
  peers,
  alone,
  count: asked = smoke ? 3 * windowMs : 40 * windowMs,
}: TopicsOptions): Promise<void> {
  const count = wholeWindows(asked);
  const where = 'program and broker share all cores';
  if (!json)
    console.log(`${method}\n${machineLine()}\n\n${kind}: ${where}; ${showCount(count)} trades, ${runs} runs each\n`);
  const subjects: readonly Subject<Job>[] = [
    { name: 'tributary', measure: (job, round) => ours(job, `vwap-${round}`) },
    ...(alone ? [] : [floorOf(kind)]),
    ...(peers ? (['at_least_once', 'exactly_once_v2'] as const).map(kafkaStreams) : []),
  ];
  const folder = mkdtempSync(join(tmpdir(), 'tributary-sql-'));
  try {
    await using target = await openTarget(kind, folder);
    // The broker forgets records of long ago, and the first window shall begin with the first trade.
    const firstMs = Math.floor((Date.now() - count) / windowMs) * windowMs;
    const job: Job = { target, kind, folder, count, firstMs };
    await fill(job);
    const about = {
      benchmark: 'sql',
      broker: kind,
      case: 'tumbling VWAP, 60 s, topic to topic',
      count,
      size: 200,
      where,
    };
    await measureSubjects(subjects, job, { about, runs, unit: 'row', json });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openBroker({ target: { address }, kind, folder }: Job): Promise<Broker> {
  if (kind === 'embedded') return openEmbeddedBroker({ directory: join(folder, 'data'), codecs });
  const { openKafkaBroker } = await import('../src/broker/kafka/kafka.ts');
  return openKafkaBroker({ bootstrap: [address.slice('kafka://'.length)], codecs });
}

async function fill(job: Job): Promise<void> {
  await using broker = await openBroker(job);
  await broker.createTopic({ name: input });
  await using producer = await broker.producer();
  const perSend = 4000;
  const inFlight: Promise<unknown>[] = [];
  for (let from = 0; from < job.count; from += perSend) {
    const records = Array.from({ length: Math.min(perSend, job.count - from) }, (_, i) => ({
      key: Buffer.from(symbolOf(from + i)),
      value: tradeOf(from + i, job.firstMs),
      headers: [],
      timestampMs: null,
    }));
    inFlight.push(producer.send(input, 0, records));
    if (inFlight.length === 4) await inFlight.shift();
  }
  await Promise.all(inFlight);
}

async function ours(job: Job, output: string): Promise<Run> {
  const script = `
    CREATE STREAM Trades (s STRING, p DOUBLE, q DOUBLE, T LONG) WITH (type = 'source', extension = 'kafka', format = 'json',
      kafka.topic = '${input}', kafka.from = 'earliest', event.time.field = 'T');
    CREATE STREAM Out (symbol STRING, start LONG, vwap DOUBLE, n LONG) WITH (type = 'sink', extension = 'kafka', format = 'json',
      kafka.topic = '${output}', kafka.key = 'symbol');
    INSERT INTO Out SELECT s AS symbol, WINDOW_START() AS start, SUM(p * q) / SUM(q) AS vwap, COUNT(*) AS n
      FROM Trades WINDOW TUMBLING(60 sec) GROUP BY s;`;
  let run: Run;
  {
    await using tributary = await startTributary({
      broker: job.target.address,
      connectors: { [output]: { 'connector.class': 'sql', 'sql.text': script } },
    });
    if (job.kind === 'kafka') run = await timeRowsOf(job, output, tributary.pid);
    // Nobody else may open its store meanwhile, so it is asked itself.
    else {
      // Applications of earlier rounds start again, too: they have read everything already.
      const read = () => tributary.metric('tributary_sql_query_rows_in', `connector="${output}"`);
      run = await timeUntil(job.count, read, tributary.pid);
    }
    await tributary.stop();
  }
  return { ...run, losses: await lossesOf(job, output) };
}

/** Nothing else can be faster than who reads the topic and looks at nothing. */
function floorOf(kind: string): Subject<Job> {
  const isKafka = kind === 'kafka';
  const script = isKafka ? 'fetch-loop.ts' : 'store-loop.ts';
  return {
    name: isKafka ? 'bare Fetch loop' : 'bare loop over the store',
    beside: 'floor',
    async measure({ target, folder, count }) {
      const from = isKafka ? target.address.slice('kafka://'.length) : join(folder, 'data');
      await using peer = await startPeer(script, [from, input], undefined);
      return await timeUntil(count, () => peer.seen(), peer.pid);
    },
  };
}

function kafkaStreams(guarantee: 'at_least_once' | 'exactly_once_v2'): Subject<Job> {
  return {
    name: `Kafka Streams, ${guarantee}`,
    beside: 'peer',
    settings: streamsSettings,
    async measure(job, round) {
      const output = `vwap-${guarantee}-${round}`;
      {
        await using broker = await openBroker(job);
        await broker.createTopic({ name: output });
      }
      const bootstrap = job.target.address.slice('kafka://'.length);
      let run: Run;
      {
        await using streams = await startStreams({ bootstrap, input, output, folder: job.folder, guarantee });
        run = await timeRowsOf(job, output, streams.pid);
      }
      return { ...run, losses: await lossesOf(job, output) };
    },
  };
}

/** Progress by the windows that have arrived at the far end, counted as the trades in them. */
async function timeRowsOf(job: Job, output: string, pid: number): Promise<Run> {
  await using broker = await openBroker(job);
  const windows = async (): Promise<number> => {
    const topics = await broker.listTopics();
    if (!topics.includes(output)) return 0;
    // In a transaction the last offset may be that of its marker.
    const end = await broker.offset(output, 0, 'latest', { isolation: 'read-committed' });
    return Math.min(Math.floor(end / groups), closedWindows(job.count)) * windowMs;
  };
  return await timeUntil(closedWindows(job.count) * windowMs, windows, pid);
}

async function lossesOf(job: Job, output: string): Promise<{ readonly lost: number; readonly doubled: number }> {
  await using broker = await openBroker(job);
  return await lossesAmong(windowRows(broker, output), job.count, job.firstMs);
}
