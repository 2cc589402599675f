import { deepEqual, throws } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isError } from '../../base/errors.ts';
import { checkJavaPattern, javaPattern } from './java-pattern.ts';

interface Case {
  readonly regex: string;
  readonly text: string;
  readonly java: { readonly matches?: boolean; readonly replaced?: string; readonly bad?: string };
}

test('patterns match, replace and are refused as in Java', () => {
  const cases = readFileSync(new URL('../../../test/conformance/java/patterns.jsonl', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Case);
  for (const { regex, text, java } of cases) {
    const bad = checkJavaPattern(regex);
    const ours =
      bad === undefined
        ? { matches: javaPattern(regex).matches(text), replaced: javaPattern(regex).replaceFirst(text, '<$0>') }
        : { bad };
    deepEqual(ours, java, JSON.stringify({ regex, text }));
  }
});

for (const [pattern, text, replacement, result] of [
  ['(\\d+)-(?<name>\\w+)', '12-ab', '$' + '{name}_$1', 'ab_12'],
  ['(a)', 'a', '$11', 'a1'],
  ['a', 'a', '\\$1\\\\', '$1\\'],
  ['(a)|b', 'b', '[$1]', '[]'],
] as const) {
  test(`${pattern} in "${text}" with ${replacement} is "${result}"`, () => {
    deepEqual(javaPattern(pattern).replaceFirst(text, replacement), result);
  });
}

for (const replacement of ['$', '$2', '$' + '{nope}', '$' + '{', '\\']) {
  test(`the replacement ${replacement} is refused`, () => {
    throws(
      () => javaPattern('(a)').replaceFirst('a', replacement),
      (error) => isError(error, 'CONFIG_INVALID'),
    );
  });
}

test('a pattern that cannot be is an error with the place of the fault', () => {
  throws(() => javaPattern('a('), /Cannot use the pattern "a\(": Unclosed group near index 2/);
});
