import { deepEqual, equal, match, notEqual } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { webSocketSource } from '../../src/connectors/websocket-source/connector.ts';
import { BYTES, STRING } from '../../src/record/schema.ts';
import { textsOf } from '../support/connector-context.ts';
import { runSource } from '../support/websocket-run.ts';
import { WsServer } from '../support/ws-server.ts';

interface Frame {
  readonly label: string;
  readonly opcode: 'text' | 'binary';
  readonly base64?: string;
  readonly records: readonly { readonly value: { readonly base64?: string } }[];
}

const frames = readFileSync(new URL('../conformance/websocket/frames.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Frame);
const payloadOf = ({ base64 }: Frame) =>
  base64 === undefined ? Buffer.alloc(1_000_000, 'x') : Buffer.from(base64, 'base64');

test('every recorded frame gives the record that the original writes; binary frames give their bytes', async () => {
  await using server = await WsServer.start({
    onOpen(peer) {
      for (const frame of frames) peer.send({ opcode: frame.opcode === 'text' ? 1 : 2, payload: payloadOf(frame) });
    },
  });
  await using run = runSource(server.url);
  const records = await run.take(frames.length);
  for (const [index, frame] of frames.entries()) {
    const record = records[index]!;
    const { value, ...rest } = record;
    deepEqual(Buffer.from(value as Uint8Array), payloadOf(frame), frame.label);
    if (frame.opcode === 'text')
      deepEqual(
        payloadOf(frame),
        Buffer.from(frame.records[0]!.value.base64 ?? payloadOf(frame).toString('base64'), 'base64'),
      );
    deepEqual(rest, {
      topic: 'topic',
      partition: null,
      key: null,
      keySchema: null,
      valueSchema: frame.opcode === 'text' ? STRING : BYTES,
      headers: [],
      timestampMs: null,
    });
  }
  equal(run.metric('messages_received_total'), frames.length);
  equal(run.metric('records_produced_total'), frames.length);
  equal(run.metric('binary_messages_total'), 2);
});

describe('offsets', () => {
  const session = async (resumeOffset: Record<string, unknown> | undefined) => {
    await using server = await WsServer.start({
      onOpen(peer) {
        peer.text('a');
        peer.text('b');
      },
    });
    await using run = runSource(` ${server.url} `, {}, { resumeOffset });
    await run.take(2);
    const last = run.batches.at(-1)!;
    return {
      partition: last.partition,
      offset: last.offset as { session_id: string; sequence: number },
      run,
      url: server.url,
    };
  };

  test('count from 1, for the URL as configured, in a session of their own', async () => {
    const { partition, offset, url } = await session(undefined);
    deepEqual(partition, { websocket_url: url });
    deepEqual(Object.keys(offset), ['session_id', 'sequence']);
    equal(offset.sequence, 2);
    match(offset.session_id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  test('go on where the last session ended', async () => {
    const { offset, run } = await session({ session_id: 'before', sequence: 41 });
    equal(offset.sequence, 43);
    notEqual(offset.session_id, 'before');
    equal(run.events('session_changed')[0]?.fields['previous_session_id'], 'before');
  });

  for (const broken of [{}, { sequence: 'x' }, { sequence: -1 }, { sequence: null }]) {
    test(`start anew after ${JSON.stringify(broken)}`, async () => equal((await session(broken)).offset.sequence, 2));
  }

  test('stay in one session and grow over a reconnect', async () => {
    await using server = await WsServer.start({
      onOpen(peer) {
        peer.text(`m${peer.request.number}`);
        if (peer.request.number === 0) peer.close(1001);
      },
    });
    await using run = runSource(server.url);
    deepEqual(textsOf(await run.take(2)), ['m0', 'm1']);
    const offsets = run.batches.map(({ offset }) => offset as { session_id: string; sequence: number });
    deepEqual(
      offsets.map(({ sequence }) => sequence),
      [1, 2],
    );
    equal(new Set(offsets.map(({ session_id }) => session_id)).size, 1);
  });
});

test('the key is what the pointer finds in the message', async () => {
  await using server = await WsServer.start({
    onOpen(peer) {
      for (const text of ['{"d":{"s":"BTC"}}', '{"d":{}}', 'no json', '{"d":{"s":7}}']) peer.text(text);
    },
  });
  await using run = runSource(server.url, { 'websocket.key.pointer': '/d/s' });
  const records = await run.take(4);
  deepEqual(
    records.map(({ key, keySchema }) => [key === null ? null : Buffer.from(key as Uint8Array).toString(), keySchema]),
    [
      ['BTC', STRING],
      [null, null],
      [null, null],
      ['7', STRING],
    ],
  );
});

describe('binary messages', () => {
  const text = Buffer.from('{"packed":true}');
  const bad = Buffer.from([0, 255]);
  for (const [name, changes, sent, received, dropped] of [
    ['are text where the option says so', { 'websocket.binary': 'text' }, [text, bad, text], [text, text], 'not_utf8'],
    ['are dropped where the option says so', { 'websocket.binary': 'drop' }, [text, bad, text], [], 'binary'],
    ['are unpacked with gzip', { 'websocket.payload.encoding': 'gzip' }, [gzipSync(text), bad], [text], 'undecodable'],
    [
      'are unpacked with deflate, with a header of zlib or without',
      { 'websocket.payload.encoding': 'deflate' },
      [deflateSync(text), deflateRawSync(text), bad],
      [text, text],
      'undecodable',
    ],
    [
      'are unpacked where they look packed',
      { 'websocket.payload.encoding': 'auto', 'websocket.binary': 'text' },
      [gzipSync(text), deflateSync(text), text],
      [text, text, text],
      undefined,
    ],
  ] as const) {
    test(name, async () => {
      await using server = await WsServer.start({
        onOpen(peer) {
          for (const payload of sent) peer.binary(payload);
          peer.text('last');
        },
      });
      await using run = runSource(server.url, changes);
      const records = await run.take(received.length + 1);
      deepEqual(textsOf(records), [...received.map(String), 'last']);
      if ('websocket.binary' in changes)
        equal(
          records.every(({ valueSchema }) => valueSchema === STRING),
          true,
        );
      equal(run.metric('binary_messages_total'), sent.length);
      const lost = sent.length - received.length;
      equal(run.metric('messages_dropped_total'), lost);
      if (dropped !== undefined) equal(run.metric('messages_dropped_total', { reason: dropped }), lost);
    });
  }
});

test('it is one task, whatever the maximum, with the configuration as it is', () => {
  const config = { 'websocket.url': 'ws://h/', 'kafka.topic': 't', other: 'x' };
  for (const max of [1, 5]) deepEqual(webSocketSource.tasks(config, max), [config]);
  equal(webSocketSource.classNames[0], 'io.conduktor.connect.websocket.WebSocketSourceConnector');
});
