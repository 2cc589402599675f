import { equal, match, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { javaVersion, toolsMissing } from './tools.ts';

for (const [output, version] of [
  ['openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17],
  ['Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "25-ea" 2025-09-16', 25],
  ['openjdk version "21" 2023-09-19', 21],
  ['java version "1.8.0_392"', 8],
  ['nonsense', 0],
  [undefined, 0],
] as const) {
  test(`the version of Java in ${JSON.stringify(output)} is ${version}`, () => equal(javaVersion(output), version));
}

test('a tool that is not there is a reason to skip, and a failure where tools are required', (t) => {
  const { PATH, TOOLS_REQUIRED } = process.env;
  t.after(() => Object.assign(process.env, { PATH }, TOOLS_REQUIRED === undefined ? {} : { TOOLS_REQUIRED }));
  process.env['PATH'] = '/nowhere';
  delete process.env['TOOLS_REQUIRED'];
  match(
    String(toolsMissing(['kcat', 'openssl'])),
    /^Not there: kcat, openssl \(Debian: apt-get install kcat openssl\)$/,
  );
  process.env['TOOLS_REQUIRED'] = '1';
  throws(() => toolsMissing(['promtool']), /Not there: promtool/);
  delete process.env['TOOLS_REQUIRED'];
});
