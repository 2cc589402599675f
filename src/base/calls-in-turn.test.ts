import { deepEqual, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { CallsInTurn } from './calls-in-turn.ts';

test('a call begins when the one before is over, though nobody waits for that any more', async () => {
  const calls = new CallsInTurn();
  const seen: string[] = [];
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  const stop = new AbortController();
  const first = calls.run('the first', stop.signal, async () => {
    seen.push('first begins');
    await held;
    seen.push('first ends');
  });
  const second = calls.run('the second', undefined, () => void seen.push('second'));
  const third = calls.run('the third', stop.signal, () => void seen.push('third'));
  await new Promise((next) => setImmediate(next));
  stop.abort();
  await rejects(first, { code: 'ABORTED' });
  await rejects(third, { code: 'ABORTED' });
  letGo();
  await second;
  await calls.settled();
  deepEqual(seen, ['first begins', 'first ends', 'second']);
});

test('a call that fails is told to its caller alone', async () => {
  const calls = new CallsInTurn();
  const failing = calls.run('it', undefined, () => {
    throw new Error('no');
  });
  const next = calls.run('it', undefined, () => {});
  await rejects(failing, { message: 'no' });
  await next;
});
