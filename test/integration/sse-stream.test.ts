/** The SSE source against a server that says what a test wants: what becomes of a stream. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { WriteValue } from '../../src/connectors/contract.ts';
import { naturalConverter } from '../../src/convert/natural.ts';
import { eventsOf, runSse, type SeenEvent, textOf } from '../support/sse-run.ts';
import { startSseServer } from '../support/sse-server.ts';

test('events become structures of event, id and data', async () => {
  await using server = await startSseServer((x) =>
    x.open().write('event: tick\nid: 1\ndata: {"n":1}\n\ndata: two\n\n: comment\n\nid: 3\ndata: a\ndata: b\n\n'),
  );
  await using run = runSse(server.origin);
  const records = await run.take(3);
  deepEqual(eventsOf(records), [
    { event: 'tick', id: '1', data: '{"n":1}' },
    { event: 'unknown', id: null, data: 'two' },
    { event: 'unknown', id: '3', data: 'a\nb' },
  ]);
  const [{ topic, partition, key, keySchema, headers, timestampMs, valueSchema }] = records as [(typeof records)[0]];
  deepEqual([topic, partition, key, keySchema, headers, timestampMs], ['t', null, null, null, [], null]);
  equal(valueSchema?.name, 'com.github.cjmatta.kafka.connect.sse.ServerSentEvent');
});

test('the position of a batch is the id of its last event, before the first id it is empty', async () => {
  await using server = await startSseServer((x) => x.open().write('data: a\n\n'));
  await using run = runSse(server.origin);
  await run.take(1);
  deepEqual([run.batches[0]!.partition, run.batches[0]!.offset], [{}, {}]);
  server.exchanges[0]!.write('id: ü7\ndata: b\n\ndata: c\n\n');
  await run.take(3);
  deepEqual(run.batches.at(-1)!.offset, { last_event_id: 'ü7' });
});

describe('values, keys and headers', () => {
  const stream = 'event: tick\nid: 1\ndata: x\n\ndata: y\n\n';
  test('the value can be the data alone', async () => {
    await using server = await startSseServer((x) => x.open().write(stream));
    await using run = runSse(server.origin, { 'sse.value': 'data' });
    const records = await run.take(2);
    deepEqual(
      records.map(({ value, valueSchema }) => [textOf(value as Uint8Array), valueSchema?.type]),
      [
        ['x', 'string'],
        ['y', 'string'],
      ],
    );
  });
  for (const [key, wanted] of [
    ['id', ['1', null]],
    ['event', ['tick', 'message']],
    ['origin', ['origin', 'origin']],
  ] as const) {
    test(`the key can be the ${key}`, async () => {
      await using server = await startSseServer((x) => x.open().write(stream));
      await using run = runSse(server.origin, { 'sse.key': key, 'sse.event.default.name': 'message' });
      const keys = (await run.take(2)).map((record) => (record.key === null ? null : textOf(record.key as Uint8Array)));
      deepEqual(
        keys,
        wanted.map((text) => (text === 'origin' ? server.origin : text)),
      );
    });
  }
  test('id, event and origin can be headers; an id that is not there is none', async () => {
    await using server = await startSseServer((x) => x.open().write(stream));
    await using run = runSse(server.origin, { 'sse.headers': 'id,event,origin' });
    const shown = (await run.take(2)).map(({ headers }) => headers.map((h) => [h.key, textOf(h.value as Uint8Array)]));
    deepEqual(shown, [
      [
        ['sse.id', '1'],
        ['sse.event', 'tick'],
        ['sse.origin', server.origin],
      ],
      [
        ['sse.event', 'unknown'],
        ['sse.origin', server.origin],
      ],
    ]);
  });
});

describe('filters', () => {
  const stream = ['a', 'b.1', 'b.2', '', 'c'].map((name, n) => `event: ${name}\nid: ${n}\ndata: ${n}\n\n`).join('');
  for (const [config, wanted, left] of [
    [{ 'sse.events': 'a,b.*' }, ['0', '1', '2'], '4'],
    [{ 'sse.events.exclude': 'b.*' }, ['0', '3', '4'], '4'],
    [{ 'sse.events': 'b.*,unknown', 'sse.events.exclude': 'b.1' }, ['2', '3'], '4'],
  ] as const) {
    test(`${JSON.stringify(config)} keeps ${wanted}`, async () => {
      await using server = await startSseServer((x) => x.open().write(stream));
      await using run = runSse(server.origin, config);
      deepEqual(
        eventsOf(await run.take(wanted.length)).map(({ data }) => data),
        wanted,
      );
      equal(run.metric('events_dropped_total', { reason: 'filtered' }), 5 - wanted.length);
      deepEqual(run.batches.at(-1)!.offset, { last_event_id: left });
    });
  }
});

test('chunks cut at every byte give the same events', async () => {
  const stream = Buffer.from('\ufeffevent: é\r\nid: 1\r\ndata: 世\r\n\r\ndata: b\r\rdata: c\n\n');
  await using server = await startSseServer(async (x) => {
    x.open();
    for (const byte of stream) {
      x.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  await using run = runSse(server.origin);
  deepEqual(eventsOf(await run.take(3)), [
    { event: 'é', id: '1', data: '世' },
    { event: 'unknown', id: null, data: 'b' },
    { event: 'unknown', id: null, data: 'c' },
  ]);
});

describe('compression', () => {
  const stream = Buffer.from(Array.from({ length: 500 }, (_, n) => `id: ${n}\ndata: event number ${n}\n\n`).join(''));
  for (const [encoding, packed] of [
    ['gzip', gzipSync(stream)],
    ['deflate', deflateSync(stream)],
    ['deflate', deflateRawSync(stream)],
    ['br', brotliCompressSync(stream)],
    ['zstd', zstdCompressSync(stream)],
    ['GZIP', gzipSync(stream)],
  ] as const) {
    test(`${encoding} is unpacked, in pieces and with the end missing`, async () => {
      await using server = await startSseServer((x) => {
        x.open({ 'content-encoding': encoding });
        for (let at = 0; at < packed.length; at += 100) x.write(packed.subarray(at, at + 100));
        if (x.number > 0) x.end();
      });
      await using run = runSse(server.origin);
      const records = await run.take(500);
      equal(eventsOf(records)[499]!.data, 'event number 499');
      equal(server.exchanges[0]!.headers['accept-encoding'], 'gzip, deflate, br, zstd');
    });
  }
  test('an event comes as soon as the server has flushed it', async () => {
    const { createGzip } = await import('node:zlib');
    const gzip = createGzip();
    await using server = await startSseServer((x) => {
      x.open({ 'content-encoding': 'gzip' });
      gzip.on('data', (chunk: Buffer) => x.write(chunk));
      gzip.write('data: first\n\n');
      gzip.flush();
    });
    await using run = runSse(server.origin);
    equal(eventsOf(await run.take(1))[0]!.data, 'first');
    gzip.write('data: second\n\n');
    gzip.flush();
    equal(eventsOf(await run.take(2))[1]!.data, 'second');
    gzip.destroy();
  });
  test('what cannot be unpacked ends the connection with its reason', async () => {
    await using server = await startSseServer((x) => {
      if (x.number === 0) x.open({ 'content-encoding': 'gzip' }).write('this is not gzip, not at all');
      else x.open().write('data: plain\n\n');
    });
    await using run = runSse(server.origin);
    await run.take(1);
    equal(run.metric('reconnects_total', { reason: 'content_encoding' }), 1);
  });
  test('an encoding that is not known is told', async () => {
    await using server = await startSseServer((x) => x.open({ 'content-encoding': 'compress' }));
    await using run = runSse(server.origin, { 'retry.max.attempts': '1' });
    match((await run.failure()).message, /content encoding "compress"/);
  });
  test('without it, nothing is asked for', async () => {
    await using server = await startSseServer((x) => x.open().write('data: x\n\n'));
    await using run = runSse(server.origin, { 'compression.enabled': 'false' });
    await run.take(1);
    equal(server.exchanges[0]!.headers['accept-encoding'], 'identity');
  });
});

describe('events that are too long', () => {
  const stream = `id: 1\ndata: ${'x'.repeat(2000)}\n\nid: 2\ndata: y\n\n`;
  test('are passed over and counted', async () => {
    await using server = await startSseServer((x) => x.open().write(stream));
    await using run = runSse(server.origin, { 'sse.event.max.bytes': '1000' });
    deepEqual(eventsOf(await run.take(1)), [{ event: 'unknown', id: '2', data: 'y' }]);
    equal(run.metric('events_dropped_total', { reason: 'oversize' }), 1);
  });
  test('or fail the task, and what came before is not lost', async () => {
    await using server = await startSseServer((x) => x.open().write(`data: a\n\n${stream}`));
    await using run = runSse(server.origin, { 'sse.event.max.bytes': '1000', 'sse.event.oversize': 'fail' });
    match((await run.failure()).message, /an event is longer than sse\.event\.max\.bytes \(1000\)/);
    deepEqual(
      eventsOf(run.records).map(({ data }) => data),
      ['a'],
    );
    equal(server.exchanges.length, 1);
  });
});

test('ten megabytes of data in one event arrive', async () => {
  const data = 'abcdefghij'.repeat(1_000_000);
  await using server = await startSseServer((x) => x.open().write(`data: ${data}\n\n`));
  await using run = runSse(server.origin);
  equal(eventsOf(await run.take(1))[0]!.data === data, true);
});

test('names are counted; names without end are counted together', async () => {
  const stream = Array.from({ length: 150 }, (_, n) => `event: n${n}\ndata: x\n\n`).join('');
  await using server = await startSseServer((x) => x.open().write(stream).write('event: n1\ndata: x\n\n'));
  await using run = runSse(server.origin);
  await run.take(151);
  equal(run.metric('events_by_name_total', { event: 'n1' }), 2);
  equal(run.metric('events_by_name_total', { event: '(others)' }), 50);
  equal(run.metric('events_by_name_total'), 151);
  equal(run.metric('events_received_total'), 151);
});

test('a stream in the form of Wikimedia is complete although it is cut again and again', async () => {
  const count = 2000;
  const idOf = (n: number): string =>
    JSON.stringify([
      { topic: 'eqiad.mediawiki.recentchange', partition: 0, offset: 5_000_000 + n },
      { topic: 'codfw.mediawiki.recentchange', partition: 0, offset: -1 },
    ]);
  const dataOf = (n: number): string =>
    JSON.stringify({ n, title: `Straße ${n} – 日本 🚲`, comment: 'x'.repeat(n % 500 === 0 ? 60_000 : n % 300) });
  await using server = await startSseServer((x) => {
    const last = x.headers['last-event-id'];
    const decoded = last === undefined ? undefined : Buffer.from(last as string, 'latin1').toString('utf8');
    const from = decoded === undefined ? 0 : JSON.parse(decoded)[0].offset - 5_000_000 + 1;
    x.open({ 'content-type': 'text/event-stream; charset=utf-8' }).write(':ok\n\n');
    const to = Math.min(from + 150 + ((x.number * 37) % 200), count);
    for (let n = from; n < to; n++) x.write(`event: message\nid: ${idOf(n)}\ndata: ${dataOf(n)}\n\n`);
    // Cut in the midst of an event whose beginning the client has; the last connection stays.
    if (to < count) x.write(`event: message\nid: ${idOf(to)}\ndata: ${dataOf(to).slice(0, 40)}`).end();
  });
  await using run = runSse(server.origin, { 'retry.backoff.initial.ms': '1', 'retry.backoff.max.ms': '5' });
  const events = eventsOf(await run.take(count));
  deepEqual(
    events.map(({ event, id, data }) => [event, id, data]),
    Array.from({ length: count }, (_, n) => ['message', idOf(n), dataOf(n)]),
  );
  deepEqual(run.batches.at(-1)!.offset, { last_event_id: idOf(count - 1) });
  equal(run.metric('partial_events_total'), server.exchanges.length - 1);
});

test('data alone travels in columns, each with the position behind its own last event', async () => {
  const count = 4000;
  const stream = Array.from({ length: count }, (_, n) => `id: ${n}\ndata: ${String(n).padEnd(500)}\n\n`).join('');
  await using server = await startSseServer((x) => x.open().write(stream));
  await using run = runSse(server.origin, { 'sse.value': 'data' });
  const records = await run.take(count);
  deepEqual(
    records.map(({ value }) => Number(textOf(value as Uint8Array))),
    Array.from({ length: count }, (_, n) => n),
  );
  for (const { records: batch, offset, column } of run.batches) {
    equal(column!.values.length, batch.length);
    deepEqual(offset, { last_event_id: textOf(batch.at(-1)!.value as Uint8Array).trim() });
  }
  equal(run.metric('records_produced_total'), count);
});

describe('where the worker says how values are written', () => {
  const json = naturalConverter();
  const writeValue: WriteValue = (topic, schema, value, into) => {
    if (textOf((value as Record<string, Uint8Array>)['data']!) === 'bad') throw new Error('cannot write "bad"');
    if (!json.append!(schema, value, into)) into.append(json.toBytes(topic, schema, value)!);
  };

  test('structures travel in columns as they will be stored, each with the position behind its own last event', async () => {
    const count = 3000;
    const stream = Array.from({ length: count }, (_, n) => `id: ${n}\ndata: ${String(n).padEnd(500)}\n\n`).join('');
    await using server = await startSseServer((x) => x.open().write(stream));
    await using run = runSse(server.origin, {}, { writeValue });
    const events = (await run.take(count)).map(({ value }) => JSON.parse(textOf(value as Uint8Array)) as SeenEvent);
    deepEqual(
      events.map(({ event, id, data }) => [event, id, Number(data)]),
      Array.from({ length: count }, (_, n) => ['unknown', String(n), n]),
    );
    ok(run.batches.length > 1);
    let taken = 0;
    for (const { records, offset, column } of run.batches) {
      deepEqual([column!.isWritten, column!.values.length], [true, records.length]);
      taken += records.length;
      deepEqual(offset, { last_event_id: String(taken - 1) });
    }
    equal(run.metric('records_produced_total'), count);
  });

  for (const [why, config] of [
    ['keys', { 'sse.key': 'event' }],
    ['headers', { 'sse.headers': 'id' }],
    ['an overflow that drops', { 'sse.overflow': 'drop-oldest' }],
  ] as const) {
    test(`with ${why} they are records all the same`, async () => {
      await using server = await startSseServer((x) => x.open().write('id: 1\ndata: a\n\n'));
      await using run = runSse(server.origin, config, { writeValue });
      deepEqual(eventsOf(await run.take(1)), [{ event: 'unknown', id: '1', data: 'a' }]);
      equal(run.batches[0]!.column, undefined);
    });
  }

  test('one that cannot be written fails the task by its own reason, and no position is given that is behind it', async () => {
    await using server = await startSseServer((x) =>
      x.open().write('id: 1\ndata: a\n\nid: 2\ndata: bad\n\nid: 3\ndata: c\n\n'),
    );
    await using run = runSse(server.origin, {}, { writeValue });
    equal((await run.failure()).message, 'cannot write "bad"');
    deepEqual(run.batches, []);
    equal(run.metric('events_dropped_total', { reason: 'abandoned' }), 3);
  });
});
