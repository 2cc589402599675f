import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { parseVersionRange } from './plugin-version.ts';

for (const [range, version, has, text = range] of [
  ['1.0.0', '1.0.0', true, '[1.0.0,1.0.0]'],
  ['99.0.0', '1.0.0', false, '[99.0.0,99.0.0]'],
  ['[1.0]', '1.0.0', true, '[1.0,1.0]'],
  ['[0.1,99)', '1.0.0', true],
  ['[1.0.0,2)', '1.0.0', true],
  ['(1.0.0,2)', '1.0.0', false],
  ['(,1.0]', '1.0.0', true],
  ['(,1.0)', '1.0.0', false],
  ['[2,)', '10.0', true],
  ['(,1.0],[3,4)', '3.5', true],
  ['(,1.0],[3,4)', '2', false],
  ['[1.0-beta,1.0]', '1.0', true],
  ['(,1.0)', '1.0-beta', true],
] as const) {
  test(`${range} ${has ? 'has' : 'has not'} ${version}`, () => {
    const parsed = parseVersionRange(range);
    equal(parsed.has(version), has);
    equal(parsed.text, text);
  });
}

for (const [range, problem] of [
  ['[1', 'Unbounded range: [1'],
  ['(1.0)', 'Single version must be surrounded by []: (1.0)'],
  ['[2,1]', 'Range defies version ordering: [2,1]'],
] as const) {
  test(`${range} is no range`, () => {
    throws(() => parseVersionRange(range), { code: 'CONFIG_INVALID', message: problem });
  });
}
