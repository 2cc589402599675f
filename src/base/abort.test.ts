import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { abortable, abortError, sleep, throwIfAborted, withTimeout } from './abort.ts';
import { isError } from './errors.ts';

test('throwIfAborted: names what was stopped and keeps the reason', () => {
  throwIfAborted(undefined, 'Reading');
  throwIfAborted(new AbortController().signal, 'Reading');
  const reason = new Error('enough');
  throws(
    () => throwIfAborted(AbortSignal.abort(reason), 'Reading'),
    (error) =>
      isError(error, 'ABORTED') &&
      !error.retriable &&
      error.cause === reason &&
      /^Reading was stopped/.test(error.message),
  );
  equal(abortError(undefined, 'Reading').cause, undefined);
});

test('sleep: ends at its time or with its signal, without an error, and leaves no listener', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const stop = new AbortController();
  const ended: string[] = [];
  const note = (name: string) => () => void ended.push(name);
  const sleeps = [
    sleep(100).then(note('100')),
    sleep(200, stop.signal).then(note('200')),
    sleep(1000, stop.signal).then(note('stopped')),
    sleep(1000, AbortSignal.abort()).then(note('at once')),
  ];
  await sleeps[3];
  t.mock.timers.tick(99);
  await turn();
  deepEqual(ended, ['at once']);
  t.mock.timers.tick(1);
  await turn();
  t.mock.timers.tick(100);
  await turn();
  deepEqual(ended, ['at once', '100', '200']);
  stop.abort();
  await Promise.all(sleeps);
  deepEqual(ended, ['at once', '100', '200', 'stopped']);
  deepEqual(getEventListeners(stop.signal, 'abort'), []);
});

test('abortable: gives what the promise gives while nobody stops it, and leaves no listener', async () => {
  const { signal } = new AbortController();
  equal(await abortable(Promise.resolve(5), undefined, 'x'), 5);
  equal(await abortable(Promise.resolve(6), signal, 'x'), 6);
  await rejects(abortable(Promise.reject(new Error('own')), signal, 'x'), /own/);
  await turn();
  deepEqual(getEventListeners(signal, 'abort'), []);
});

test('abortable: ends with ABORTED when the signal aborts, and what fails later is not unhandled', async () => {
  const stop = new AbortController();
  let fail = (_: Error): void => {};
  const promise = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const waiting = abortable(promise, stop.signal, 'Waiting');
  stop.abort();
  await rejects(waiting, { code: 'ABORTED', message: 'Waiting was stopped before it was done' });
  fail(new Error('late'));
  await turn();
  await rejects(abortable(Promise.reject(new Error('unseen')), AbortSignal.abort(), 'Waiting'), { code: 'ABORTED' });
  await turn();
});

test('withTimeout: what is in time passes, what is late is TIMEOUT and may be tried again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  equal(await withTimeout(Promise.resolve('in time'), 100, 'Asking'), 'in time');
  await rejects(withTimeout(Promise.reject(new Error('own')), 100, 'Asking'), /own/);
  const late = rejects(withTimeout(new Promise(() => {}), 100, 'Asking'), {
    code: 'TIMEOUT',
    retriable: true,
    message: 'Asking took longer than 100 ms',
  });
  t.mock.timers.tick(100);
  await late;
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
