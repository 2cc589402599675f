/** The whole program, stopped at awkward moments: while it starts, and as if its machine slept. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { feedConfig, numbersOf, startFeed } from '../e2e/support/feed.ts';
import { startTributary, within } from '../e2e/support/run.ts';
import { startWorker } from '../e2e/support/worker.ts';
import { seeded, testSeed } from '../support/random.ts';
import { tempFolder } from '../support/temp-folder.ts';

const isLong = process.env['TEST_LONG'] === '1';
const rounds = isLong ? 50 : 6;
/** Longer than pings, pongs and the idle timeout of the test allow a peer to be silent. */
const asleepMs = isLong ? 60_000 : 3500;

test(`SIGTERM at ${rounds} moments of the start: it ends, and the next start finds all whole (TEST_SEED=${testSeed})`, async () => {
  await using folder = await tempFolder('sigterm-start');
  await using feed = await startFeed({ first: 10 });
  await writeFile(join(folder.path, 'feed.yaml'), `worker:\n  listen: 127.0.0.1:0\n${feedConfig(feed.url)}`);
  const random = seeded(testSeed);
  for (let round = 0; round < rounds; round++) {
    const running = startTributary(['start', 'feed.yaml'], { cwd: folder.path });
    await using _ = running;
    await new Promise((wake) => setTimeout(wake, random() * 1500));
    const { code, stderr } = await running.stop('SIGTERM');
    // Before it listens to signals the system ends it.
    ok(code === 0 || running.child.signalCode === 'SIGTERM', `round ${round} ended with ${code}: ${stderr}`);
  }
  await using worker = await startWorker(['start', 'feed.yaml'], { cwd: folder.path });
  await worker.holds('feed', 1);
  const sent = feed.sent();
  await worker.holds('feed', 10);
  const numbers = numbersOf(await worker.records('feed'));
  deepEqual(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
    `nothing twice and in order, ${sent} were sent`,
  );
  equal((await worker.stop()).code, 0);
});

test('stopped like a machine that sleeps, and woken: it goes on over the same connection, without a hole', async () => {
  await using folder = await tempFolder('sleep');
  await using feed = await startFeed({ perTick: 5 });
  const liveness = ['ping.interval.ms: 200', 'pong.timeout.ms: 1500', 'idle.timeout.ms: 1500'];
  const config = `${feedConfig(feed.url)}${liveness.map((line) => `    websocket.${line}\n`).join('')}`;
  await writeFile(join(folder.path, 'feed.yaml'), `worker:\n  listen: 127.0.0.1:0\n${config}`);
  await using worker = await startWorker(['start', 'feed.yaml'], { cwd: folder.path });
  await worker.holds('feed', 200);
  process.kill(worker.pid, 'SIGSTOP');
  const before = feed.sent();
  await new Promise((wake) => setTimeout(wake, asleepMs)); // what is tested is that this much time is gone
  ok(feed.sent() > before, 'the feed goes on');
  process.kill(worker.pid, 'SIGCONT');
  await worker.holds('feed', feed.sent() + 500);
  equal(await worker.metric('tributary_websocket_reconnects_total'), 0, 'no silence was held against the server');
  equal(await worker.metric('tributary_websocket_connected'), 1);
  ok((await worker.metric('tributary_stalls_total')) >= 1, 'it says that it stood still');
  const stalledSeconds = await worker.metric('tributary_stalled_seconds_total');
  ok(stalledSeconds > asleepMs / 1000 - 1, `${stalledSeconds} s of ${asleepMs} ms`);
  const numbers = numbersOf(await worker.records('feed'));
  deepEqual(
    numbers,
    numbers.map((_, i) => i),
  );
  equal(feed.subscriptions.length, 1, 'it never had a second connection');
  const { code, stderr } = await within(worker.stop('SIGTERM'), 60_000, () => 'it did not end');
  equal(code, 0, stderr);
  match(stderr, /process_stalled/);
});
