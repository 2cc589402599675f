/**
 * Each benchmark with tiny counts: it runs, loses nothing, and its output has its form. Nothing is timed. A few go to a real Kafka,
 * which each starts for itself; with TEST_LONG=1 all that can do so.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kafkaMissing } from '../support/kafka.ts';
import { toolsMissing } from '../support/tools.ts';
import { root, watch } from './support/run.ts';

interface Expected {
  readonly words: readonly string[];
  /** Members of each line of ours, each with its spread. */
  readonly figures: readonly string[];
  /** Members of each line of ours that must be there, and be 0. */
  readonly losses: readonly string[];
  /** Members that say what was measured, on each line. */
  readonly about: readonly string[];
  /** What is told in each line: `subject`, `scenario`, …; of lines beside ours with what they are. */
  readonly lines: readonly string[];
  /** With TEST_LONG=1 alone. */
  readonly isLong?: boolean;
}

const rate = ['perSecond', 'cpuUsPerMessage', 'peakMb'];
const delivered = ['lost', 'doubled'];
const load = ['count', 'size', 'where'];

const runs: readonly Expected[] = [
  {
    words: ['ingest', '--broker', 'embedded'],
    ...{ figures: rate, losses: delivered, about: load, lines: ['tributary', 'floor: bare socket reader'] },
  },
  {
    words: ['ingest', '--broker', 'null', '--peers'],
    ...{ figures: rate, losses: delivered, about: load },
    lines: ['tributary', 'floor: bare socket reader', 'peer: ws alone'],
  },
  {
    words: ['ingest-compressed', '--broker', 'embedded'],
    ...{ figures: rate, losses: delivered, about: load, lines: ['tributary', 'floor: bare zlib reader'] },
  },
  {
    words: ['ingest-sse', '--broker', 'embedded'],
    ...{ figures: rate, losses: delivered, about: load },
    lines: ['tributary, struct', 'tributary, data', 'floor: bare HTTP reader'],
  },
  {
    words: ['ingest-sse', '--broker', 'null', '--alone'],
    ...{ figures: rate, losses: delivered, about: load, lines: ['tributary, struct', 'tributary, data'] },
  },
  {
    words: ['scaling', '--broker', 'embedded'],
    ...{ figures: ['perSecond', 'cpuUs', 'peakMb'], losses: delivered, about: load },
    lines: ['connectors 3', 'bytes 999000', 'subscribers 5'],
  },
  {
    words: ['latency', '--broker', 'embedded'],
    figures: ['p50Ms', 'p99Ms', 'firstRecordMs', 'residentMb', ...rate],
    ...{ losses: delivered, about: load, lines: ['tributary', 'floor: bare sync of a file'] },
  },
  {
    words: ['idle', '--broker', 'embedded'],
    ...{
      figures: ['residentMb', 'cpuPercent', 'peakMb'],
      losses: [],
      about: ['where'],
      lines: ['connectors 0', 'connectors 2'],
    },
  },
  {
    words: ['recovery', '--broker', 'embedded'],
    figures: ['restartMs', 'gapMs', 'cpuUsPerMessage', 'peakMb'],
    ...{ losses: ['acknowledgedLost', 'otherHoles', 'doubled'], about: [...load, 'rate'], lines: ['embedded'] },
  },
  {
    words: ['gateway'],
    ...{ figures: ['peakMb'], losses: delivered, about: load },
    lines: [
      ...['bin', 'json', 'sse', 'floor: floor', 'paced-bin', 'paced-json', 'floor: paced-floor', 'publish', 'stalled'],
      ...['many', 'floor: many-floor', 'come-back'],
    ],
  },
  {
    words: ['connect', '--broker', 'embedded'],
    figures: ['createMs', 'createCpuMs', 'listWithExpandMs', 'idleMb', 'idleCpuPercent', 'peakMb'],
    ...{ losses: ['lost', 'leftOver'], about: ['count', 'where'], lines: ['embedded'] },
  },
  {
    words: ['sql'],
    ...{ figures: rate, losses: delivered, about: ['where'] },
    lines: [
      ...['filter and projection', 'tumbling VWAP, 60 s', 'hopping VWAP, 60 s by 1 s', 'hopping VWAP, 600 s by 1 s'],
      ...['join of two windows', 'floor: decoded alone', 'floor: JSON.parse alone', 'applications 10'],
    ],
  },
  {
    words: ['sql', '--broker', 'embedded'],
    ...{ figures: rate, losses: delivered, about: load, lines: ['tributary', 'floor: bare loop over the store'] },
  },
  {
    words: ['transforms', '--alone'],
    ...{ figures: rate, losses: delivered, about: ['count', 'where'] },
    lines: [
      'text: HoistField, InsertField, RegexRouter',
      'struct: ReplaceField, InsertField, ValueToKey',
      'struct: Cast, MaskField, ExtractField',
    ],
  },
  {
    words: ['codec'],
    ...{ figures: rate, losses: delivered, about: load },
    lines: ['encode', 'decode, to objects', 'decode, to a column', 'floor: copy and checksum', 'floor: checksum'],
  },
];

