/** The SSE source against a server that says what a test wants: requests, refusals, reconnects. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import type { TlsOptions } from 'node:tls';
import { sseSource } from '../../src/connectors/sse-source/connector.ts';
import { publicOnly } from '../../src/net/outbound-policy.ts';
import type { SourceRecord } from '../../src/record/source-record.ts';
import { makeCertificates } from '../support/certificates.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { startHttpProxy, startSocksProxy } from '../support/proxies.ts';
import { eventsOf, runSse, textOf } from '../support/sse-run.ts';
import { type SseExchange, startSseServer } from '../support/sse-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';

const one = 'id: 1\ndata: one\n\n';

describe('the request', () => {
  const requested = async (config: Readonly<Record<string, string>>, path = '/'): Promise<SseExchange> => {
    await using server = await startSseServer((x) => x.open().write(one));
    await using run = runSse(server.origin.replace('//', config['user'] ?? '//') + path, config);
    await run.take(1);
    return server.exchanges[0]!;
  };

  test('by default says what is wanted and who asks', async () => {
    const { headers } = await requested({});
    equal(headers.accept, 'text/event-stream');
    equal(headers['user-agent'], 'KafkaConnectSSE/1.4 (https://github.com/cjmatta/kafka-connect-sse)');
    equal(headers['cache-control'], 'no-store');
    deepEqual([headers.authorization, headers['last-event-id']], [undefined, undefined]);
  });
  for (const name of ['User-Agent', 'user-agent', 'USER-AGENT']) {
    test(`another user agent takes the place of the default one: ${name}`, async () => {
      const { headers, rawHeaders } = await requested({ [`http.header.${name}`]: 'me/1.0' });
      equal(headers['user-agent'], 'me/1.0');
      equal(rawHeaders.filter((text) => text.toLowerCase() === 'user-agent').length, 1);
    });
  }
  test('headers go out as they are written', async () => {
    const { rawHeaders, headers } = await requested({
      'http.header.X-Test': 'a, b: c',
      'http.header.Accept': 'text/*',
    });
    ok(rawHeaders.includes('X-Test'));
    deepEqual([headers['x-test'], headers.accept], ['a, b: c', 'text/*']);
  });
  test('parameters are added to the query', async () => {
    const { path } = await requested({ 'sse.param.since': '2026 & more', 'sse.param.q': 'ü' }, '/s?a=1');
    equal(path, '/s?a=1&since=2026+%26+more&q=%C3%BC');
  });
  for (const [what, config, wanted] of [
    [
      'basic authentication',
      { 'http.basic.auth': 'true', 'http.basic.auth.username': 'u', 'http.basic.auth.password': 'p:ß' },
      `Basic ${Buffer.from('u:p:ß').toString('base64')}`,
    ],
    [
      'basic authentication that is off',
      { 'http.basic.auth.username': 'u', 'http.basic.auth.password': 'p' },
      undefined,
    ],
    ['a token', { 'sse.auth.token': 'secret-token' }, 'Bearer secret-token'],
    ['a header', { 'http.header.authorization': 'Custom x' }, 'Custom x'],
    ['a token before a header', { 'http.header.Authorization': 'Custom x', 'sse.auth.token': 't' }, 'Bearer t'],
    [
      'user and password of the URL',
      { user: '//us%20er:pass@' },
      `Basic ${Buffer.from('us er:pass').toString('base64')}`,
    ],
  ] as const) {
    test(`${what} is sent as ${wanted}`, async () => equal((await requested(config)).headers.authorization, wanted));
  }
  test('a first Last-Event-ID can be given', async () => {
    equal((await requested({ 'http.header.Last-Event-ID': 'from here' })).headers['last-event-id'], 'from here');
  });
  for (const [config, text] of [
    [{ 'sse.uri': 'not a uri' }, /Cannot use sse\.uri "not a uri": must be an http/],
    [{ 'sse.uri': 'ftp://x/' }, /must be an http/],
    [{ 'http.header.X Y': 'z' }, /Cannot send header "http\.header\.X Y": its name must be a token/],
    [{ 'http.header.X-Y': 'secret\r\nX-Injected: 1' }, /its value holds a line break/],
    [{ 'http.header.Transfer-Encoding': 'chunked' }, /it belongs to the request itself/],
    [{ 'rate.limit.max.concurrent': '0' }, /must be greater than 0/],
    [{ 'rate.limit.requests.per.second': 'NaN' }, /must be greater than 0/],
    [{ 'sse.oauth2.token.url': 'http://x/' }, /without sse\.oauth2\.client\.id/],
    [{ 'sse.tls.ca': '/nowhere/ca.pem', 'sse.uri': 'https://127.0.0.1:1/' }, /Cannot read the file of sse\.tls\.ca/],
  ] as const) {
    test(`${JSON.stringify(config)} fails the task at its start`, async () => {
      await using run = runSse('http://127.0.0.1:1/', config);
      const { message } = await run.failure();
      match(message, text);
      ok(!message.includes('secret'));
    });
  }
});

describe('resuming', () => {
  test('a reconnect goes on behind the last event', async () => {
    await using server = await startSseServer((x) => {
      const from = Number(x.headers['last-event-id'] ?? 0);
      x.open();
      for (let n = from + 1; n <= from + 3; n++) x.write(`id: ${n}\ndata: ${n}\n\n`);
      x.write('id: 99\ndata: half');
      if (x.number % 2 === 0) x.cut();
      else x.end();
    });
    await using run = runSse(server.origin);
    deepEqual(
      eventsOf(await run.take(12)).map(({ data }) => Number(data)),
      Array.from({ length: 12 }, (_, n) => n + 1),
    );
    ok(run.metric('partial_events_total') >= 3);
    ok(run.metric('reconnects_total', { reason: 'end_of_stream' }) >= 1);
    ok(run.metric('reconnects_total', { reason: 'lost' }) >= 1);
  });
  for (const id of ['5', 'grüße 世界', '[{"topic":"a","partition":0,"offset":1}]']) {
    test(`a restart goes on behind the id that was stored: ${id}`, async () => {
      await using server = await startSseServer((x) => x.open().write('data: x\n\n'));
      await using run = runSse(server.origin, {}, { resumeOffset: { last_event_id: id } });
      await run.take(1);
      equal(Buffer.from(server.exchanges[0]!.headers['last-event-id'] as string, 'latin1').toString(), id);
      deepEqual(run.batches[0]!.offset, { last_event_id: id });
    });
  }
  for (const offset of [{ any: 'thing' }, { last_event_id: 5 }, { last_event_id: '' }, {}]) {
    test(`nothing is sent for an offset that says nothing: ${JSON.stringify(offset)}`, async () => {
      await using server = await startSseServer((x) => x.open().write(one));
      await using run = runSse(server.origin, {}, { resumeOffset: offset });
      await run.take(1);
      equal(server.exchanges[0]!.headers['last-event-id'], undefined);
    });
  }
  test('sse.resume=none stores nothing; a reconnect still goes on', async () => {
    await using server = await startSseServer((x) =>
      x
        .open()
        .write(`id: ${x.number + 1}\ndata: x\n\n`)
        .end(),
    );
    await using run = runSse(server.origin, { 'sse.resume': 'none' }, { resumeOffset: { last_event_id: '7' } });
    await run.take(2);
    equal(server.exchanges[0]!.headers['last-event-id'], undefined);
    equal(server.exchanges[1]!.headers['last-event-id'], '1');
    deepEqual(run.batches.at(-1)!.offset, {});
  });
  test('an id that the server resets is not sent', async () => {
    await using server = await startSseServer((x) => x.open().write(`${one}id:\ndata: x\n\n`).end());
    await using run = runSse(server.origin);
    await run.take(4);
    equal(server.exchanges[1]!.headers['last-event-id'], undefined);
  });
  test('an id that no header can carry is told', async () => {
    await using server = await startSseServer((x) => x.open().write('id: a\u0001b\ndata: x\n\n').end());
    await using run = runSse(server.origin);
    await run.take(2);
    equal(server.exchanges[1]!.headers['last-event-id'], undefined);
    equal(run.events('resume_impossible').length > 0, true);
  });
  for (const status of [400, 410, 412, 416]) {
    test(`a server that refuses the id with ${status} is asked without it, and the gap is counted`, async () => {
      await using server = await startSseServer((x) => {
        if (x.headers['last-event-id'] === undefined) x.open().write('id: 50\ndata: x\n\n');
        else x.answer(status);
      });
      await using run = runSse(server.origin, { 'sse.gap.topic': 'gaps' }, { resumeOffset: { last_event_id: '7' } });
      await run.take(2);
      deepEqual([run.metric('resumes_refused_total'), run.metric('gaps_total')], [1, 1]);
      equal(run.events('resume_refused').length, 1);
      equal(server.exchanges.length, 2);
      const [gap] = gapsOf(run.records);
      deepEqual(gap, { index: 0, reason: 'resume_refused', after: '7', from: null, to: null, missing: null });
      match(run.statuses.at(-1)!, /^an unknown number of events missing in 1 gaps, last behind the id "7"/);
    });
  }
  test('numbers that are missing after a reconnect are counted', async () => {
    await using server = await startSseServer((x) => {
      const from = [1, 8][x.number] ?? 100;
      x.open();
      for (let n = from; n < from + 4; n++) x.write(`id: ${n}\ndata: x\n\n`);
      if (x.number === 0) x.end();
    });
    await using run = runSse(server.origin);
    await run.take(8);
    deepEqual([run.metric('gaps_total'), run.metric('events_missing_total')], [1, 3]);
    equal(run.events('events_missing').length, 1);
  });
  for (const value of ['struct', 'data']) {
    test(`events that the server leaves out are a record before the one that showed it, counted, logged, and in the status (${value})`, async () => {
      const sent = [...numbersTo(20), 23, 24, 40, ...numbersTo(15).map((n) => 40 + n), 60];
      await using server = await startSseServer((x) =>
        x.open().write(sent.map((id) => `id: ${id}\ndata: ${id}\n\n`).join('')),
      );
      await using run = runSse(server.origin, { 'sse.gap.topic': 'gaps', 'sse.value': value });
      await run.take(sent.length + 2);
      // Two in a row behind the first gap are no run of ids that count by one.
      deepEqual(gapsOf(run.records), [
        { index: 20, reason: 'ids', after: '20', from: 21, to: 22, missing: 2 },
        { index: run.records.length - 2, reason: 'ids', after: '55', from: 56, to: 59, missing: 4 },
      ]);
      const shown = ['gaps_total', 'events_missing_total', 'gap_records_total'].map((name) => run.metric(name));
      deepEqual(shown, [2, 6, 2]);
      equal(run.events('events_missing').length, 1, 'one line in ten seconds');
      match(run.statuses.at(-1)!, /^6 events missing in 2 gaps, last 56 to 59 at /);
      deepEqual(run.batches.at(-1)!.offset, { last_event_id: '60' });
    });
  }
});

describe('answers', () => {
  test('204 ends the stream for good, the task stays and says so', async () => {
    await using server = await startSseServer((x) => (x.number === 0 ? x.open().write(one).end() : x.answer(204)));
    await using run = runSse(server.origin);
    await run.take(1);
    const next = run.begin();
    await run.until(() => run.metric('finished') === 1, 'the end');
    match(run.statuses.at(-1)!, /^ended by the server: it answered with 204/);
    run.stop();
    equal(await next, false);
    equal(server.exchanges.length, 2);
  });
  for (const status of [401, 403]) {
    test(`${status} fails the task with the reason`, async () => {
      await using server = await startSseServer((x) => x.answer(status));
      await using run = runSse(server.origin);
      const error = await run.failure();
      match(error.message, new RegExp(`Cannot read the event stream "http://[^"]+": server answered with ${status}`));
      equal(server.exchanges.length, 1);
    });
  }
  for (const status of [404, 500, 502, 418]) {
    test(`${status} is tried again, the reason visible`, async () => {
      await using server = await startSseServer((x) => (x.number < 2 ? x.answer(status) : x.open().write(one)));
      await using run = runSse(server.origin);
      await run.take(1);
      equal(run.metric('reconnects_total', { reason: `http_${status}` }), 2);
      ok(run.statuses.some((text) => text?.startsWith(`reconnecting: server answered with ${status}`)));
      equal(run.statuses.at(-1), undefined);
    });
  }
  test('a page in place of a stream is no stream', async () => {
    await using server = await startSseServer((x) =>
      x.number === 0
        ? x.answer(200, { 'content-type': 'text/html; charset=utf-8' }, '<p>data: no</p>\n\n')
        : x.open().write(one),
    );
    await using run = runSse(server.origin);
    deepEqual(eventsOf(await run.take(1))[0]!.data, 'one');
    equal(run.metric('reconnects_total', { reason: 'content_type' }), 1);
  });
  test('the type may have parameters and capitals', async () => {
    await using server = await startSseServer((x) =>
      x.open({ 'content-type': 'Text/Event-Stream; charset=utf-8' }).write(one),
    );
    await using run = runSse(server.origin);
    await run.take(1);
  });
  for (const status of [429, 503]) {
    test(`${status} with Retry-After waits so long`, async () => {
      await using server = await startSseServer((x) =>
        x.number === 0 ? x.answer(status, { 'retry-after': '1' }) : x.open().write(one),
      );
      await using run = runSse(server.origin);
      await run.take(1);
      const [scheduled] = run.events('reconnect_scheduled');
      ok((scheduled!.fields['backoff_ms'] as number) >= 1000);
    });
  }
  test('the wait that the server asks for is kept', async () => {
    await using server = await startSseServer((x) => x.open().write(`retry: 130\n${one}`).end());
    await using run = runSse(server.origin, { 'retry.backoff.initial.ms': '60000', 'sse.reconnect.stable.ms': '0' });
    await run.take(2);
    equal(run.events('reconnect_scheduled')[0]!.fields['backoff_ms'], 130);
  });
  test('after so many failed attempts in a row the task fails', async () => {
    await using server = await startSseServer((x) => x.answer(500));
    await using run = runSse(server.origin, { 'retry.max.attempts': '3' });
    match((await run.failure()).message, /gave up after 3 attempts to reconnect: server answered with 500/);
    equal(server.exchanges.length, 4);
  });
  test('nobody there is tried again', async () => {
    const server = await startSseServer(() => {});
    await server[Symbol.asyncDispose]();
    await using run = runSse(server.origin, { 'retry.max.attempts': '2' });
    match((await run.failure()).message, /gave up after 2 attempts to reconnect: connect ECONNREFUSED/);
  });
});

describe('redirects', () => {
  test('are followed; what is secret stays with its host and port', async () => {
    await using there = await startSseServer((x) => x.open().write(one));
    await using here = await startSseServer((x) => {
      x.answer(307, { location: x.path === '/' ? '/moved' : `${there.origin}/stream?x=1` });
    });
    const secrets = { 'sse.auth.token': 'secret-token', 'http.header.X-Api-Key': 'k', 'http.header.User-Agent': 'me' };
    await using run = runSse(here.origin, secrets, { resumeOffset: { last_event_id: '0' } });
    await run.take(1);
    deepEqual(
      here.exchanges.map(({ path, headers }) => [path, headers.authorization, headers['x-api-key']]),
      [
        ['/', 'Bearer secret-token', 'k'],
        ['/moved', 'Bearer secret-token', 'k'],
      ],
    );
    const { headers, path } = there.exchanges[0]!;
    deepEqual([path, headers.authorization, headers['x-api-key']], ['/stream?x=1', undefined, undefined]);
    deepEqual([headers['last-event-id'], headers['user-agent']], ['0', 'me']);
  });
  test('have a bound', async () => {
    await using server = await startSseServer((x) => x.answer(302, { location: '/' }));
    await using run = runSse(server.origin, { 'sse.redirects.max': '2', 'retry.max.attempts': '1' });
    match((await run.failure()).message, /302 Found \(more than 2 redirects\)/);
    equal(server.exchanges.length, 6);
  });
  test('a reconnect begins at the configured server', async () => {
    await using server = await startSseServer((x) => {
      if (x.path === '/') x.answer(301, { location: '/stream' });
      else x.open().write(one).end();
    });
    await using run = runSse(server.origin);
    await run.take(2);
    deepEqual(
      server.exchanges.slice(0, 3).map(({ path }) => path),
      ['/', '/stream', '/'],
    );
  });
  test('to where nothing may be reached fails the task', async () => {
    await using secret = await startSseServer((x) => x.open().write(one));
    await using server = await startSseServer((x) => x.answer(302, { location: secret.origin }));
    const outbound = publicOnly(['localhost']);
    await using run = runSse(server.origin.replace('127.0.0.1', 'localhost'), {}, { outbound });
    match((await run.failure()).message, /Cannot connect to "127\.0\.0\.1": not a public address/);
    equal(secret.exchanges.length, 0);
  });
});

describe('silence', () => {
  /** A run whose time stands still until it is moved. */
  const timed = (origin: string, config: Readonly<Record<string, string>>) => {
    const clock = new ManualClock(1_000_000);
    const run = runSse(origin, config, { clock });
    const reconnects = async (reason: string): Promise<void> => {
      await run.until(() => run.events('reconnect_scheduled').length === 1, 'the next attempt');
      equal(run.metric('reconnects_total', { reason }), 1);
      clock.advance(1000);
    };
    return { clock, run, reconnects, [Symbol.asyncDispose]: () => run[Symbol.asyncDispose]() };
  };
  test('no answer in time', async () => {
    await using server = await startSseServer((x) => {
      if (x.number > 0) x.open().write(one);
    });
    await using given = timed(server.origin, { 'sse.response.timeout.ms': '50000' });
    const { run, clock } = given;
    const taken = run.take(1);
    await server.exchange(0);
    clock.advance(49_999);
    equal(run.events('reconnect_scheduled').length, 0);
    clock.advance(1);
    await given.reconnects('response_timeout');
    await taken;
  });
  test('no connection in time: the other side says nothing while TLS is made', async () => {
    await using silent = await startSilentServer();
    const config = { 'sse.connection.timeout.ms': '50', 'retry.max.attempts': '1' };
    await using run = runSse(`https://127.0.0.1:${silent.port}`, config);
    match((await run.failure()).message, /no connection within 50 ms/);
    ok(run.metric('reconnects_total', { reason: 'connect_timeout' }) >= 1);
  });
  test('nothing at all comes: the stream is opened again, behind the last event', async () => {
    await using server = await startSseServer((x) => x.open().write(`id: ${x.number + 1}\ndata: x\n\n`));
    await using given = timed(server.origin, { 'sse.heartbeat.timeout.ms': '100000' });
    const { run, clock } = given;
    await run.take(1);
    const taken = run.take(2);
    clock.advance(100_000);
    await given.reconnects('heartbeat_timeout');
    await taken;
    equal(server.exchanges[1]!.headers['last-event-id'], '1');
  });
  test('comments are heartbeats, but no events', async () => {
    await using server = await startSseServer((x) => x.open().write(`id: ${x.number + 1}\ndata: x\n\n`));
    const config = { 'sse.heartbeat.timeout.ms': '50000', 'sse.idle.timeout.ms': '200000' };
    await using given = timed(server.origin, config);
    const { run, clock } = given;
    await run.take(1);
    const taken = run.take(2);
    for (let i = 0; i < 5; i++) {
      equal(run.events('reconnect_scheduled').length, 0);
      const bytes = run.metric('bytes_received_total');
      server.exchanges[0]!.write(':\n\n');
      await run.until(() => run.metric('bytes_received_total') > bytes, 'the comment');
      clock.advance(40_000);
    }
    await given.reconnects('idle_timeout');
    await taken;
  });
});

