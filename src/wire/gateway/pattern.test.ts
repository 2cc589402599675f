import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { seeded, testSeed } from '../../../test/support/random.ts';
import { isPattern, topicMatcher } from './pattern.ts';

const cases: readonly (readonly [pattern: string, topic: string, fits: boolean])[] = [
  ['a', 'a', true],
  ['a', 'aa', false],
  ['*', 'anything', true],
  ['a*', 'a', true],
  ['*a', 'ba', true],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['a**b', 'ab', true],
  ['a*b*c', 'a-b-b-c', true],
  ['a*b*c', 'a-c-b', false],
  ['*.eu.*', 'orders.eu.1', true],
  ['*.eu.*', 'orders-eu-1', false],
  ['*ab*ab', 'ab', false],
  ['*ab*ab', 'abab', true],
];

for (const [pattern, topic, fits] of cases) {
  test(`"${pattern}" ${fits ? 'takes' : 'does not take'} "${topic}"`, () => equal(topicMatcher(pattern)(topic), fits));
}

test(`a pattern says what the regular expression of its parts says (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  const word = (letters: string, most: number): string =>
    Array.from({ length: Math.floor(random() * most) }, () => letters[Math.floor(random() * letters.length)]).join('');
  for (let run = 0; run < 20_000; run++) {
    const pattern = word('ab.*', 7);
    const topic = word('ab.', 9);
    const expected = new RegExp(`^${pattern.replaceAll('.', '\\.').replace(/\*+/g, '.*')}$`).test(topic);
    equal(topicMatcher(pattern)(topic), expected, `${pattern} ${topic}`);
  }
});

test('many stars cost no power of time', () => {
  const pattern = `${'a*'.repeat(124)}b`;
  ok(isPattern(pattern));
  const startedMs = performance.now();
  for (let run = 0; run < 1000; run++) equal(topicMatcher(pattern)('a'.repeat(249)), false);
  ok(performance.now() - startedMs < 5000);
});
