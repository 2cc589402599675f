import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../support/temp-folder.ts';
import { feedConfig, numbersOf, startFeed } from './support/feed.ts';
import { startWorker } from './support/worker.ts';

test('SIGTERM under load: ends within 5 s with exit code 0, and the topic has no hole and nothing twice', async () => {
  await using folder = await tempFolder('sigterm');
  await using feed = await startFeed({ perTick: 200 });
  await writeFile(join(folder.path, 'feed.yaml'), feedConfig(feed.url));
  {
    await using worker = await startWorker(['start', 'feed.yaml'], { cwd: folder.path });
    await worker.holds('feed', 20_000);
    const startedAt = performance.now();
    const { code, stderr } = await worker.stop('SIGTERM');
    const took = performance.now() - startedAt;
    equal(code, 0, stderr);
    ok(took < 5000, `${Math.round(took)} ms`);
  }
  await writeFile(join(folder.path, 'empty.yaml'), 'worker: { group.id: other }\n');
  await using reader = await startWorker(['start', 'empty.yaml'], { cwd: folder.path });
  const numbers = numbersOf(await reader.records('feed'));
  ok(numbers.length >= 20_000);
  deepEqual(
    numbers,
    numbers.map((_, i) => i),
  );
});

test('kill -9 under load: the next start says so, and neither doubles nor loses what the topic had', async () => {
  await using folder = await tempFolder('kill');
  await using feed = await startFeed({ perTick: 100 });
  await writeFile(join(folder.path, 'feed.yaml'), feedConfig(feed.url));
  let acknowledged = 0;
  {
    await using worker = await startWorker(['start', 'feed.yaml'], { cwd: folder.path });
    await worker.holds('feed', 5000);
    acknowledged = await worker.metric('kafka_connect_source_task_source_record_write_total');
    await worker.stop('SIGKILL');
  }
  await using again = await startWorker(['start', 'feed.yaml'], { cwd: folder.path });
  await again.waitFor('unclean_previous_end');
  match(again.stderr(), /"event":"unclean_previous_end"/);
  const before = (await again.records('feed')).length;
  ok(before >= acknowledged, `${before} of ${acknowledged} acknowledged records are there`);
  await again.holds('feed', before + 1000);
  const numbers = numbersOf(await again.records('feed'));
  deepEqual(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
    'out of order, or twice',
  );
  deepEqual(
    numbers.slice(0, acknowledged),
    Array.from({ length: acknowledged }, (_, i) => i),
  );
  equal((await again.stop()).code, 0);
});
