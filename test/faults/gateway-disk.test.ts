/** A full disk under the embedded broker, as clients of the gateway meet it. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gatewayStand } from '../support/gateway/stand.ts';
import { smallFilesystem, smallFilesystemMissing } from '../support/small-filesystem.ts';

const skip = await smallFilesystemMissing();

test('a full disk: publishes fail with a retryable code and nothing is half written; readers and others go on; with room it goes on', {
  skip,
}, async () => {
  await using disk = await smallFilesystem(12);
  await using stand = await gatewayStand(`embedded:${join(disk.path, 'data')}`);
  await stand.topic('filling');
  await using served = await stand.gateway({}, { deliveryTimeoutMs: 1000 });
  const client = await served.native();
  await client.subscribe(1, { topics: ['filling'] });
  client.send({ type: 'pub', id: 2, topic: 'filling', value: 'before' });
  await client.next('ok', ({ id }) => id === 2);
  const ballast = join(disk.path, 'ballast');
  await writeFile(ballast, Buffer.alloc(20_000_000)).catch((error: NodeJS.ErrnoException) =>
    equal(error.code, 'ENOSPC'),
  );

  let id = 3;
  let stored = 1;
  for (let failed = false; !failed; id++) {
    ok(id < 200, 'the disk is full');
    client.send({ type: 'pub', id, topic: 'filling', value: 'x'.repeat(200_000) });
    const answer = await client.nextOf(['ok', 'error'], (frame) => frame['id'] === id);
    failed = answer.type === 'error';
    if (failed) {
      ok(['unavailable', 'timeout'].includes(answer['code'] as string), JSON.stringify(answer));
      equal(answer['retryable'], true);
    } else stored++;
  }
  client.send({ type: 'ping' });
  await client.next('pong');
  equal((await fetch(`${served.gateway.adminUrl}/healthz`)).status, 200);
  const reader = await served.native();
  await reader.subscribe(1, { topics: ['filling'], from: 'earliest' });
  equal((await reader.values(stored)).length, stored);

  await rm(ballast);
  client.send({ type: 'pub', id, topic: 'filling', value: 'after' });
  equal((await client.nextOf(['ok', 'error'], (frame) => frame['id'] === id)).type, 'ok');
  const rest = await reader.values(1);
  deepEqual(rest.slice(-1), ['after']);
});