describe('rate limits', () => {
  test('requests are spaced, redirects and reconnects included', async () => {
    const clock = new ManualClock();
    const times: number[] = [];
    await using server = await startSseServer((x) => {
      times.push(clock.monotonicMs());
      if (x.path === '/') x.answer(302, { location: '/stream' });
      else x.open().write(one).end();
    });
    await using run = runSse(server.origin, { 'rate.limit.requests.per.second': '10' }, { clock });
    const waits = (count: number) => run.until(() => run.metric('limit_waits_total') === count, `wait ${count}`);
    const taken = run.take(2);
    await waits(1);
    clock.advance(100);
    await run.until(() => run.events('reconnect_scheduled').length === 1, 'the reconnect');
    clock.advance(20);
    await waits(2);
    clock.advance(80);
    await waits(3);
    clock.advance(100);
    await taken;
    deepEqual(times.slice(0, 4), [0, 100, 200, 300]);
  });
  test('open streams to a server are bounded over connectors; who waits says so', async () => {
    await using server = await startSseServer((x) => x.open().write(one));
    const connector = sseSource();
    const config = { 'rate.limit.max.concurrent': '1' };
    await using first = runSse(server.origin, config, {}, connector);
    await first.take(1);
    await using free = runSse(server.origin, {}, {}, connector);
    await free.take(1);
    await using second = runSse(server.origin, config, {}, connector);
    const taken = second.take(1);
    await second.until(() => second.statuses.at(-1)?.startsWith('waiting for its turn') ?? false, 'the status');
    equal(server.exchanges.length, 2);
    first.stop();
    await first.drain();
    await taken;
    equal(server.exchanges.length, 3);
    equal(second.statuses.at(-1), undefined);
  });
});

