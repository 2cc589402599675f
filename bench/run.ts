/** `npm run bench` lists the benchmarks, `npm run bench -- NAME [options]` runs one. */
import { isError } from '../src/base/errors.ts';
import { scenarioNames } from './gateway/scenario-names.ts';
import { compare } from './support/compare.ts';
import { growthDimensions } from './support/growth-dimensions.ts';
import { type BenchmarkOptions, comparedWords, parseOptions, type Takes } from './support/options.ts';

interface Benchmark extends Takes {
  readonly about: string;
  readonly load: () => Promise<{ run(options: BenchmarkOptions): Promise<void> }>;
}

const brokers = ['embedded', 'kafka', 'null'];
const lasting = ['embedded', 'kafka'];
const anywhere = ['', ...brokers];

const benchmarks: Readonly<Record<string, Benchmark>> = {
  ingest: {
    about: 'one WebSocket feed into a topic: rate, processor time a message, memory, losses',
    load: () => import('./ingest.ts'),
    brokers,
    more: { alone: anywhere, peers: ['', 'kafka', 'null'], spool: ['', 'kafka'] },
  },
  'ingest-sse': {
    about: 'one event stream into a topic: structures as JSON, and the data alone',
    load: () => import('./ingest-sse.ts'),
    brokers,
    more: { alone: anywhere },
  },
  latency: {
    about: 'receive to acknowledge at 10 000 messages/s; first record after the start',
    load: () => import('./latency.ts'),
    brokers: lasting,
    more: { alone: ['', ...lasting], spool: ['', 'kafka'] },
  },
  'ingest-compressed': {
    about: 'the same over permessage-deflate',
    load: () => import('./ingest-compressed.ts'),
    brokers,
    more: { alone: anywhere, peers: ['', 'kafka', 'null'] },
  },
  scaling: {
    about: 'what a message costs with more connectors, larger messages, more partitions, more subscribers',
    load: () => import('./scaling.ts'),
    brokers,
    only: growthDimensions,
  },
  idle: {
    about: 'memory and processor time of 0, 1 and 100 connectors that hear nothing',
    load: () => import('./idle.ts'),
    brokers: lasting,
  },
  recovery: {
    about: 'kill -9 under load; workers that leave and are killed; a day without Kafka: times, and what is missing',
    load: () => import('./recovery.ts'),
    brokers: [...lasting, 'workers', 'outage'],
    only: ['restart'],
    more: { count: ['', 'outage'] },
  },
  sql: {
    about: 'streaming SQL, one core: filter, windows, join; with --broker tumbling averages from topic to topic',
    load: () => import('./sql.ts'),
    brokers: lasting,
    more: { alone: ['', ...lasting], peers: ['kafka'], parts: ['kafka'], count: lasting },
  },
  gateway: {
    about: 'fan-out in all forms beside nchan, publishes, a stalled client, 10 000 subscribers, their return',
    load: () => import('./gateway.ts'),
    only: scenarioNames,
    more: { alone: [''] },
  },
  connect: {
    about: '100 connectors idle: memory, processor; 1 000 made, listed, deleted over REST',
    load: () => import('./connect.ts'),
    brokers: lasting,
  },
  transforms: {
    about: 'chains of three transforms, one core: processor time a record',
    load: () => import('./transforms.ts'),
    more: { alone: [''] },
  },
  codec: {
    about: 'record batches: encode and decode, one core',
    load: () => import('./codec.ts'),
    more: { alone: [''] },
  },
};

const synopsis =
  'npm run bench -- NAME [--json] [--smoke] [--broker NAME] [--runs N] [--peers] [--alone] [--only NAME,…] [--spool] [--count N] [--parts N] [--compare REF]';

try {
  const chosen = parseOptions(process.argv.slice(2), benchmarks);
  if (chosen === undefined) {
    console.log(`${synopsis}\n`);
    for (const [known, { about }] of Object.entries(benchmarks)) console.log(`  ${known.padEnd(18)} ${about}`);
  } else {
    const { name, options } = chosen;
    const { json, smoke, compare: ref, runs: rounds = smoke ? 1 : 3 } = options;
    const { load, more = {} } = benchmarks[name]!;
    // The floor is the machine's: it says nothing of a commit.
    const words = [...comparedWords(options), ...('alone' in more ? ['--alone'] : [])];
    if (ref !== undefined) await compare({ name, ref, rounds, words, json });
    else await (await load()).run(options);
  }
} catch (error) {
  if (!isError(error, 'USAGE')) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
