import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { isError } from '../base/errors.ts';
import { command } from './command.ts';
import { commandHelp } from './help.ts';
import { parseCall } from './parse-call.ts';

const sample = command({
  name: 'tap',
  summary: 'Prints records',
  operands: [
    { name: 'TOPIC', doc: 'the topic' },
    { name: 'MORE', doc: 'other topics', optional: true },
  ],
  options: {
    'from-beginning': { kind: 'flag', doc: 'from the start' },
    limit: { kind: 'number', short: 'n', doc: 'how many' },
    set: { kind: 'texts', value: 'K=V', doc: 'an entry' },
    output: { kind: 'text', short: 'o', choices: ['text', 'json'], doc: 'form' },
  },
  examples: ['tributary tap x'],
  run: async () => 0,
});

const nothing = { 'from-beginning': false, limit: undefined, set: [], output: undefined };

const good: readonly (readonly [args: readonly string[], options: object, operands: readonly string[]])[] = [
  [['x'], {}, ['x']],
  [['x', '--from-beginning', '--limit', '3'], { 'from-beginning': true, limit: 3 }, ['x']],
  [['-n', '3', 'x', '-o', 'json'], { limit: 3, output: 'json' }, ['x']],
  [['-n3', '--output=json', 'x', 'y'], { limit: 3, output: 'json' }, ['x', 'y']],
  [['x', '--set', 'a=1', '--set', 'b=2'], { set: ['a=1', 'b=2'] }, ['x']],
  [['--set=--limit', 'x'], { set: ['--limit'] }, ['x']],
  [['--', '--x'], {}, ['--x']],
];

for (const [args, options, operands] of good) {
  test(`arguments: ${args.join(' ')}`, () => {
    const parsed = parseCall(sample, args);
    deepEqual(parsed, { options: { ...nothing, ...options }, operands });
  });
}

const wrong: readonly (readonly [args: readonly string[], message: string])[] = [
  [
    ['x', '--from-begining'],
    'Unknown option "--from-begining" for "tributary tap". Did you mean "--from-beginning"? See "tributary tap --help".',
  ],
  [['x', '--qqqqqqqq'], 'Unknown option "--qqqqqqqq" for "tributary tap". See "tributary tap --help".'],
  [['x', '-z'], 'Unknown option "-z" for "tributary tap". See "tributary tap --help".'],
  [['x', '--limit'], 'Option "--limit" needs a value.'],
  [['x', '--set', '--limit', '3'], 'Option "--set" needs a value: K=V.'],
  [['x', '--limit', 'many'], 'Cannot use "many" for "--limit": must be a whole number, 0 or more.'],
  [['x', '-o', 'xml'], 'Cannot use "xml" for "-o": must be text or json.'],
  [['x', '--from-beginning=yes'], 'Option "--from-beginning" takes no value, "yes" was given.'],
  [[], '"tributary tap" needs TOPIC: the topic. See "tributary tap --help".'],
  [['x', 'y', 'z'], '"tributary tap" has no use for "z". See "tributary tap --help".'],
];

for (const [args, message] of wrong) {
  test(`arguments refused: ${args.join(' ')}`, () => {
    throws(
      () => parseCall(sample, args),
      (error) => isError(error, 'USAGE') && error.message === message,
    );
  });
}

test('arguments: --help wins over what else is wrong', () => equal(parseCall(sample, ['--help']), 'help'));

test('help shows operands, options and examples', () => {
  equal(
    commandHelp(sample),
    `Prints records.

Usage: tributary tap TOPIC [MORE] [options]

  TOPIC   the topic
  [MORE]  other topics

Options:
      --from-beginning    from the start
  -n, --limit N           how many
      --set K=V           an entry; may be given more than once
  -o, --output text|json  form
  -h, --help              Shows this text

Examples:
  tributary tap x`,
  );
});
