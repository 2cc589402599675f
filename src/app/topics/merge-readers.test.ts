import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { mergeReaders } from './merge-readers.ts';

async function* counting(name: string, count: number, taken: string[]): AsyncGenerator<string> {
  for (let i = 0; i < count; i++) {
    taken.push(`${name}${i}`);
    yield `${name}${i}`;
  }
}

test('every item of every reader comes, each reader in order', async () => {
  const all: string[] = [];
  for await (const item of mergeReaders([counting('a', 3, []), counting('b', 2, [])], () => {})) all.push(item);
  deepEqual(
    all.filter((item) => item.startsWith('a')),
    ['a0', 'a1', 'a2'],
  );
  deepEqual(
    all.filter((item) => item.startsWith('b')),
    ['b0', 'b1'],
  );
});

test('a reader is asked for no more than one item ahead', async () => {
  const taken: string[] = [];
  const merged = mergeReaders([counting('a', 100, taken)], () => {});
  await merged.next();
  await merged.next();
  await new Promise((resolve) => setImmediate(resolve));
  equal(taken.length, 2);
  await merged.return();
});

test('leaving the loop stops the readers', async () => {
  const stop = new AbortController();
  async function* endless(): AsyncGenerator<number> {
    yield 1;
    await new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()));
  }
  for await (const item of mergeReaders([endless(), endless()], () => stop.abort())) {
    equal(item, 1);
    break;
  }
  equal(stop.signal.aborted, true);
});

test('the failure of one ends the whole', async () => {
  async function* failing(): AsyncGenerator<number> {
    yield 1;
    throw new Error('broken');
  }
  await rejects(async () => {
    for await (const _ of mergeReaders([failing()], () => {}));
  }, /broken/);
});
