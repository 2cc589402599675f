import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { SharedQuestion } from './shared-question.ts';

test('a thousand that ask at once are two questions, and nobody gets an answer that is older than the call', async () => {
  let asked = 0;
  let done = 0;
  const question = new SharedQuestion(
    async () => ++asked,
    () => done++,
  );
  const answers = await Promise.all(Array.from({ length: 1000 }, () => question.ask()));
  deepEqual(answers, [1, ...Array.from({ length: 999 }, () => 2)]);
  equal(done, 1);
  equal(await question.ask(), 3);
  equal(done, 2);
});

test('a question that fails is told to those who shared it, and the next one is asked anew', async () => {
  let asked = 0;
  const question = new SharedQuestion(async () => {
    if (++asked === 1) throw new Error('away');
    return asked;
  });
  const [first, second] = [question.ask(), question.ask()];
  await rejects(first, /away/);
  equal(await second, 2);
});