describe('access tokens', () => {
  const client = { 'sse.oauth2.client.id': 'the client', 'sse.oauth2.client.secret': 'canary&secret' };
  interface Issuer {
    readonly lifeS?: number;
    readonly answer?: (x: SseExchange) => void;
  }
  const issuer = ({ lifeS = 3600, answer }: Issuer = {}) =>
    startSseServer((x) => {
      if (answer !== undefined) return answer(x);
      const body = JSON.stringify({ access_token: `token-${x.number}`, token_type: 'Bearer', expires_in: lifeS });
      x.answer(200, { 'content-type': 'application/json' }, body);
    });

  test('are got with the client credentials, used again, and renewed when the server refuses them', async () => {
    await using tokens = await issuer();
    await using server = await startSseServer((x) => {
      if (x.number === 1) x.answer(401);
      else x.open().write(one).end();
    });
    const config = { ...client, 'sse.oauth2.token.url': `${tokens.origin}/token`, 'sse.oauth2.scope': 'read all' };
    await using run = runSse(server.origin, config);
    await run.take(3);
    deepEqual(
      server.exchanges.slice(0, 4).map(({ headers }) => headers.authorization),
      ['Bearer token-0', 'Bearer token-0', 'Bearer token-1', 'Bearer token-1'],
    );
    const [{ headers, body, path }] = tokens.exchanges as [SseExchange];
    equal(path, '/token');
    equal(headers.authorization, `Basic ${Buffer.from('the+client:canary%26secret').toString('base64')}`);
    equal(body, 'grant_type=client_credentials&scope=read+all');
    ok(!run.everythingSaid().includes('canary'));
    ok(!run.everythingSaid().includes('token-0'));
  });
  test('are asked for an audience, where one is wanted', async () => {
    await using tokens = await issuer();
    await using server = await startSseServer((x) => x.open().write(one));
    const config = { ...client, 'sse.oauth2.token.url': tokens.origin, 'sse.oauth2.audience': 'https://feeds/ü' };
    await using run = runSse(server.origin, config);
    await run.take(1);
    equal(tokens.exchanges[0]!.body, 'grant_type=client_credentials&audience=https%3A%2F%2Ffeeds%2F%C3%BC');
  });
  test('are renewed before they expire', async () => {
    await using tokens = await issuer({ lifeS: 0.001 });
    await using server = await startSseServer((x) => x.open().write(one).end());
    await using run = runSse(server.origin, {
      ...client,
      'sse.oauth2.token.url': tokens.origin,
      'sse.oauth2.client.auth': 'post',
    });
    await run.take(2);
    equal(server.exchanges[1]!.headers.authorization, 'Bearer token-1');
    match(tokens.exchanges[0]!.body, /client_id=the\+client&client_secret=canary%26secret/);
    equal(tokens.exchanges[0]!.headers.authorization, undefined);
  });
  test('a new token that is refused, too, fails the task', async () => {
    await using tokens = await issuer();
    await using server = await startSseServer((x) => x.answer(401));
    await using run = runSse(server.origin, { ...client, 'sse.oauth2.token.url': tokens.origin });
    match((await run.failure()).message, /server answered with 401/);
  });
  test('a client that is not known fails the task', async () => {
    await using tokens = await issuer({
      answer: (x) => x.answer(401, {}, '{"error":"invalid_client","x":"canary&secret"}'),
    });
    await using server = await startSseServer((x) => x.open());
    await using run = runSse(server.origin, { ...client, 'sse.oauth2.token.url': tokens.origin });
    const { message } = await run.failure();
    match(message, /Cannot get a token from "[^"]+": it answered with 401 invalid_client$/);
    equal(server.exchanges.length, 0);
  });
  test('a token server that is ill is asked again', async () => {
    await using tokens = await issuer({
      answer: (x) =>
        x.number === 0
          ? x.answer(500)
          : x.answer(200, {}, '{"access_token":"t","token_type":"bearer","expires_in":60}'),
    });
    await using server = await startSseServer((x) => x.open().write(one));
    await using run = runSse(server.origin, { ...client, 'sse.oauth2.token.url': tokens.origin });
    await run.take(1);
    equal(run.metric('reconnects_total', { reason: 'token_failed' }), 1);
  });
  test('a token server that may not be reached fails the task', async () => {
    await using tokens = await issuer();
    await using server = await startSseServer((x) => x.open().write(one));
    const config = { ...client, 'sse.oauth2.token.url': tokens.origin };
    const outbound = publicOnly(['localhost']);
    await using run = runSse(server.origin.replace('127.0.0.1', 'localhost'), config, { outbound });
    match((await run.failure()).message, /not a public address/);
    equal(tokens.exchanges.length, 0);
  });
});

