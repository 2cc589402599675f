import { equal, ok } from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { freePorts } from './free-ports.ts';

test('ports that were given are not given again soon, though nobody listens on them, and lie below those of outgoing connections', async () => {
  const ports = [...(await freePorts(20)), ...(await freePorts(20))];
  equal(new Set(ports).size, 40);
  ok(ports.every((port) => port >= 15_000 && port < 32_000));
});

test('a port that somebody listens on is not given', async () => {
  const [last] = await freePorts(1);
  const taken = createServer().listen(last! + 1, '127.0.0.1');
  // Taken by a stranger it is taken all the same.
  await new Promise((go) => taken.once('listening', go).once('error', go));
  try {
    const next = await freePorts(1);
    ok(next[0] !== last! + 1, `${next[0]}`);
  } finally {
    taken.close();
  }
});
