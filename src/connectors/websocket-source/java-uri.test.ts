import { deepEqual, equal, match } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type JavaUri, parseJavaUri } from './java-uri.ts';

interface Case {
  readonly text: string;
  readonly uri?: JavaUri;
  /** Message of Java's URISyntaxException. */
  readonly message?: string;
}

const file = new URL('../../../test/conformance/websocket/java-uri.jsonl', import.meta.url);
const cases = readFileSync(file, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

for (const { text, uri, message } of cases) {
  test(`${JSON.stringify(text)} is ${uri === undefined ? 'refused' : 'read'} as java.net.URI (JDK 17) does`, () => {
    const parsed = parseJavaUri(text);
    if (uri !== undefined) deepEqual(parsed, { ok: true, uri });
    else if (parsed.ok) throw new Error(`it was read: ${JSON.stringify(parsed.uri)}`);
    // What exactly is wrong with an IPv6 address is told in fewer words.
    else if (message!.startsWith('IPv6')) match(parsed.problem, /^Malformed IPv6 address/);
    else equal(`${parsed.problem}${parsed.index < 0 ? '' : ` at index ${parsed.index}`}: ${text}`, message);
  });
}
