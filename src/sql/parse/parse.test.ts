import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createContext, Script } from 'node:vm';
import fc from 'fast-check';
import { arbitraryScript } from '../../../test/support/arbitrary-script.ts';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import { print } from '../ast/print.ts';
import { SqlError } from '../sql-error.ts';
import { parse } from './parse.ts';

const long = process.env['TEST_LONG'] === '1';

/** The same tree with every place 0. */
function withoutPlaces(node: unknown): unknown {
  return JSON.parse(
    JSON.stringify(node, (key, value) =>
      /^(at|orderAt)$/.test(key) ? 0 : typeof value === 'bigint' ? `${value}n` : value,
    ),
  );
}

test(`what is printed parses to the same tree (seed ${testSeed})`, () => {
  const property = fc.property(arbitraryScript, (script) => {
    deepEqual(withoutPlaces(parse(print(script))), withoutPlaces(script));
  });
  fc.assert(property, { numRuns: long ? 20_000 : 500, seed: testSeed });
});

test(`no input crashes or hangs the parser (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  const pieces = [
    ...'SELECT FROM WHERE WINDOW TUMBLING GROUP BY HAVING ORDER LIMIT INSERT INTO CREATE STREAM TABLE WITH JOIN ON AS'.split(
      ' ',
    ),
    ...'PATTERN SEQUENCE EVERY WITHIN PARTITION OF BEGIN END CASE WHEN THEN ELSE CAST AND OR NOT IN IS NULL BETWEEN'.split(
      ' ',
    ),
    ...'( ) [ ] , ; . = <> <= -> ->> || + - * / % \' " -- /* */ { } ? ~ 😀 é \0 \n 1 1.5 .5 1e9 1e a b "x" \'s\' sec'.split(
      ' ',
    ),
  ];
  const runs = long ? 1_000_000 : 10_000;
  for (let run = 0; run < runs; run++) {
    const count = 1 + Math.floor(random() * 30);
    const words = Array.from({ length: count }, () => pieces[Math.floor(random() * pieces.length)]!);
    parsesOrRefuses(words.join(random() < 0.8 ? ' ' : ''));
  }
});

test(`a script that was damaged parses or is refused in time (seed ${testSeed})`, () => {
  const random = seeded(testSeed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const scripts = conformanceScripts();
  const someOf = (script: string): string => {
    const from = below(script.length);
    return script.slice(from, from + 1 + below(40));
  };
  /** Something of a script goes away, comes twice, or gives way to something of another one or to a single odd character. */
  const damaged = (script: string): string => {
    const at = below(script.length + 1);
    const behind = script.slice(at);
    const odd = [...'\'"`()[]{};,.*-/\\?~$0 \0\n\u{1f600}', '--', '/*', '*/', '->>', '1e999', '9'.repeat(400)];
    const ways = [
      () => behind.slice(1 + below(40)),
      () => behind.slice(0, 1 + below(40)) + behind,
      () => someOf(scripts[below(scripts.length)]!) + behind.slice(below(40)),
      () => odd[below(odd.length)]! + behind.slice(below(2)),
      () => '',
    ];
    return script.slice(0, at) + ways[below(ways.length)]!();
  };
  for (let run = 0; run < fuzzRuns(2000); run++) {
    let script = scripts[below(scripts.length)]!;
    for (let count = 1 + below(4); count > 0; count--) script = damaged(script);
    withinTime(() => parsesOrRefuses(script), script);
  }
});

test('deep nesting is refused, not a crash', () => {
  for (const [open, close] of [
    ['(', ')'],
    ['NOT ', ''],
    ['- ', ''],
    ['CASE WHEN TRUE THEN ', ' END'],
    ['ABS(', ')'],
  ]) {
    const script = `SELECT ${open!.repeat(20_000)}1${close!.repeat(20_000)} FROM x`;
    throws(() => parse(script), { sqlCode: 'E_SYNTAX' }, open);
  }
});

test('an error shows the line with a caret under the place, and no secret', () => {
  const script = `CREATE STREAM S (a LONG) WITH (\n  "websocket.headers.Authorization" = 'Bearer abc', x y);`;
  throws(
    () => parse(script),
    (error: SqlError) => {
      equal(error.message, "E_SYNTAX at line 2, column 55: expected '=', found 'y'");
      const [, line, caret] = error.explanation.split('\n');
      equal(line, `2 |   "websocket.headers.Authorization" = '**********', x y);`);
      equal(caret!.indexOf('^'), line!.indexOf('y)'));
      return true;
    },
  );
});

test('an empty line at the end is nothing', () => {
  equal(parse('SELECT a FROM x\n').statements.length, 1);
});

test('a stream that is called as an operator is qualified like any other', () => {
  const script = parse('SELECT In.a, In.* FROM In WHERE NOT In.a IN (In.b, 1)');
  equal(print(script), 'SELECT "In"."a", "In".* FROM "In" WHERE NOT (("In"."a") IN ("In"."b", 1));');
});

function parsesOrRefuses(script: string): void {
  try {
    parse(script);
  } catch (error) {
    ok(error instanceof SqlError, `${JSON.stringify(script)}: ${error}`);
    ok(error.line >= 1 && error.column >= 1);
  }
}

const patienceMs = 5000;
const sandbox: { work: () => void } = { work() {} };
const context = createContext(sandbox);
const call = new Script('work()');

/** Nothing but V8 itself ends a loop that never waits. */
function withinTime(work: () => void, input: string): void {
  sandbox.work = work;
  try {
    call.runInContext(context, { timeout: patienceMs });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new Error(`Not within ${patienceMs} ms: ${JSON.stringify(input)}`);
  }
}

function conformanceScripts(): string[] {
  const folder = join(import.meta.dirname, '../../../test/conformance/sql/cases');
  return readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'))
    .map((line) => (JSON.parse(line) as { sql: string }).sql);
}
