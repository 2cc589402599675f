import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { seeded, testSeed } from '../../../test/support/random.ts';
import { encodePosition, type Position } from '../../wire/gateway/position.ts';
import { PositionTexts } from './position-texts.ts';

test(`texts are those of the positions, whoever asked before, also where partitions move from topic to topic (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  const texts = new PositionTexts();
  const next = (): number | null => (random() < 0.2 ? null : Math.floor(random() * 3));
  for (let round = 0; round < 3000; round++) {
    const position: Position = new Map(
      Array.from({ length: Math.floor(random() * 3) }, (_, at) => [
        `t${at + Math.floor(random() * 2)}`,
        { tag: random() < 0.5 ? '00000000' : '01234567', next: Array.from({ length: Math.floor(random() * 5) }, next) },
      ]),
    );
    equal(texts.of(position), encodePosition(position));
    equal(texts.of(structuredClone(position)), encodePosition(position));
  }
});

test('a position that has moved on since is another one, although it is the same object', () => {
  const texts = new PositionTexts();
  const next = [1];
  const position: Position = new Map([['t', { tag: '00000000', next }]]);
  const before = texts.of(position);
  next[0] = 2;
  equal(texts.of(position), encodePosition(position));
  next[0] = 1;
  equal(texts.of(position), before);
});
