import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nearestName, suggest } from './nearest.ts';

const names = ['websocket.url', 'websocket.overflow', 'topic', 'a', 'on'];

const cases: readonly (readonly [typed: string, nearest: string | undefined])[] = [
  ['websocket.ulr', 'websocket.url'], // neighbours swapped: one mistake
  ['websocket.ur', 'websocket.url'],
  ['websockett.url', 'websocket.url'],
  ['WEBSOCKET.URL', 'websocket.url'],
  ['topik', 'topic'],
  ['tpc', undefined], // two mistakes in three letters
  ['b', 'a'], // one letter may always be wrong
  ['', 'a'],
  ['kafka.bootstrap.servers', undefined],
];

for (const [typed, nearest] of cases) {
  test(`"${typed}" is taken for ${nearest ?? 'nothing'}`, () => equal(nearestName(typed, names), nearest));
}

test('the nearest of several wins, the first of equals', () => {
  equal(nearestName('topics', ['topic', 'tropics', 'topica']), 'topic');
  equal(nearestName('topics', ['tropics', 'topics.x', 'topics']), 'topics');
  equal(nearestName('x', []), undefined);
});

test('suggest: a sentence, or nothing', () => {
  equal(suggest('topik', names), ' Did you mean "topic"?');
  equal(suggest('zzzzzzzz', names), '');
});

test('a name is always nearest to itself, and one wrong letter never hides it', () => {
  const name = fc.string({ minLength: 4, maxLength: 20, unit: fc.constantFrom(...'abcdef.') });
  fc.assert(
    fc.property(fc.array(name, { minLength: 1 }), fc.nat(), fc.nat(), (known, which, where) => {
      const wanted = known[which % known.length]!;
      equal(nearestName(wanted, known), wanted);
      const at = where % wanted.length;
      const typed = `${wanted.slice(0, at)}z${wanted.slice(at + 1)}`;
      ok(nearestName(typed, known) !== undefined);
    }),
  );
});
