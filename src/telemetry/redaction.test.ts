import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { Redaction } from './redaction.ts';

function redaction(...texts: readonly string[]): Redaction {
  const made = new Redaction();
  made.add(texts);
  return made;
}

test('a secret is taken out wherever it stands, as it is, in JSON and in a URL', () => {
  const made = redaction('pa"ss/word');
  equal(made.text('a pa"ss/word b'), 'a ****** b');
  equal(made.text(JSON.stringify({ x: 'pa"ss/word' })), '{"x":"******"}');
  equal(made.text('?t=pa%22ss%2Fword'), '?t=******');
});

test('a secret within another one leaves nothing of the longer one', () => {
  equal(redaction('secret', 'my-secret-2').text('my-secret-2, secret'), '******, ******');
});

test('texts that are too short are not looked for', () => equal(redaction('abcd', '').text('abcd'), 'abcd'));

test('fields of a log line, however deep', () => {
  deepEqual(redaction('secret').value({ a: 'my secret', b: [{ c: 'secret' }], d: 1, e: null }), {
    a: 'my ******',
    b: [{ c: '******' }],
    d: 1,
    e: null,
  });
});

test('what is remembered is bounded', () => {
  const made = redaction('the-first');
  made.add(Array.from({ length: 10_000 }, (_, i) => `secret-${i}`));
  equal(made.text('the-first secret-9999'), 'the-first ******');
});