describe('ways to the server', () => {
  test('through proxies', async () => {
    await using server = await startSseServer((x) => x.open().write(one));
    const credentials = { user: 'u', password: 'proxy-secret' };
    await using http = await startHttpProxy({ credentials });
    await using socks = await startSocksProxy({ credentials });
    for (const proxy of [
      `http://u:proxy-secret@127.0.0.1:${http.port}`,
      `socks5://u:proxy-secret@127.0.0.1:${socks.port}`,
    ]) {
      await using run = runSse(`http://feed.test:${server.port}/`, { 'sse.proxy': proxy });
      await run.take(1);
      ok(!run.everythingSaid().includes('proxy-secret'));
    }
    deepEqual([http.asked, socks.asked], [[`feed.test:${server.port}`], [`feed.test:${server.port}`]]);
  });
  test('a proxy that may not be reached is not, and what is behind it is checked, too', async () => {
    await using server = await startSseServer((x) => x.open().write(one));
    await using proxy = await startHttpProxy();
    const through = { 'sse.proxy': `http://localhost:${proxy.port}` };
    await using direct = runSse('http://feed.test/', through, { outbound: publicOnly(['feed.test']) });
    match((await direct.failure()).message, /Cannot connect to "localhost": not a public address/);
    await using behind = runSse(server.origin, through, { outbound: publicOnly(['localhost']) });
    match((await behind.failure()).message, /Cannot connect to "127\.0\.0\.1": not a public address/);
    deepEqual(proxy.asked, []);
  });
  test('TLS with a private authority, a client certificate, and none of them', {
    skip: toolsMissing(['openssl']),
  }, async () => {
    await using folder = await tempFolder('sse-tls');
    const made = await makeCertificates(folder.path);
    const tls = { ...made.server, ca: made.ca, requestCert: true, rejectUnauthorized: true };
    await using server = await startSseServer((x) => x.open().write(one), { tls });
    const trusted = { 'sse.tls.ca': made.caPath, 'sse.tls.cert': made.client.cert, 'sse.tls.key': made.client.key };
    await using run = runSse(server.origin, trusted);
    await run.take(1);
    await using unknown = runSse(server.origin, { 'retry.max.attempts': '1' });
    match((await unknown.failure()).message, /TLS: .*(self-signed|unable to verify|unable to get)/);
    await using insecure = runSse(server.origin, { ...trusted, 'sse.tls.ca': '', 'sse.tls.insecure': 'true' });
    await insecure.take(1);
    equal(insecure.metric('tls_insecure'), 1);
  });
  test('TLS with an encrypted key, and a server of another name', async () => {
    await using folder = await tempFolder('sse-tls-names');
    const made = await makeCertificates(folder.path);
    const names: unknown[] = [];
    const SNICallback: TlsOptions['SNICallback'] = (name, done) => {
      names.push(name);
      done(null);
    };
    const tls = { ...made.other, ca: made.ca, requestCert: true, rejectUnauthorized: true, SNICallback };
    await using server = await startSseServer((x) => x.open().write(one), { tls });
    const config = {
      'sse.tls.ca': made.ca,
      'sse.tls.cert': made.client.cert,
      'sse.tls.key': made.clientEncryptedKey,
      'sse.tls.passphrase': 'let me in',
    };
    await using run = runSse(server.origin, { ...config, 'sse.tls.servername': 'other.example' });
    await run.take(1);
    deepEqual(names, ['other.example']);
    await using unnamed = runSse(server.origin, { ...config, 'retry.max.attempts': '1' });
    match((await unnamed.failure()).message, /TLS/);
    const locked = { ...config, 'sse.tls.passphrase': 'wrong' };
    await using wrong = runSse(server.origin, locked);
    const { message } = await wrong.failure();
    match(message, /sse\.tls\.ca, \.cert, \.key and \.passphrase/);
    ok(!wrong.everythingSaid().includes('let me in'));
  });
});

