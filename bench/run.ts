/** `npm run bench` lists the benchmarks, `npm run bench -- NAME [options]` runs one. */
import { parseArgs } from 'node:util';
import { compare } from './support/compare.ts';

interface BenchmarkOptions {
  readonly json: boolean;
  /** Tiny counts: checks losses and the form of the output, measures nothing. */
  readonly smoke: boolean;
  readonly broker: string | undefined;
  readonly runs: number | undefined;
  /** Beside ours, what others would use. */
  readonly peers: boolean;
  /** Without the physical floors. */
  readonly alone: boolean;
  /** SQL: an application that workers share. */
  readonly parts: number | undefined;
  /** Of ingest and latency: through the spool. */
  readonly spool: boolean;
  /** Of the outage that recovery simulates: messages. */
  readonly count: number | undefined;
}

interface Benchmark {
  readonly about: string;
  readonly load: () => Promise<{ run(options: BenchmarkOptions): Promise<void> }>;
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  ingest: {
    about: 'one WebSocket feed into a topic: rate, processor time a message, memory, losses',
    load: () => import('./ingest.ts'),
  },
  'ingest-sse': {
    about: 'one event stream into a topic: structures as JSON, and the data alone',
    load: () => import('./ingest-sse.ts'),
  },
  latency: {
    about: 'receive to acknowledge at 10 000 messages/s; first record after the start',
    load: () => import('./latency.ts'),
  },
  'ingest-compressed': {
    about: 'the same over permessage-deflate',
    load: () => import('./ingest-compressed.ts'),
  },
  scaling: {
    about: 'what a message costs with more connectors, larger messages, more partitions',
    load: () => import('./scaling.ts'),
  },
  idle: {
    about: 'memory and processor time of 0, 1 and 100 connectors that hear nothing',
    load: () => import('./idle.ts'),
  },
  recovery: {
    about: 'kill -9 under load; workers that leave and are killed; a day without Kafka: times, and what is missing',
    load: () => import('./recovery.ts'),
  },
  sql: {
    about: 'streaming SQL, one core: filter, windows, join; with --broker tumbling averages from topic to topic',
    load: () => import('./sql.ts'),
  },
  gateway: {
    about: 'fan-out in all forms beside nchan, publishes, a stalled client, 10 000 subscribers, their return',
    load: () => import('./gateway.ts'),
  },
  connect: {
    about: '100 connectors idle: memory, processor; 1 000 made, listed, deleted over REST',
    load: () => import('./connect.ts'),
  },
  transforms: {
    about: 'chains of three transforms, one core: processor time a record',
    load: () => import('./transforms.ts'),
  },
  codec: { about: 'record batches: encode and decode, one core', load: () => import('./codec.ts') },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    broker: { type: 'string' },
    runs: { type: 'string' },
    compare: { type: 'string' },
    peers: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false },
    parts: { type: 'string' },
    spool: { type: 'boolean', default: false },
    count: { type: 'string' },
  },
});

const [name] = positionals;
const benchmark = name === undefined ? undefined : benchmarks[name];
if (benchmark === undefined) {
  if (name !== undefined) console.error(`Unknown benchmark "${name}".`);
  console.log(
    'npm run bench -- NAME [--json] [--smoke] [--broker embedded|kafka|null] [--runs N] [--peers] [--alone] [--spool] [--count N] [--parts N] [--compare REF]\n',
  );
  for (const [known, { about }] of Object.entries(benchmarks)) console.log(`  ${known.padEnd(18)} ${about}`);
  process.exitCode = name === undefined ? 0 : 2;
} else if (values.compare !== undefined) {
  const { broker, smoke } = values;
  const words = [...(broker === undefined ? [] : ['--broker', broker]), ...(smoke ? ['--smoke'] : [])];
  const rounds = values.runs === undefined ? (smoke ? 1 : 3) : Number(values.runs);
  await compare({ name: name!, ref: values.compare, rounds, words, json: values.json });
} else {
  const { run } = await benchmark.load();
  await run({
    json: values.json,
    smoke: values.smoke,
    broker: values.broker,
    runs: values.runs === undefined ? undefined : Number(values.runs),
    peers: values.peers,
    alone: values.alone,
    parts: values.parts === undefined ? undefined : Number(values.parts),
    spool: values.spool,
    count: values.count === undefined ? undefined : Number(values.count),
  });
}