/** Most of what is wanted is wanted of a real Kafka. By default one run of each way there: straight, through the spool, by SQL. */
const kafkaRuns: readonly Expected[] = [
  {
    words: ['ingest', '--broker', 'kafka', '--alone'],
    ...{ figures: rate, losses: delivered, about: load, lines: ['tributary'] },
  },
  {
    words: ['latency', '--spool', '--alone'],
    figures: ['p50Ms', 'p99Ms', 'firstRecordMs', 'residentMb', ...rate],
    ...{ losses: delivered, about: [...load, 'spool'], lines: ['tributary'] },
  },
  {
    words: ['sql', '--broker', 'kafka'],
    ...{ figures: rate, losses: delivered, about: load, lines: ['tributary', 'floor: bare Fetch loop'] },
  },
  {
    words: ['ingest', '--broker', 'kafka'],
    ...{ figures: rate, losses: delivered, about: load, isLong: true },
    lines: ['tributary', 'floor: bare socket reader', 'floor: bare Produce loop'],
  },
  {
    words: ['ingest', '--spool', '--alone'],
    ...{ figures: rate, losses: delivered, about: load, isLong: true },
    lines: ['spool, at-least-once', 'spool, exactly-once'],
  },
  {
    words: ['ingest-compressed', '--broker', 'kafka', '--alone'],
    ...{ figures: rate, losses: delivered, about: load, isLong: true, lines: ['tributary'] },
  },
  {
    words: ['ingest-sse', '--broker', 'kafka', '--alone'],
    ...{ figures: rate, losses: delivered, about: load, isLong: true },
    lines: ['tributary, struct', 'tributary, data'],
  },
  {
    words: ['latency', '--broker', 'kafka'],
    figures: ['p50Ms', 'p99Ms', 'firstRecordMs', 'residentMb', ...rate],
    ...{ losses: delivered, about: load, isLong: true, lines: ['tributary', 'floor: bare Produce request'] },
  },
  {
    words: ['sql', '--broker', 'kafka', '--parts', '3'],
    figures: [...rate, 'kafkaUsPerMessage', 'growth', 'possibleGrowth', 'unevenPercent'],
    ...{ losses: delivered, about: [...load, 'parts'], isLong: true },
    lines: [
      ...['1 worker, by the record key', '2 workers, by the record key', '3 workers, by the record key'],
      ...['1 worker, repartitioned', '2 workers, repartitioned'],
    ],
  },
  {
    words: ['idle', '--broker', 'kafka'],
    figures: ['residentMb', 'cpuPercent', 'peakMb'],
    ...{ losses: [], about: ['where'], isLong: true, lines: ['connectors 0', 'connectors 2'] },
  },
  {
    words: ['connect', '--broker', 'kafka'],
    figures: ['createMs', 'createCpuMs', 'listWithExpandMs', 'idleMb', 'idleCpuPercent', 'peakMb'],
    ...{ losses: ['lost', 'leftOver'], about: ['count', 'where'], isLong: true, lines: ['kafka'] },
  },
  {
    words: ['scaling', '--broker', 'kafka'],
    ...{ figures: ['perSecond', 'cpuUs', 'peakMb'], losses: delivered, about: load, isLong: true },
    lines: ['connectors 3', 'bytes 999000'],
  },
  {
    words: ['recovery', '--broker', 'kafka'],
    figures: ['restartMs', 'gapMs', 'cpuUsPerMessage', 'peakMb'],
    ...{ losses: ['acknowledgedLost', 'otherHoles', 'doubled'], about: [...load, 'rate'], isLong: true },
    lines: ['kafka'],
  },
  {
    words: ['recovery', '--broker', 'workers'],
    figures: ['unevenPercent', 'leaveMs', 'leaveGapMs', 'killMs', 'moveCpuMs', 'peakMb'],
    ...{ losses: ['interrupted'], about: ['workers', 'sessionTimeoutMs', 'where'], isLong: true },
    lines: ['connectors 9'],
  },
  {
    words: ['recovery', '--broker', 'outage'],
    figures: [
      'livePercent',
      'outagePercent',
      'outageMorePercent',
      'memoryMb',
      'spooledPerSecond',
      'restartMs',
      'catchUpPerSecond',
      'peakMb',
    ],
    ...{
      losses: [...delivered, 'boundsMissing'],
      about: [...load, 'dropOldestDropped'],
      isLong: true,
      lines: ['outage'],
    },
  },
  {
    words: ['recovery', '--only', 'restart'],
    figures: ['emptyMs', 'fullMs'],
    ...{ losses: [], about: [...load, 'part', 'gib'], isLong: true, lines: ['outage'] },
  },
];

