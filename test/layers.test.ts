import { deepEqual, match, ok } from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { importsOf, layerBreaches } from './support/layers.ts';

const root = new URL('..', import.meta.url);

test('no file of the house imports what its place may not', () => {
  const paths = globSync('src/**/*.ts', { cwd: root.pathname });
  ok(paths.length > 10, `only ${paths.length} files found`);
  const files = paths.map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }));
  deepEqual(layerBreaches(files), []);
});

/** One planted breach for each rule: the checker must name it. */
const breaches: readonly { readonly path: string; readonly text: string; readonly what: RegExp }[] = [
  { path: 'src/base/x.ts', text: "import { a } from '../record/record.ts';", what: /base must not import record/ },
  { path: 'src/base/x.ts', text: "import ws from 'ws';", what: /base imports nothing of others/ },
  { path: 'src/record/x.ts', text: "import { a } from '../config/option.ts';", what: /record must not import config/ },
  { path: 'src/config/x.ts', text: "import { a } from '../record/record.ts';", what: /config must not import record/ },
  {
    path: 'src/telemetry/x.ts',
    text: "import { a } from '../config/option.ts';",
    what: /telemetry must not import config/,
  },
  {
    path: 'src/wire/sse/x.ts',
    text: "import { a } from '../../config/option.ts';",
    what: /wire must not import config/,
  },
  {
    path: 'src/broker/broker.ts',
    text: "import { a } from './kafka/client.ts';",
    what: /broker\(port\) must not import broker\/kafka/,
  },
  {
    path: 'src/broker/kafka/x.ts',
    text: "import { a } from '../embedded/store.ts';",
    what: /broker\/kafka must not import broker\/embedded/,
  },
  {
    path: 'src/broker/embedded/x.ts',
    text: "import { a } from '../kafka/x.ts';",
    what: /broker\/embedded must not import broker\/kafka/,
  },
  {
    path: 'src/source/x.ts',
    text: "import { a } from '../connectors/contract.ts';",
    what: /source must not import connectors\(contract\)/,
  },
  {
    path: 'src/convert/x.ts',
    text: "import { a } from '../worker/worker.ts';",
    what: /convert must not import worker/,
  },
  {
    path: 'src/transform/x.ts',
    text: "import { a } from '../convert/json.ts';",
    what: /transform must not import convert/,
  },
  {
    path: 'src/registry/x.ts',
    text: "import { a } from '../worker/worker.ts';",
    what: /registry must not import worker/,
  },
  { path: 'src/net/x.ts', text: "import { a } from '../record/record.ts';", what: /net must not import record/ },
  {
    path: 'src/connectors/contract.ts',
    text: "import { a } from '../worker/x.ts';",
    what: /connectors\(contract\) must not import worker/,
  },
  {
    path: 'src/connectors/a/task.ts',
    text: "import { a } from '../b/task.ts';",
    what: /connectors must not import connectors/,
  },
  {
    path: 'src/connectors/a/task.ts',
    text: "import { a } from '../../broker/broker.ts';",
    what: /connectors must not import broker\(port\)/,
  },
  {
    path: 'src/worker/x.ts',
    text: "import { a } from '../broker/kafka/x.ts';",
    what: /worker must not import broker\/kafka/,
  },
  {
    path: 'src/worker/x.ts',
    text: "import { a } from '../connectors/a/spec.ts';",
    what: /worker must not import connectors/,
  },
  {
    path: 'src/rest/x.ts',
    text: "import { a } from '../broker/broker.ts';",
    what: /rest must not import broker\(port\)/,
  },
  {
    path: 'src/rest/client.ts',
    text: "import { a } from '../worker/worker.ts';",
    what: /rest\(client\) must not import worker/,
  },
  { path: 'src/gateway/x.ts', text: "import { a } from '../worker/x.ts';", what: /gateway must not import worker/ },
  {
    path: 'src/sql/x.ts',
    text: "import { a } from '../broker/broker.ts';",
    what: /sql must not import broker\(port\)/,
  },
  {
    path: 'src/sql/runtime/x.ts',
    text: "import { a } from '../../worker/x.ts';",
    what: /sql\/runtime must not import worker/,
  },
  { path: 'src/cli/x.ts', text: "import { a } from '../worker/x.ts';", what: /cli must not import worker/ },
  {
    path: 'src/worker/x.ts',
    text: "import { Kafka } from '@platformatic/kafka';",
    what: /may import the Kafka client/,
  },
  { path: 'src/worker/x.ts', text: "const s = await import('node:sqlite');", what: /may import SQLite/ },
  {
    path: 'src/record/x.ts',
    text: "import { readFileSync } from 'node:fs';",
    what: /pure code must not import node:fs/,
  },
  {
    path: 'src/record/x.ts',
    text: "import { createGzip } from 'node:zlib';",
    what: /synchronous part of node:zlib, not createGzip/,
  },
  { path: 'src/config/x.ts', text: "import { request } from 'undici';", what: /pure code must not import undici/ },
  { path: 'src/wire/x.ts', text: 'const t = Date.now();', what: /must not call Date\.now/ },
  { path: 'src/connectors/a/state.ts', text: 'const t = Math.random();', what: /must not call Math\.random/ },
  { path: 'src/gateway/session.ts', text: 'setTimeout(f, 1);', what: /must not call setTimeout/ },
  { path: 'src/utils/x.ts', text: '', what: /lies in no room/ },
  { path: 'src/record/x.ts', text: 'export default 1;', what: /default export/ },
];

for (const { path, text, what } of breaches) {
  test(`a breach is found: ${path} with ${text}`, () => {
    const found = layerBreaches([{ path, text }]);
    ok(found.length > 0, 'nothing found');
    match(found.map((breach) => breach.what).join('\n'), what);
  });
}

test('imports are found in every form, and not in comments', () => {
  const text = `
    import 'a'; import b from 'b'; import { c } from "c"; export * from 'd'; const e = await import('e');
    // import 'no'
    /* import 'no' */
    import type { F } from 'f';`;
  deepEqual(importsOf(text).sort(), ['a', 'b', 'c', 'd', 'e', 'f']);
});
