import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { answerStatus, answerWith, startBackfill } from '../../../test/support/backfill-server.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { unwatchedMeters } from '../../../test/support/websocket-meters.ts';
import { unrestricted } from '../../net/outbound-policy.ts';
import { silentLog } from '../../telemetry/log.ts';
import { Backfill } from './backfill.ts';
import { settingsOf } from './settings.ts';

const paused = 'not asked for, as the server could not be asked a moment ago';

/** Asks for one number at a time; the clock moves only by hand. */
function asking(url: string, changes: Readonly<Record<string, string>> = {}) {
  const clock = new ManualClock(1_000);
  const meters = unwatchedMeters().backfill;
  const settings = settingsOf({
    'websocket.url': 'ws://127.0.0.1:1/',
    'kafka.topic': 'topic',
    'websocket.sequence.pointer': '/s',
    'websocket.backfill.url': url,
    'websocket.backfill.attempts': '1',
    ...changes,
  });
  const backfill = new Backfill({
    settings: () => settings,
    context: { clock, random: () => 0, log: silentLog, outbound: unrestricted },
    meters: () => meters,
    mask: (text) => text,
  });
  /** The number of messages that came, or why none did. */
  const ask = async (number: number): Promise<number | string> => {
    const gap = { channel: '', from: number, to: number, missing: 1 };
    const { messages, reason } = await backfill.fill(gap, new AbortController().signal);
    return messages.length === 0 ? reason : messages.length;
  };
  return { clock, meters, ask };
}

const refusals: readonly (readonly [status: number, headers: Record<string, string>, text: string, pauseMs: number])[] =
  [
    [503, {}, 'the server answered with 503 Service Unavailable', 1_000],
    [408, {}, 'the server answered with 408 Request Timeout', 1_000],
    [503, { 'retry-after': '7' }, 'the server answered with 503 Service Unavailable', 7_000],
    [429, { 'retry-after': '60' }, 'the server answered with 429 Too Many Requests', 60_000],
    [429, { 'retry-after': '86400' }, 'the server answered with 429 Too Many Requests', 3_600_000],
    [403, {}, 'the server answered with 403 Forbidden', 1_000],
  ];

for (const [status, headers, text, pauseMs] of refusals) {
  test(`behind ${status} ${JSON.stringify(headers)} nothing is asked for ${pauseMs} ms, and then it is`, async () => {
    await using server = await startBackfill(answerStatus(status, headers));
    const { clock, meters, ask } = asking(server.url);
    equal(await ask(1), text);
    server.answer = answerWith((number) => `{"s":${number}}`);
    clock.advance(pauseMs - 1);
    equal(await ask(2), paused);
    equal(server.questions.length, 1);
    clock.advance(1);
    equal(await ask(3), 1);
    const { rejected, unauthorized } = meters.failures;
    deepEqual([rejected.value + unauthorized.value, meters.failures.paused.value], [1, 1]);
  });
}

test('a wait that ends behind the time for one hole is not begun: the hole is over at once, and the next ones are', async () => {
  await using server = await startBackfill(answerStatus(429, { 'retry-after': '60' }));
  const { clock, ask } = asking(server.url, { 'websocket.backfill.attempts': '3' });
  equal(await ask(1), 'the server answered with 429 Too Many Requests');
  equal(await ask(2), paused);
  deepEqual([server.questions.length, clock.timers], [1, 0]);
});

test('a server that goes on failing is asked after 1 s, 2 s, 4 s; one that has answered, after 1 s again', async () => {
  await using server = await startBackfill(answerStatus(503));
  const { clock, ask } = asking(server.url);
  for (const pauseMs of [1_000, 2_000, 4_000]) {
    equal(await ask(1), 'the server answered with 503 Service Unavailable');
    clock.advance(pauseMs - 1);
    equal(await ask(2), paused);
    clock.advance(1);
  }
  server.answer = answerWith((number) => `{"s":${number}}`);
  equal(await ask(3), 1);
  server.answer = answerStatus(503);
  equal(await ask(4), 'the server answered with 503 Service Unavailable');
  clock.advance(1_000);
  server.answer = answerWith((number) => `{"s":${number}}`);
  equal(await ask(5), 1);
});

test('what may be said of one hole alone pauses nothing', async () => {
  for (const status of [400, 404, 422]) {
    await using server = await startBackfill(answerStatus(status));
    const { ask } = asking(server.url);
    await ask(1);
    server.answer = answerWith((number) => `{"s":${number}}`);
    equal(await ask(2), 1, `behind ${status}`);
  }
});