describe('a queue that is full', () => {
  const stream = Array.from({ length: 100 }, (_, n) => `id: ${n}\ndata: ${n}\n\n`).join('');
  test('holds the server back, and everything comes', async () => {
    await using server = await startSseServer((x) => x.open().write(stream).end());
    await using run = runSse(server.origin, { 'sse.queue.size': '10' });
    await run.begin();
    await run.until(() => run.metric('paused') === 1, 'the pause');
    equal(run.metric('queue_size'), 10);
    const records = eventsOf(await run.take(100));
    deepEqual(
      records.map(({ data }) => Number(data)),
      Array.from({ length: 100 }, (_, n) => n),
    );
    ok(run.batches.every(({ records: batch }) => batch.length <= 10));
    deepEqual(run.batches[0]!.offset, { last_event_id: String(run.batches[0]!.records.length - 1) });
  });
  test('is bounded in bytes, too', async () => {
    await using server = await startSseServer((x) => x.open().write(stream));
    await using run = runSse(server.origin, { 'sse.queue.bytes': '100' });
    await run.take(100);
    ok(run.batches.every(({ records }) => records.length <= 15));
  });
  for (const [overflow, kept] of [
    ['drop-oldest', 90],
    ['drop-newest', 0],
  ] as const) {
    test(`drops where that is wanted: ${overflow}`, async () => {
      await using server = await startSseServer((x) => x.open().write('data: first\n\n'));
      await using run = runSse(server.origin, { 'sse.queue.size': '10', 'sse.overflow': overflow });
      await run.take(1);
      server.exchanges[0]!.write(stream);
      await run.until(() => run.metric('events_received_total') === 101, 'all events');
      const records = eventsOf(await run.take(11)).slice(1);
      equal(records[0]!.data, String(kept));
      equal(run.metric('events_dropped_total', { reason: overflow.replace('-', '_') }), 90);
    });
  }
  test('what came before the connection was cut is not lost while the queue is full', async () => {
    await using server = await startSseServer(async (x) => {
      if (x.number > 0) return void x.open();
      x.open().write(stream);
      await x.drained();
      setTimeout(() => x.cut(), 50);
    });
    await using run = runSse(server.origin, { 'sse.queue.size': '10' });
    await run.begin();
    await server.exchanges[0]!.gone;
    const records = eventsOf(await run.take(100));
    equal(records[99]!.data, '99');
  });
});

