import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { type LogEntry, recordingLog } from '../../telemetry/log.ts';
import type { Hearing } from './hearing.ts';
import { Others } from './others.ts';

const group = { groupId: 'g', clusterId: 'c' };
const hears: Hearing = { agoMs: 100, forMs: 60_000 };
const silent: Hearing = { agoMs: 9_900, forMs: 60_000 };

/** Others at these addresses; an Error is one that does not answer. The silence began at 0. */
function bench(answers: Readonly<Record<string, Hearing | Error | undefined>>) {
  const clock = new ManualClock(10_000);
  const asked: string[] = [];
  const log: LogEntry[] = [];
  const others = new Others({
    ask: async (url, of) => {
      deepEqual(of, group);
      asked.push(url);
      const answer = answers[url];
      if (answer instanceof Error) throw answer;
      return answer;
    },
    urls: () => Object.keys(answers),
    sessionTimeoutMs: 10_000,
    log: recordingLog(log),
    clock,
  });
  return { clock, asked, log, answers, look: () => others.whoHears(group, 0) };
}

for (const { what, answers, found } of [
  { what: 'one hears the group', answers: { a: silent, b: new Error('refused'), c: hears }, found: 'c' },
  { what: 'none hears it', answers: { a: silent, b: silent }, found: undefined },
  { what: 'none answers', answers: { a: new Error('refused'), b: new Error('refused') }, found: undefined },
  { what: 'one is of another group', answers: { a: undefined }, found: undefined },
  { what: 'there is none', answers: {}, found: undefined },
] satisfies {
  readonly what: string;
  readonly answers: Readonly<Record<string, Hearing | Error | undefined>>;
  readonly found: string | undefined;
}[]) {
  test(`others are asked: ${what}`, async () => {
    const { look, asked } = bench(answers);
    equal(await look(), found);
    deepEqual(asked, Object.keys(answers));
  });
}

test('they are asked again after two seconds, and one that does not answer is told of once a minute', async () => {
  const it = bench({ a: new Error('refused') });
  await it.look();
  it.clock.advance(1_999);
  await it.look();
  deepEqual(it.asked, ['a']);
  it.clock.advance(1);
  await it.look();
  deepEqual(it.asked, ['a', 'a']);
  const told = it.log.map(({ event, fields }) => ({ event, ...fields }));
  deepEqual(told, [{ event: 'other_worker_not_asked', worker: 'a', reason: 'refused' }]);
});

test('of many, eight are asked at once, and the others in their turn', async () => {
  const urls = Array.from({ length: 20 }, (_, n) => `w${n}`);
  const it = bench(Object.fromEntries(urls.map((url) => [url, silent])));
  for (let round = 0; round < 3; round++) {
    await it.look();
    equal(it.asked.length, (round + 1) * 8);
    it.clock.advance(2_000);
  }
  deepEqual(new Set(it.asked), new Set(urls));
});
