/** Each benchmark with tiny counts: it runs, loses nothing, and its output has its form. Nothing is timed. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { toolsMissing } from '../support/tools.ts';
import { root, watch } from './support/run.ts';

const runs: readonly (readonly [string, string, readonly string[]])[] = [
  ['ingest', 'embedded', ['perSecond', 'cpuUsPerMessage', 'peakMb']],
  ['ingest', 'null', ['perSecond', 'cpuUsPerMessage', 'peakMb']],
  ['ingest-compressed', 'embedded', ['perSecond', 'cpuUsPerMessage', 'peakMb']],
  ['scaling', 'embedded', ['perSecond', 'cpuUsPerMessage', 'cpuUsPerKb', 'peakMb']],
  ['latency', 'embedded', ['p50Ms', 'p99Ms', 'firstRecordMs', 'residentMb']],
  ['idle', 'embedded', ['residentMb', 'cpuPercent']],
  ['recovery', 'embedded', ['restartMs', 'gapMs']],
  ['ingest-sse', 'embedded', ['perSecond', 'cpuUsPerMessage', 'peakMb']],
  ['gateway', '', []],
  ['connect', 'embedded', ['createMs', 'listWithExpandMs']],
  ['sql', '', []],
  ['sql', 'embedded', ['perSecond', 'cpuUsPerMessage', 'peakMb']],
  ['transforms', '', ['perSecond', 'cpuUsPerMessage', 'peakMb']],
  ['codec', '', ['perSecond', 'cpuUsPerMessage', 'peakMb']],
];

/** Fed by bench/tools/feed.c; the others have a feed in Node, or none. */
const fedByC = new Set(['gateway', 'ingest', 'ingest-compressed', 'latency']);
const noFeed = toolsMissing(['c']);
const noRepository = existsSync(join(root, '.git')) ? false : 'there is no git repository to take another commit from';

for (const [name, broker, spreads] of runs) {
  const title = `the benchmark ${name} runs${broker === '' ? '' : ` with the broker ${broker}`} and loses nothing`;
  test(title, { skip: fedByC.has(name) ? noFeed : false }, async () => {
    const words = ['bench/run.ts', name, '--smoke', '--json', ...(broker === '' ? [] : ['--broker', broker])];
    if (broker === 'null') words.push('--peers'); // with Kafka they would be measured for a minute
    await using running = watch(
      spawn(process.execPath, words, {
        cwd: root,
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    );
    const { code, stdout, stderr } = await running.ended;
    equal(code, 0, stderr);
    const lines = stdout.trim().split('\n');
    for (const line of lines) {
      const figures = JSON.parse(line);
      equal(figures.benchmark, name);
      for (const key of spreads) {
        const { median, min, max } = figures[key];
        ok(min <= median && median <= max, `${key} in ${line}`);
      }
      for (const key of ['lost', 'doubled', 'acknowledgedLost', 'otherHoles']) equal(figures[key] ?? 0, 0, line);
    }
  });
}

test('a benchmark is compared with that of another commit', { skip: noRepository }, async () => {
  const words = ['bench/run.ts', 'codec', '--smoke', '--json', '--compare', 'HEAD'];
  await using running = watch(spawn(process.execPath, words, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] }));
  const { code, stdout, stderr } = await running.ended;
  equal(code, 0, stderr);
  const compared = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  deepEqual(
    compared.map(({ what }) => what.split(', count')[0]),
    ['codec, encode', 'codec, decode, to objects', 'codec, decode, to a column'],
  );
  for (const { ratios } of compared) {
    deepEqual(Object.keys(ratios), ['perSecond', 'cpuUsPerMessage', 'peakMb']);
    ok(ratios.perSecond.min > 0 && ratios.perSecond.max < Number.POSITIVE_INFINITY, stdout);
  }
});

test('every benchmark that there is has a run here', async () => {
  await using listing = watch(
    spawn(process.execPath, ['bench/run.ts'], { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] }),
  );
  const { stdout } = await listing.ended;
  const names = [...stdout.matchAll(/^ {2}(\S+) /gm)].map(([, name]) => name!);
  deepEqual([...new Set(runs.map(([name]) => name))].sort(), names.sort());
});
