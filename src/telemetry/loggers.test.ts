import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { auditLogger } from './log.ts';
import { Loggers, type LogThreshold, logThresholds, parseThreshold } from './loggers.ts';

function make() {
  let nowMs = 0;
  const loggers = new Loggers('INFO', () => ++nowMs);
  const levels = (): Record<string, LogThreshold> =>
    Object.fromEntries(loggers.all().map(([name, { level }]) => [name, level]));
  return { loggers, levels };
}

test('a name that nobody has used is unknown, root always is there', () => {
  const { loggers } = make();
  equal(loggers.get('a.b'), undefined);
  deepEqual({ ...loggers.get('ROOT') }, { level: 'INFO', lastModifiedMs: null, own: 'INFO' });
});

test('a level reaches all names below, and only those', () => {
  const { loggers, levels } = make();
  for (const name of ['a.b', 'a.b.c', 'a.bc']) loggers.threshold(name);
  deepEqual(loggers.set('a.b', 'DEBUG'), ['a.b', 'a.b.c']);
  deepEqual(levels(), { 'a.b': 'DEBUG', 'a.b.c': 'DEBUG', 'a.bc': 'INFO', root: 'INFO' });
});

test('a level that is set again changes nothing', () => {
  const { loggers } = make();
  deepEqual(loggers.set('root', 'INFO'), []);
  deepEqual(loggers.set('a', 'WARN'), ['a']);
  const before = loggers.get('a')?.lastModifiedMs;
  deepEqual(loggers.set('a', 'WARN'), []);
  equal(loggers.get('a')?.lastModifiedMs, before);
});

test('the level of root is for those that have none of their own', () => {
  const { loggers, levels } = make();
  loggers.threshold('a');
  loggers.set('b', 'ERROR');
  deepEqual(loggers.set('root', 'DEBUG'), ['root']);
  deepEqual(levels(), { a: 'DEBUG', b: 'ERROR', root: 'DEBUG' });
});

test('a name made later has the level of the nearest one above', () => {
  const { loggers } = make();
  loggers.set('a', 'WARN');
  loggers.set('a.b', 'ERROR');
  equal(loggers.threshold('a.b.c.d').writes('warn'), false);
  equal(loggers.threshold('a.x').writes('warn'), true);
  equal(loggers.threshold('x').writes('info'), true);
});

test('who holds a threshold sees its level change', () => {
  const { loggers } = make();
  const threshold = loggers.threshold('a.b');
  equal(threshold.writes('debug'), false);
  loggers.set('a', 'TRACE');
  equal(threshold.writes('debug'), true);
  loggers.set('a', 'OFF');
  equal(threshold.writes('error'), false);
});

const written: Readonly<Record<LogThreshold, readonly string[]>> = {
  OFF: [],
  FATAL: [],
  ERROR: ['error'],
  WARN: ['error', 'warn'],
  INFO: ['error', 'warn', 'info'],
  DEBUG: ['error', 'warn', 'info', 'debug'],
  TRACE: ['error', 'warn', 'info', 'debug'],
  ALL: ['error', 'warn', 'info', 'debug'],
};

for (const level of logThresholds) {
  test(`${level} writes ${written[level].join(', ') || 'nothing'}`, () => {
    const { loggers } = make();
    loggers.set('root', level);
    const threshold = loggers.threshold('a');
    deepEqual(
      (['error', 'warn', 'info', 'debug'] as const).filter((line) => threshold.writes(line)),
      written[level],
    );
  });
}

test('levels are words in any case', () => {
  equal(parseThreshold('debug'), 'DEBUG');
  equal(parseThreshold('BOGUS'), undefined);
  equal(parseThreshold(''), undefined);
});

test('names are bounded: one more is refused over REST, and a log takes the level above it', () => {
  const { loggers } = make();
  loggers.set('parent', 'ERROR');
  for (let i = 0; i < 10_000; i++) loggers.threshold(`n${i}`);
  throws(() => loggers.set('one.more', 'INFO'), { code: 'CONFLICT' });
  equal(loggers.threshold('parent.child').writes('warn'), false);
});

test('the audit log keeps its level, whatever is set above it or for it', () => {
  const { loggers, levels } = make();
  loggers.set('root', 'OFF');
  const audit = loggers.threshold(auditLogger);
  deepEqual(loggers.set('tributary.rest', 'OFF'), ['tributary.rest']);
  deepEqual(loggers.set('tributary', 'ERROR'), ['tributary', 'tributary.rest']);
  deepEqual([audit.writes('info'), audit.writes('warn'), audit.writes('debug')], [true, true, false]);
  throws(() => loggers.set(auditLogger, 'OFF'), { code: 'CONFLICT' });
  equal(levels()[auditLogger], 'INFO');
});

test('the audit log writes where the program was started with a quieter level', () =>
  equal(new Loggers('ERROR', () => 0).threshold(auditLogger).writes('info'), true));
