import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { RateWindow } from './rate-window.ts';

function make() {
  let nowMs = 0;
  const window = new RateWindow({ nowMs: () => 0, monotonicMs: () => nowMs });
  return {
    window,
    at(ms: number, value: number): number {
      nowMs = ms;
      return window.rate('a', value);
    },
  };
}

test('the first time there is no rate yet', () => equal(make().at(0, 100), 0));

test('a rate is over all that is known, to half a minute', () => {
  const { at } = make();
  at(0, 0);
  equal(at(10_000, 50), 5);
  equal(at(30_000, 50), 50 / 30);
  equal(at(60_000, 350), 10); // from 30 s on
  equal(at(90_000, 350), 0);
});

test('one who asks every second does not shorten the window', () => {
  const { at } = make();
  for (let s = 0; s < 60; s++) at(s * 1000, s * 10);
  equal(Math.round(at(60_000, 600)), 10);
});

test('a counter that begins anew has no rate until it is asked for again', () => {
  const { at } = make();
  at(0, 1000);
  equal(at(10_000, 5), 0);
  equal(at(20_000, 15), 1);
});

test('a counter that nobody asks for any more is forgotten', () => {
  const { window, at } = make();
  at(0, 0);
  window.prune();
  window.prune();
  equal(at(10_000, 100), 0);
});
