import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { TributaryError } from '../base/errors.ts';
import { Loggers } from './loggers.ts';
import { type OpenLogOptions, openLog } from './pino-log.ts';

function open(options: OpenLogOptions = {}) {
  const lines: string[] = [];
  return { lines, log: openLog({ ...options, output: { write: (line: string) => lines.push(line) } }) };
}

test('without a terminal each line is JSON with level, time, event and fields', () => {
  const { lines, log } = open();
  log.child({ connector: 'a' }).warn('reconnect_scheduled', { attempt: 2, backoff_ms: 10_000 });
  equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0]!);
  match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  deepEqual(rest, { level: 'warn', connector: 'a', attempt: 2, backoff_ms: 10_000, event: 'reconnect_scheduled' });
});

test('an error is its text and its code, on one line', () => {
  const { lines, log } = open();
  const cause = new Error('connect ECONNREFUSED 127.0.0.1:1');
  log.error('task_failed', { error: new TributaryError('CONNECTION_FAILED', 'Cannot connect', { cause }) });
  const { error, code } = JSON.parse(lines[0]!);
  equal(error, 'Cannot connect: connect ECONNREFUSED 127.0.0.1:1');
  equal(code, 'CONNECTION_FAILED');
});

test('a field cannot take the place of the level, the time or the event', () => {
  const { lines, log } = open();
  log.info('started', { level: 9, time: 'now', event: 'other' });
  equal(lines[0]!.match(/"event"/g)?.length, 1);
  const { time: _, ...rest } = JSON.parse(lines[0]!);
  deepEqual(rest, { level: 'info', level_: 9, time_: 'now', event_: 'other', event: 'started' });
});

for (const pretty of [true, false]) {
  test(`what lies below the level is not written (${pretty ? 'lines' : 'JSON'})`, () => {
    const { lines, log } = open({ level: 'warn', pretty });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.child({}).error('d');
    deepEqual(
      lines.map((line) => (/\b[abcd]\b(?=\n|")/.exec(line) ?? [])[0]),
      ['c', 'd'],
    );
  });
}

test('a line for people holds level, event and fields, and stays one line', () => {
  const { lines, log } = open({ pretty: true });
  log.child({ connector: 'trades' }).info('websocket_opened', {
    response_code: 101,
    url: 'ws://h:1/a',
    text: 'two words',
    broken: 'a\nb',
    absent: undefined,
    error: new Error('no\nway'),
  });
  match(
    lines[0]!,
    /^\d\d:\d\d:\d\d\.\d{3} INFO {2}websocket_opened connector=trades response_code=101 url=ws:\/\/h:1\/a text="two words" broken="a\\nb" error="no way"\n$/,
  );
});

test('colours are for terminals', () => {
  const { lines, log } = open({ pretty: true, colour: true });
  log.warn('x');
  equal(lines[0]!.slice('00:00:00.000 '.length), '\x1b[33mWARN \x1b[0m x\n');
});

test('a named child has a level of its own, which changes while it is in use', () => {
  const loggers = new Loggers('INFO', () => 1);
  const { lines, log } = open({ loggers });
  const child = log.child({ connector: 'a' }, 'tributary.worker');
  child.child({ task: 0 }).debug('before');
  loggers.set('tributary', 'DEBUG');
  child.child({ task: 0 }).debug('after');
  log.debug('root');
  deepEqual(
    lines.map((line) => JSON.parse(line).event),
    ['after'],
  );
});
