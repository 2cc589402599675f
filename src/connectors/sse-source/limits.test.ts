/** Names that are wanted, places for open streams, spaces between requests. */
import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nameFilter } from './name-filter.ts';
import { StreamSlots } from './stream-slots.ts';

describe('names', () => {
  for (const [names, excluded, name, wanted] of [
    [[], [], 'anything', true],
    [['a'], [], 'a', true],
    [['a'], [], 'A', false],
    [['a'], [], 'ab', false],
    [['a*'], [], 'ab', true],
    [['*.b'], [], 'a.b', true],
    [['*.b'], [], 'axb', false],
    [['a*z'], [], 'a\nz', true],
    [['a**z'], [], 'az', true],
    [['*'], ['x'], 'x', false],
    [[], ['x*'], 'y', true],
    [['(a|b)'], [], 'a', false],
    [['é*'], [], 'é🌍', true],
  ] as const) {
    test(`${names} without ${excluded} ${wanted ? 'takes' : 'leaves'} ${JSON.stringify(name)}`, () =>
      equal(nameFilter(names, excluded)(name), wanted));
  }
});

describe('places for streams', () => {
  const never = new AbortController().signal;

  test('are given in order, by origin, and given back once', async () => {
    const slots = new StreamSlots();
    const first = (await slots.enter('a', 1, never))!;
    const order: number[] = [];
    const second = slots.enter('a', 1, never).then(() => order.push(2));
    const third = slots.enter('a', 2, never).then(() => order.push(3));
    equal(slots.hasRoom('a', 5), false); // others wait already
    await slots.enter('b', 1, never);
    deepEqual(order, []);
    first();
    first();
    await second;
    await third; // its bound is two
    deepEqual(order, [2, 3]);
    equal(slots.hasRoom('a', 2), false);
    equal(slots.hasRoom('a', 3), true);
  });

  test('one that gives up makes way for those behind it', async () => {
    const slots = new StreamSlots();
    await slots.enter('a', 1, never);
    const patience = new AbortController();
    const low = slots.enter('a', 1, patience.signal);
    const high = slots.enter('a', 2, never);
    patience.abort();
    equal(await low, undefined);
    equal(typeof (await high), 'function');
    equal(await slots.enter('a', 9, patience.signal), undefined);
  });
});
