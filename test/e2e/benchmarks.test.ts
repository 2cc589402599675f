/** Each benchmark with tiny counts: it runs, loses nothing, and its output has its form. Nothing is timed. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
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

type Line = Readonly<Record<string, unknown>>;

/** Fed by bench/tools/feed.c; the others have a feed in Node, or none. */
const fedByC = new Set(['gateway', 'ingest', 'ingest-compressed', 'latency', 'scaling']);
const noFeed = toolsMissing(['c']);
const noRepository = existsSync(join(root, '.git')) ? false : 'there is no git repository to take another commit from';

for (const { words, figures, losses, about, lines } of runs) {
  const [name] = words;
  test(`the benchmark ${words.join(' ')} runs and loses nothing`, {
    skip: fedByC.has(name!) ? noFeed : false,
  }, async () => {
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

test('a benchmark is compared with that of another commit', { skip: noRepository }, async () => {
  const compared = (await bench(['codec', '--smoke', '--json', '--compare', 'HEAD'])).map((line) => JSON.parse(line));
  deepEqual(
    compared.map(({ what }) => what.split(', count')[0]),
    ['codec, encode', 'codec, decode, to objects', 'codec, decode, to a column'],
  );
  for (const { ratios } of compared) {
    deepEqual(Object.keys(ratios), ['perSecond', 'cpuUsPerMessage', 'peakMb']);
    ok(ratios.perSecond.min > 0 && ratios.perSecond.max < Number.POSITIVE_INFINITY, JSON.stringify(ratios));
  }
});

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
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
  return watch(
    spawn(process.execPath, ['bench/run.ts', ...words], { cwd: root, env, stdio: ['pipe', 'pipe', 'pipe'] }),
  );
}