type Line = Readonly<Record<string, unknown>>;

/** Fed by bench/tools/feed.c; the others have a feed in Node, or none. */
const fedByC = new Set(['gateway', 'ingest', 'ingest-compressed', 'latency', 'scaling']);
const noFeed = toolsMissing(['c']);
const isLong = process.env['TEST_LONG'] === '1';
const noKafka = await kafkaMissing();
const noRepository = existsSync(join(root, '.git')) ? false : 'there is no git repository to take another commit from';

for (const expected of [...runs, ...kafkaRuns]) {
  const { words, figures, losses, about, lines } = expected;
  const [name] = words;
  const skip =
    (expected.isLong === true && !isLong && 'TEST_LONG=1 runs it') ||
    (kafkaRuns.includes(expected) && noKafka) ||
    ((fedByC.has(name!) || words.includes('outage') || words.includes('restart')) && noFeed);
  test(`the benchmark ${words.join(' ')} runs and loses nothing`, { skip }, async () => {
    const told = (await bench([...words, '--smoke', '--json'])).map((line) => JSON.parse(line) as Line);
    // nchan is measured where it is installed.
    deepEqual(
      told.map(labelOf).filter((label) => !label.includes('nchan')),
      lines,
    );
    for (const line of told) {
      const text = JSON.stringify(line);
      equal(line['benchmark'], name);
      match(String(line['machine']), /cores \(.+\), \d+ GiB, Linux .+, Node 24\./);
      for (const key of about) ok(line[key] !== undefined, `${key} in ${text}`);
      for (const value of Object.values(line)) if (typeof value === 'object') checkSpread(value as Line, text);
      if (line['beside'] !== undefined || line['applications'] !== undefined) continue;
      for (const key of figures) ok(typeof line[key] === 'object', `${key} in ${text}`);
      for (const key of losses) equal(line[key], 0, `${key} in ${text}`);
    }
  });
}

function labelOf(line: Line): string {
  const { subject, scenario, case: query, dimension, grown, connectors, applications, broker, beside } = line;
  const label =
    subject ??
    scenario ??
    query ??
    (dimension !== undefined ? `${dimension} ${grown}` : undefined) ??
    (connectors !== undefined ? `connectors ${connectors}` : undefined) ??
    (applications !== undefined ? `applications ${applications}` : undefined) ??
    broker;
  return `${beside === undefined ? '' : `${beside}: `}${label}`;
}

function checkSpread({ median, min, max }: Line, text: string): void {
  ok(Number.isFinite(min) && Number.isFinite(max), text);
  ok((min as number) <= (median as number) && (median as number) <= (max as number), text);
}