describe('a stop', () => {
  test('gives out what has come, and leaves no connection', async () => {
    const stream = Array.from({ length: 100 }, (_, n) => `id: ${n}\ndata: ${n}\n\n`).join('');
    await using server = await startSseServer((x) => x.open().write(stream));
    await using run = runSse(server.origin, { 'sse.queue.size': '10' });
    await run.begin();
    await run.until(() => run.metric('paused') === 1, 'the pause');
    run.stop();
    equal((await run.drain()).length, 100);
    await run.until(() => server.openSockets() === 0, 'the end of the connection');
    equal(run.metric('events_dropped_total', { reason: 'abandoned' }), 0);
  });
  test('that takes nothing more counts every event that has come', async () => {
    const stream = Array.from({ length: 100 }, (_, n) => `id: ${n}\ndata: ${n}\n\n`).join('');
    await using server = await startSseServer((x) => x.open().write(`${stream}id: 100\ndata: half`));
    await using run = runSse(server.origin, { 'sse.queue.size': '10' });
    await run.begin();
    await run.until(() => run.metric('paused') === 1, 'the pause');
    const taken = run.records.length;
    ok(taken < 100);
    await run[Symbol.asyncDispose]();
    equal(run.metric('events_received_total'), 100);
    equal(run.metric('events_dropped_total', { reason: 'abandoned' }), 100 - taken);
    equal(run.metric('partial_events_total'), 0);
  });
  test('after an event that is too long counts what stands behind it', async () => {
    const stream = `data: 1\n\ndata: ${'x'.repeat(2000)}\n\n${'data: 2\n\n'.repeat(5)}`;
    await using server = await startSseServer((x) => x.open().write(stream));
    await using run = runSse(server.origin, { 'sse.event.max.bytes': '1024', 'sse.event.oversize': 'fail' });
    match((await run.failure()).message, /an event is longer than sse\.event\.max\.bytes/);
    equal(run.metric('events_received_total'), 7);
    equal(run.records.length, 1);
    equal(run.metric('events_dropped_total', { reason: 'oversize' }), 1);
    equal(run.metric('events_dropped_total', { reason: 'abandoned' }), 5);
  });
  for (const [when, serve] of [
    ['no answer has come', () => {}],
    ['a new attempt is waited for', (x: SseExchange) => x.answer(500)],
    ['the stream is open', (x: SseExchange) => x.open()],
  ] as const) {
    test(`ends at once while ${when}`, async () => {
      await using server = await startSseServer(serve);
      await using run = runSse(server.origin, { 'retry.backoff.initial.ms': '60000', 'retry.backoff.max.ms': '60000' });
      const taken = run.begin();
      await server.exchange(0);
      if (when.startsWith('a new')) await run.until(() => run.events('reconnect_scheduled').length > 0, 'the wait');
      run.stop();
      equal(await taken, false);
    });
  }
});

