import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type AnswerSettings, Answers } from './answers.ts';

const both: AnswerSettings = { confirmation: /^ok /u, refusal: /"error"/u, timeoutMs: 1_000 };

/** Answers to as many subscriptions, sent at 0; `at` says what a message of that time was taken for, and how many are missing. */
function answersTo(subscriptions: number, settings: AnswerSettings = both) {
  const told: string[] = [];
  const answers = new Answers(settings, (answer) => {
    told.push(answer.kind === 'refused' ? answer.text : answer.kind);
  });
  answers.expect(subscriptions, 0);
  const at = (nowMs: number, text: string): string => {
    const before = told.length;
    const isAwaited = answers.isAwaited(nowMs);
    if (isAwaited) answers.see(Buffer.from(text));
    return `${isAwaited ? told.slice(before).join(', ') || 'seen' : 'not looked at'}, ${answers.missing} missing`;
  };
  return { answers, at };
}

test('confirmations and refusals count in whatever order they come, with data between', () => {
  const { at } = answersTo(3);
  deepEqual(
    ['data', 'ok c', '{"error":"a"}', 'data', 'ok b', 'data'].map((text) => at(0, text)),
    [
      'seen, 3 missing',
      'confirmed, 2 missing',
      '{"error":"a"}, 1 missing',
      'seen, 1 missing',
      'confirmed, 0 missing',
      'seen, 0 missing',
    ],
  );
});

test('one subscription that is confirmed twice takes the place of another, and the refusal of that one is told all the same', () => {
  const { at } = answersTo(2);
  deepEqual(
    ['ok a', 'ok a, too', 'ok a, once more', '{"error":"b"}'].map((text) => at(999, text)),
    ['confirmed, 1 missing', 'confirmed, 0 missing', 'seen, 0 missing', '{"error":"b"}, 0 missing'],
  );
});

test('a refusal behind the last confirmation is told until the timeout, and is a message like any other behind it', () => {
  const { at } = answersTo(1);
  equal(at(0, 'ok a'), 'confirmed, 0 missing');
  equal(at(999, '{"error":"a, after all"}'), '{"error":"a, after all"}, 0 missing');
  equal(at(1_000, '{"error":"later"}'), 'not looked at, 0 missing');
});

test('what is missing behind the timeout is looked for all the same: our own queue may have held the connection back', () => {
  const { at } = answersTo(2);
  equal(at(1_000, 'ok a'), 'confirmed, 1 missing');
  equal(at(5_000, '{"error":"b"}'), '{"error":"b"}, 0 missing');
  equal(at(5_000, 'ok b'), 'not looked at, 0 missing');
});

test('subscriptions that are sent later begin the time anew', () => {
  const { answers, at } = answersTo(1);
  equal(at(10, 'ok a'), 'confirmed, 0 missing');
  answers.expect(0, 500);
  equal(answers.isAwaited(1_000), false);
  answers.expect(1, 2_000);
  equal(at(2_999, 'ok b'), 'confirmed, 0 missing');
  equal(at(2_999, '{"error":"b"}'), '{"error":"b"}, 0 missing');
  equal(answers.isAwaited(3_000), false);
});

test('with one pattern alone: confirmations until all have come, refusals until the timeout', () => {
  const confirmed = answersTo(1, { ...both, refusal: null });
  equal(confirmed.at(0, 'ok a'), 'confirmed, 0 missing');
  equal(confirmed.at(0, 'ok b'), 'not looked at, 0 missing');
  const refused = answersTo(2, { ...both, confirmation: null });
  equal(refused.at(0, '{"error":"a"}'), '{"error":"a"}, 0 missing');
  equal(refused.at(999, '{"error":"b"}'), '{"error":"b"}, 0 missing');
  equal(refused.at(1_000, '{"error":"c"}'), 'not looked at, 0 missing');
});

test('4096 bytes are an answer, one more is none', () => {
  const { at } = answersTo(2);
  equal(at(0, `ok ${'x'.repeat(4_094)}`), 'seen, 2 missing');
  equal(at(0, `ok ${'ü'.repeat(2_047)}`), 'seen, 2 missing');
  equal(at(0, `ok ${'x'.repeat(4_093)}`), 'confirmed, 1 missing');
});

test('before anything was sent nothing is looked at', () => {
  equal(answersTo(0).at(0, '{"error":"a"}'), 'not looked at, 0 missing');
});