test('people are told the machine, what ran where, size and count, the median and the losses', async () => {
  const text = (await bench(['codec', '--smoke'])).join('\n');
  match(
    text,
    /^codec: batches of 4000 records of 200 B, 2 rounds of 5 batches each\n\d+ cores \(.+\), \d+ GiB, Linux .+\n/,
  );
  match(text, /\none process on one core, no network, no disk\n/);
  match(text, /\nencode +20 k: \S+ \S* ?\(.+ – .+\) records\/s\n +\S+ \(.+ – .+\) µs of its processor time a record\n/);
  match(text, /\n +\d+ \(\d+ – \d+\) MB at most; lost 0, doubled 0\n/);
  match(text, /\nfloor: checksum +20 k: /);
});

interface Compared {
  readonly words: readonly string[];
  /** What stands first in each line, up to the count. */
  readonly lines: readonly string[];
  readonly ratios: readonly string[];
  readonly isLong?: boolean;
}

const comparisons: readonly Compared[] = [
  {
    words: ['codec'],
    lines: ['codec, encode', 'codec, decode, to objects', 'codec, decode, to a column'],
    ratios: ['perSecond', 'cpuUsPerMessage', 'peakMb'],
  },
  {
    words: ['gateway', '--only', 'publish'],
    ...{ lines: ['gateway, embedded, publish'], ratios: ['perSecond', 'cpuUsPerRecord', 'peakMb'], isLong: true },
  },
  {
    words: ['ingest', '--broker', 'null'],
    ...{ lines: ['ingest, null'], ratios: ['perSecond', 'cpuUsPerMessage', 'peakMb'], isLong: true },
  },
  {
    words: ['sql'],
    lines: [
      ...['sql, filter and projection', 'sql, tumbling VWAP, 60 s', 'sql, hopping VWAP, 60 s by 1 s'],
      ...['sql, hopping VWAP, 600 s by 1 s', 'sql, join of two windows', 'sql, applications 10'],
    ],
    ...{ ratios: ['perSecond', 'cpuUsPerMessage', 'peakMb'], isLong: true },
  },
];

for (const { words, lines, ratios: names, isLong: wantsLong } of comparisons) {
  const skip =
    noRepository || (wantsLong === true && !isLong && 'TEST_LONG=1 runs it') || (fedByC.has(words[0]!) && noFeed);
  test(`the benchmark ${words.join(' ')} is compared with that of another commit`, { skip }, async () => {
    const told = await bench([...words, '--smoke', '--json', '--compare', 'HEAD']);
    const compared = told.map((line) => JSON.parse(line));
    deepEqual(
      compared.map(({ what }) => what.split(/, (?:count|one process)/)[0]),
      lines,
    );
    for (const { what, ratios } of compared) {
      // Applications are made, not sent: they have figures of their own.
      if (what.includes('applications')) continue;
      deepEqual(Object.keys(ratios), names);
      ok(ratios.perSecond.min > 0 && ratios.perSecond.max < Number.POSITIVE_INFINITY, JSON.stringify(ratios));
    }
  });
}

test('a word that no benchmark takes ends with the code 2 and what is wanted', async () => {
  await using running = start(['gateway', '--broker', 'kafka']);
  const { code, stdout, stderr } = await running.ended;
  deepEqual([code, stdout], [2, '']);
  match(stderr, /^Cannot run gateway with "--broker": it takes --json, .+\n$/);
});

test('every benchmark that there is has a run here', async () => {
  const names = (await bench([])).flatMap((line) => /^ {2}(\S+) /.exec(line)?.[1] ?? []);
  deepEqual([...new Set(runs.map(({ words: [name] }) => name))].sort(), names.sort());
});

/** Its lines; it must end well. */
async function bench(words: readonly string[]): Promise<readonly string[]> {
  await using running = start(words);
  const { code, stdout, stderr } = await running.ended;
  equal(code, 0, stderr);
  return stdout.trim().split('\n');
}

function start(words: readonly string[]) {
  // As `npm run bench` has it: what is compiled is kept.
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    NODE_COMPILE_CACHE: join(root, '.cache/compile'),
  };
  return watch(
    spawn(process.execPath, ['bench/run.ts', ...words], { cwd: root, env, stdio: ['pipe', 'pipe', 'pipe'] }),
  );
}