describe('the dry run', () => {
  test('shows the first event', async () => {
    await using server = await startSseServer((x) => x.open().write(one));
    await using run = runSse(server.origin);
    const result = await sseSource().probe!({ 'sse.uri': server.origin, topic: 't' }, run.context);
    deepEqual(result, { ok: true, sample: 'one', detail: 'connected, first event received' });
  });
  for (const [what, serve, reason] of [
    ['a refusal', (x: SseExchange) => x.answer(404), /^server answered with 404 Not Found$/],
    ['a refusal for good', (x: SseExchange) => x.answer(403), /server answered with 403/],
    ['a page', (x: SseExchange) => x.answer(200, { 'content-type': 'text/html' }), /sends "text\/html"/],
    ['204', (x: SseExchange) => x.answer(204), /^ended by the server/],
  ] as const) {
    test(`tells of ${what}`, async () => {
      await using server = await startSseServer(serve);
      await using run = runSse(server.origin);
      const result = await sseSource().probe!({ 'sse.uri': server.origin, topic: 't' }, run.context);
      match(result.ok ? 'ok' : result.reason, reason);
    });
  }
});

/** Takes connections and never says a word. */
async function startSilentServer(): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {})); // the client cuts it, which is what the test is about
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function numbersTo(last: number): number[] {
  return Array.from({ length: last }, (_, at) => at + 1);
}

/** What is told of gaps, and where among all records. */
function gapsOf(records: readonly SourceRecord[]): unknown[] {
  return records.flatMap(({ topic, value }, index) => {
    if (topic !== 'gaps') return [];
    const { connector, task, at, ...gap } = JSON.parse(textOf(value as Uint8Array));
    deepEqual([connector, task], ['test', 0]);
    equal(Number.isNaN(Date.parse(at)), false);
    return [{ index, ...gap }];
  });
}
