/** What a feed leaves out is asked for by HTTP, and stands before the message that showed that it was missing. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceMap } from '../../src/connectors/contract.ts';
import { publicOnly } from '../../src/net/outbound-policy.ts';
import { answerStatus, answerWith, startBackfill } from '../support/backfill-server.ts';
import { broadcastMessage, numberOf, startBroadcast } from '../support/broadcast-feed.ts';
import type { ConnectorRun, RunOptions } from '../support/connector-context.ts';
import { runSource } from '../support/websocket-run.ts';
import { type Peer, WsServer } from '../support/ws-server.ts';

/** A server whose messages the test sends itself, and what the source makes of them. */
async function startFeed(url: string, changes: Readonly<Record<string, string>> = {}, options: RunOptions = {}) {
  const server = await WsServer.start();
  const run = runSource(
    server.url,
    {
      'websocket.sequence.pointer': '/s',
      'websocket.gap.topic': 'gaps',
      'websocket.backfill.url': url,
      ...changes,
    },
    options,
  );
  const first = run.begin();
  const peer = await server.peer(0);
  const send = (...numbers: number[]): void => sendTo(peer, ...numbers);
  /** Numbers of messages, and texts of gaps, in their order. */
  const seen = (): (number | string)[] => run.records.map(seenOf);
  return {
    ...{ server, run, peer, send, seen, first },
    async [Symbol.asyncDispose]() {
      await run[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

function sendTo(peer: Peer, ...numbers: number[]): void {
  for (const number of numbers) peer.text(message(number));
}

function message(number: number): string {
  return `{"s":${number}}`;
}

function seenOf({ topic, value }: ConnectorRun['records'][number]): number | string {
  if (topic !== 'gaps') return numberOf(value);
  const { from, to, backfill } = JSON.parse(Buffer.from(value as Uint8Array).toString());
  return `${from}-${to} ${backfill}`;
}

test('one of a hundred that is left out stands at its place, asked for once, and is no gap', async () => {
  await using feed = await startBroadcast();
  await using backfill = await startBackfill(answerWith((number) => broadcastMessage(number)));
  const [server] = feed.servers;
  server!.leaveOut = (number) => number % 100 === 50;
  await using run = runSource(server!.url, {
    'websocket.sequence.pointer': '/s',
    'websocket.backfill.url': backfill.url,
    'websocket.gap.topic': 'gaps',
  });
  await run.take(350);
  feed.pause();
  const numbers = run.records.map(({ value }) => numberOf(value));
  deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, index) => numbers[0]! + index),
  );
  ok(run.metric('backfill_messages_total') >= 3);
  equal(run.metric('backfill_holes_total'), run.metric('backfill_requests_total'));
  equal(run.metric('sequence_gaps_total'), 0);
  equal(run.metric('sequence_late_total'), 0);
});

const answers: readonly (readonly [
  name: string,
  answer: Parameters<typeof startBackfill>[0],
  seen: readonly (number | string)[],
  questions: readonly string[],
])[] = [
  ['all of them', answerWith(message), [1, 2, 3, 4, 5, 6], ['2-5']],
  ['a page at a time, the oldest first', answerWith(message, 2), [1, 2, 3, 4, 5, 6], ['2-5', '4-5']],
  [
    'a page at a time, the newest first',
    ({ to }, response) => response.end(`[${[to, to - 1].map(message)}]`),
    [1, 2, 3, 4, 5, 6],
    ['2-5', '2-3'],
  ],
  [
    'not one in the middle',
    answerWith((number) => (number === 4 ? null : message(number))),
    [1, 2, 3, '4-4 not in the answer', 5, 6],
    ['2-5'],
  ],
  [
    'only the newest',
    answerWith((number) => (number < 5 ? null : message(number))),
    [1, '2-4 not in the answer', 5, 6],
    ['2-5', '2-4'],
  ],
  ['none: it is too long ago', answerStatus(410), [1, '2-5 the server answered with 410 Gone', 6], ['2-5']],
  [
    'what nobody asked for, and one twice',
    (_, response) => response.end(`[${[1, 3, 6, 3, 700].map(message)}, {"other":2}, "{\\"s\\":5}", 7]`),
    [1, '2-2 not in the answer', 3, '4-4 not in the answer', 5, 6],
    ['2-5', '2-2'],
  ],
  [
    'lines',
    (_, response) => {
      response.setHeader('content-type', 'application/x-ndjson; charset=utf-8');
      response.end([2, 3, 4, 5].map(message).join('\r\n'));
    },
    [1, 2, 3, 4, 5, 6],
    ['2-5'],
  ],
  ['the right to ask is missing', answerStatus(401), [1, '2-5 the server answered with 401 Unauthorized', 6], ['2-5']],
  [
    'no JSON',
    (_, response) => response.end('<html>'),
    [1, '2-5 the answer cannot be used: it is not JSON', 6],
    ['2-5'],
  ],
  [
    'no array',
    (_, response) => response.end('{"s":2}'),
    [1, '2-5 the answer cannot be used: it is no array', 6],
    ['2-5'],
  ],
];

for (const [name, answer, seen, questions] of answers) {
  test(`a server that gives of what is missing: ${name}`, async () => {
    await using backfill = await startBackfill(answer);
    await using feed = await startFeed(backfill.url);
    feed.send(1, 6);
    await feed.first;
    await feed.run.take(seen.length);
    deepEqual(feed.seen(), seen);
    deepEqual(
      backfill.questions.map(({ from, to }) => `${from}-${to}`),
      questions,
    );
    const missing = seen.filter((each) => typeof each === 'string').length;
    equal(feed.run.metric('sequence_gaps_total'), missing);
  });
}

test('a server that fails is asked again, and the socket is held back meanwhile', async () => {
  const statuses = [429];
  await using backfill = await startBackfill((question, response) => {
    const status = statuses.shift();
    if (status === undefined) answerWith(message)(question, response);
    else answerStatus(status, { 'retry-after': '0' })(question, response);
  });
  await using feed = await startFeed(backfill.url);
  feed.send(1, 4);
  await feed.first;
  await feed.run.until(() => backfill.questions.length > 0, 'a question');
  equal(feed.run.metric('backfill_holding'), 1);
  equal(feed.run.metric('backfill_asked'), 2);
  ok(feed.run.statuses.includes('asking for 2 missing messages'));
  feed.send(5);
  await feed.run.take(5);
  deepEqual(feed.seen(), [1, 2, 3, 4, 5]);
  equal(feed.run.metric('backfill_failures_total', { reason: 'rejected' }), 1);
  equal(feed.run.metric('backfill_asked'), 0);
  equal(feed.run.statuses.at(-1), undefined);
});

test('a server that does not answer in time holds the feed no longer; the next holes are not asked about for a while', async () => {
  await using backfill = await startBackfill(() => {});
  await using feed = await startFeed(backfill.url, { 'websocket.backfill.hold.max.ms': '50' });
  feed.send(1, 3, 4, 6);
  await feed.first;
  await feed.run.take(6);
  const paused = 'not asked for, as the server could not be asked a moment ago';
  deepEqual(feed.seen(), [1, '2-2 not got within 50 ms', 3, 4, `5-5 ${paused}`, 6]);
  equal(backfill.questions.length, 1);
  equal(feed.run.metric('backfill_failures_total', { reason: 'held_too_long' }), 1);
  equal(feed.run.metric('backfill_failures_total', { reason: 'paused' }), 1);
  equal(feed.run.events('backfill_failed').length, 1);
});

for (const [status, headers, config] of [
  [503, {}, { 'websocket.backfill.attempts': '2' }],
  [429, { 'retry-after': '60' }, {}],
] as const) {
  test(`a server that always answers with ${status} holds the feed for one hole; the next one is a gap at once`, async () => {
    await using backfill = await startBackfill(answerStatus(status, headers));
    await using feed = await startFeed(backfill.url, config);
    feed.send(1, 3, 4, 6);
    await feed.first;
    await feed.run.take(6);
    const [first, second] = feed.seen().filter((each) => typeof each === 'string');
    match(String(first), new RegExp(`^2-2 the server answered with ${status} `));
    equal(second, '5-5 not asked for, as the server could not be asked a moment ago');
    const attempts = status === 503 ? 2 : 1;
    equal(backfill.questions.length, attempts);
    equal(feed.run.metric('backfill_failures_total', { reason: 'rejected' }), attempts);
    equal(feed.run.metric('backfill_failures_total', { reason: 'paused' }), 1);
  });
}

test('nobody listens there: a gap, and the reason in its record', async () => {
  const gone = await startBackfill(() => {});
  await gone[Symbol.asyncDispose]();
  await using feed = await startFeed(gone.url, { 'websocket.backfill.attempts': '2' });
  feed.send(1, 3);
  await feed.first;
  await feed.run.take(3);
  match(
    String(feed.seen()[1]),
    /^2-2 Cannot reach "http:\/\/127\.0\.0\.1:\d+\/messages\?from=\*\*\*&to=\*\*\*": .*ECONNREFUSED/,
  );
  equal(feed.run.metric('backfill_failures_total', { reason: 'unreachable' }), 2);
});

test('an address that may not be reached is not asked, and the feed goes on', async () => {
  await using backfill = await startBackfill(answerWith(message));
  const url = backfill.url.replace('127.0.0.1', '127.0.0.2');
  await using feed = await startFeed(url, {}, { outbound: publicOnly(['127.0.0.1']) });
  feed.send(1, 3);
  await feed.first;
  await feed.run.take(3);
  match(String(feed.seen()[1]), /^2-2 Cannot connect to "127\.0\.0\.2": not a public address/);
  equal(backfill.questions.length, 0);
});

test('headers go to the host of the address alone, and are seen nowhere', async () => {
  await using other = await startBackfill(answerWith(message));
  await using backfill = await startBackfill(({ from, to }, response) => {
    response.writeHead(302, { location: other.url.replace('{from}', String(from)).replace('{to}', String(to)) });
    response.end();
  });
  await using feed = await startFeed(backfill.url, { 'websocket.backfill.header.X-Api-Key': 'hush-hush' });
  feed.send(1, 3);
  await feed.first;
  await feed.run.take(3);
  deepEqual(feed.seen(), [1, 2, 3]);
  deepEqual(
    [backfill, other].map(({ questions }) => questions[0]?.headers['x-api-key']),
    ['hush-hush', undefined],
  );
  ok(!feed.run.everythingSaid().includes('hush-hush'));
});

test('each channel has numbers of its own, and is asked for by its name', async () => {
  const text = (channel: string, number: number): string => `{"c":"${channel}","s":${number}}`;
  await using backfill = await startBackfill(({ from, channel }, response) => {
    response.end(JSON.stringify({ result: [{ s: from }, { c: channel, s: from + 1 }, { c: 'other', s: from + 2 }] }));
  });
  await using feed = await startFeed(`${backfill.url}&channel={channel}`, {
    'websocket.sequence.channel.pointer': '/c',
    'websocket.backfill.pointer': '/result',
  });
  for (const [channel, number] of [
    ['a b&c', 1],
    ['x', 70],
    ['a b&c', 5],
    ['x', 71],
  ] as const)
    feed.peer.text(text(channel, number));
  await feed.first;
  await feed.run.take(7);
  deepEqual(feed.seen(), [1, 70, 2, 3, 4, 5, 71]);
  deepEqual(
    backfill.questions.map(({ from, to, channel }) => [from, to, channel]),
    [
      [2, 4, 'a b&c'],
      [4, 4, 'a b&c'],
    ],
  );
  equal(feed.run.metric('backfill_messages_outside_total'), 3);
});

test('more than may be asked for: the newest are, the rest is a gap', async () => {
  await using backfill = await startBackfill(answerWith(message));
  await using feed = await startFeed(backfill.url, { 'websocket.backfill.max.messages': '3' });
  feed.send(1, 1_000_000);
  await feed.first;
  await feed.run.take(6);
  deepEqual(feed.seen(), [1, '2-999996 more than 3 are not asked for', 999_997, 999_998, 999_999, 1_000_000]);
});

for (const overflow of ['block', 'drop-oldest', 'drop-newest']) {
  test(`what was missing comes as there is room in the queue (${overflow})`, async () => {
    await using backfill = await startBackfill(answerWith(message));
    await using feed = await startFeed(backfill.url, {
      'websocket.message.queue.size': '3',
      'websocket.overflow': overflow,
    });
    feed.send(1, 20);
    await feed.first;
    await feed.run.until(() => feed.run.metric('backfill_messages_total') === 3, 'three that were missing');
    equal(feed.run.metric('lag_messages'), 3);
    await feed.run.take(20);
    deepEqual(
      feed.seen(),
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    ok(feed.run.batches.every(({ records }) => records.length <= 3 + 1));
  });
}

test('between two connections, and what the server repeats after them', async () => {
  await using backfill = await startBackfill(answerWith(message));
  await using feed = await startFeed(backfill.url, { 'websocket.dedupe.window': '100' });
  feed.send(1, 2);
  await feed.first;
  feed.peer.close(1011);
  const next = await feed.server.peer(1);
  sendTo(next, 6, 5, 4, 7);
  await feed.run.take(7);
  deepEqual(feed.seen(), [1, 2, 3, 4, 5, 6, 7]);
  equal(feed.run.metric('messages_deduplicated_total'), 2);
});

test('a start that finds an offset asks for what came meanwhile; so it does for what a stop has left', async () => {
  let mayAnswer = false;
  await using backfill = await startBackfill((question, response) => {
    if (mayAnswer) answerWith(message)(question, response);
  });
  let resumeOffset: SourceMap;
  {
    await using feed = await startFeed(backfill.url);
    feed.send(1, 2, 5, 6);
    await feed.first;
    await feed.run.until(() => backfill.questions.length === 1, 'the question');
    feed.run.stop();
    await feed.run.drain();
    // What has come is written, whatever was missing before it.
    deepEqual(feed.seen().slice(0, 3), [1, 2, 5]);
    equal(feed.run.metric('sequence_gaps_total'), 0);
    resumeOffset = JSON.parse(JSON.stringify(feed.run.batches.at(-1)!.offset));
    deepEqual(resumeOffset['missing'], '3-4');
  }
  mayAnswer = true;
  const last = Number(resumeOffset['number']);
  await using feed = await startFeed(backfill.url, { 'websocket.dedupe.window': '100' }, { resumeOffset });
  feed.send(last + 3);
  await feed.first;
  await feed.run.take(5);
  deepEqual(
    feed.seen().toSorted((a, b) => Number(a) - Number(b)),
    [3, 4, last + 1, last + 2, last + 3],
  );
  equal(feed.run.metric('sequence_gaps_total'), 0);
});

test('an offset in the middle of what is filled says how far that is', async () => {
  await using backfill = await startBackfill(answerWith(message));
  await using feed = await startFeed(backfill.url, { 'websocket.message.queue.size': '4' });
  feed.send(1, 20);
  await feed.first;
  await feed.run.take(20);
  for (const batch of feed.run.batches) {
    const { number, missing } = JSON.parse(JSON.stringify(batch.offset));
    equal(number, numberOf(batch.records.at(-1)!.value));
    equal(missing, undefined);
  }
});

test('two connections: a hole that neither fills is filled behind the others', async () => {
  await using feed = await startBroadcast({ servers: 2 });
  await using backfill = await startBackfill(answerWith((number) => broadcastMessage(number)));
  const [one, other] = feed.servers;
  for (const server of feed.servers) server.leaveOut = (number) => number % 100 === 50;
  await using run = runSource(one!.url, {
    'websocket.sequence.pointer': '/s',
    'websocket.dedupe.window': '10000',
    'websocket.redundant.url': other!.url,
    'websocket.backfill.url': backfill.url,
    'websocket.gap.topic': 'gaps',
  });
  const numbers = () => run.records.map(({ value }) => numberOf(value));
  while (numbers().filter((number) => number % 100 === 50).length < 3) await run.take(run.records.length + 1);
  feed.pause();
  equal(new Set(numbers()).size, numbers().length, 'nothing twice');
  equal(run.metric('sequence_gaps_total'), 0);
});
