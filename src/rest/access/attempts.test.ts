import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Attempts } from './attempts.ts';

function spent(address: string, times = 10): Attempts {
  const attempts = new Attempts();
  for (let i = 0; i < times; i++) attempts.begin(address, 0);
  return attempts;
}

test('ten tries at once, then one every six seconds', () => {
  const attempts = spent('1.1.1.1');
  equal(attempts.waitMs('1.1.1.1', 0), 6_000);
  equal(attempts.waitMs('1.1.1.1', 5_000), 1_000);
  equal(attempts.waitMs('1.1.1.1', 6_000), 0);
  attempts.begin('1.1.1.1', 6_000);
  equal(attempts.waitMs('1.1.1.1', 6_000), 6_000);
});

test('nine tries leave one', () => equal(spent('1.1.1.1', 9).waitMs('1.1.1.1', 0), 0));

test('a login that succeeds gives its try back', () => {
  const attempts = spent('1.1.1.1');
  attempts.succeeded('1.1.1.1');
  equal(attempts.waitMs('1.1.1.1', 0), 0);
});

for (const [one, other, together] of [
  ['1.1.1.1', '1.1.1.2', false],
  ['::ffff:1.1.1.1', '1.1.1.1', true],
  ['2001:db8:0:1::1', '2001:db8:0:1:ffff::2', true],
  ['2001:db8:0:1::1', '2001:db8:0:2::1', false],
  ['fe80::1%eth0', 'fe80::2', true],
  ['::1', '::1', true],
] as const) {
  test(`${one} and ${other} ${together ? 'share' : 'do not share'} their tries`, () => {
    equal(spent(one).waitMs(other, 0) > 0, together);
  });
}

test('addresses that are remembered are bounded; the one longest unheard of is forgotten', () => {
  const attempts = spent('first');
  for (let i = 0; i < 10_000; i++) attempts.begin(`a${i}`, 0);
  equal(attempts.waitMs('first', 0), 0);
  ok(spent('first').waitMs('first', 0) > 0);
});
