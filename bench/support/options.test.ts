import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { comparedWords, parseOptions, type Takes } from './options.ts';

const known: Readonly<Record<string, Takes>> = {
  ingest: {
    brokers: ['embedded', 'kafka', 'null'],
    more: { peers: ['', 'kafka'], alone: ['', 'kafka'], spool: ['', 'kafka'] },
  },
  sql: { brokers: ['embedded', 'kafka'], more: { parts: ['kafka'] } },
  gateway: { only: ['paced', 'many'], more: { alone: [''] } },
};

const refused: readonly (readonly [words: string, what: string])[] = [
  ['ingst', 'Cannot run the benchmark "ingst": must be one of ingest, sql, gateway. Did you mean "ingest"?'],
  ['--json', 'Cannot use "--json" alone: a benchmark must be named, one of ingest, sql, gateway'],
  ['sql gateway', 'Cannot run sql with "gateway": one benchmark runs at a time'],
  ['sql --runs abc', 'Cannot run sql with --runs "abc": must be a whole number from 1 on'],
  ['sql --runs 0', 'Cannot run sql with --runs "0": must be a whole number from 1 on'],
  ['sql --runs=-1', 'Cannot run sql with --runs "-1": must be a whole number from 1 on'],
  ['sql --runs', 'Cannot run sql with "--runs": must be written as --runs N'],
  ['sql --json=yes', 'Cannot run sql with "--json": must be written as --json'],
  ['sql --broker null', 'Cannot run sql with --broker "null": must be one of embedded, kafka.'],
  ['sql --broker kafak', 'Cannot run sql with --broker "kafak": must be one of embedded, kafka. Did you mean "kafka"?'],
  ['sql --parts 4', 'Cannot run sql --parts without --broker: the broker must be kafka'],
  ['sql --parts 4 --broker embedded', 'Cannot run sql --parts with --broker "embedded": the broker must be kafka'],
  ['ingest --spool --broker null', 'Cannot run ingest --spool with --broker "null": the broker must be none or kafka'],
  ['ingest --peers --spool', 'Cannot run ingest with --spool and --peers: nobody else has a spool'],
  ['ingest --peers --compare v1', 'Cannot run ingest with --compare and --peers: only our program is compared'],
  [
    'gateway --broker kafka',
    'Cannot run gateway with "--broker": it takes --json, --smoke, --runs N, --alone, --only NAME,…, --compare REF.',
  ],
  [
    'sql --brokr kafka',
    'Cannot run sql with "--brokr": it takes --json, --smoke, --broker NAME, --runs N, --parts N, --compare REF. Did you mean "--broker"?',
  ],
  [
    'gateway --only paced,mny',
    'Cannot run gateway with --only "paced,mny": must be one of paced, many. Did you mean "many"?',
  ],
];

for (const [words, message] of refused) {
  test(`"${words}" is refused`, () =>
    throws(() => parseOptions(words.split(' '), known), { name: 'TributaryError', code: 'USAGE', message }));
}

test('no word at all lists the benchmarks', () => equal(parseOptions([], known), undefined));

test('what is typed is what is run', () => {
  const chosen = parseOptions(['gateway', '--json', '--runs', '5', '--only', 'many,paced'], known)!;
  equal(chosen.name, 'gateway');
  deepEqual(chosen.options, {
    ...{ json: true, smoke: false, broker: undefined, runs: 5, peers: false, alone: false, parts: undefined },
    ...{ spool: false, count: undefined, only: ['many', 'paced'], compare: undefined },
  });
});

for (const words of ['ingest --broker kafka --spool', 'sql --broker kafka --smoke --parts 4', 'gateway --only many']) {
  test(`either side of a comparison measures what "${words}" says`, () => {
    const { options } = parseOptions([...words.split(' '), '--compare', 'HEAD', '--runs', '2'], known)!;
    const { options: alone } = parseOptions(words.split(' '), known)!;
    const [name] = words.split(' ');
    deepEqual(parseOptions([name!, ...comparedWords(options)], known)!.options, alone);
  });
}
