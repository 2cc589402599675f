/**
 * Two instances of the gateway on one Kafka, in processes of their own: one is killed with -9 under its clients, then the other is
 * told to end; whoever resumes on the one that is left goes on exactly, whatever its protocol.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { on, once } from 'node:events';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WebSocket } from 'ws';
import type * as clientModule from '../../clients/js/src/client.ts';
import { openStream } from '../conformance/runners/gateway/event-stream.ts';
import { freePorts } from '../support/free-ports.ts';
import { decodeFrames } from '../support/gateway/binary-frames.ts';
import { type GatewayStand, gatewayStand } from '../support/gateway/stand.ts';
import { type KafkaServer, kafkaMissing, startKafka } from '../support/kafka.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type Running, startTributary } from './support/run.ts';

const skip = await kafkaMissing();
let kafka: KafkaServer | undefined;
let stand: GatewayStand | undefined;
if (skip === false) {
  kafka = await startKafka();
  stand = await gatewayStand(`kafka://${kafka.bootstrap}`);
}
after(async () => {
  await stand?.[Symbol.asyncDispose]();
  await kafka?.[Symbol.asyncDispose]();
});

const { buildClient } = (await import('../../scripts/build-client.mjs' as string)) as { buildClient(): Promise<void> };
await buildClient();
const { connect } = (await import(join(import.meta.dirname, '../../clients/js/dist/client.js'))) as typeof clientModule;

const isLong = process.env['TEST_LONG'] === '1';
const partitions = 3;
const topic = 'followed';

interface SeenRecord {
  readonly partition: number;
  readonly offset: number;
}

/** What a follower has seen, by partition, and the place it goes on from. */
class Ledger {
  readonly seen: number[][] = Array.from({ length: partitions }, () => []);
  resume: string | undefined;
  #count = 0;
  #waiting: { readonly count: number; readonly reached: () => void }[] = [];

  add(records: readonly SeenRecord[], resume: string | undefined): void {
    for (const { partition, offset } of records) this.seen[partition]!.push(offset);
    this.resume = resume ?? this.resume;
    this.#count += records.length;
    for (const { count, reached } of this.#waiting) if (this.#count >= count) reached();
  }

  reached(count: number): Promise<void> {
    if (this.#count >= count) return Promise.resolve();
    return new Promise((reached) => this.#waiting.push({ count, reached }));
  }
}

interface Frame {
  readonly type: string;
  readonly records?: readonly SeenRecord[];
  readonly pos?: string;
}

/** Reads from one instance until the connection is lost. A gap, or an error, is a failure of the test. */
type Follow = (address: string, ledger: Ledger, signal: AbortSignal) => Promise<void>;

async function* messages(
  url: string,
  protocols: string[],
  first: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<readonly [Buffer, isBinary: boolean]> {
  const socket = new WebSocket(url, protocols);
  signal.addEventListener('abort', () => socket.close());
  const incoming = on(socket, 'message', { close: ['close'] });
  await once(socket, 'open');
  if (first !== undefined) socket.send(first);
  for await (const [data, isBinary] of incoming) yield [data as Buffer, isBinary as boolean];
}

function taken(frame: Frame, ledger: Ledger): void {
  const { type, records = [], pos } = frame;
  ok(['welcome', 'ok', 'data', 'ping', 'bye'].includes(type), JSON.stringify(frame));
  if (type === 'data') ledger.add(records, pos);
}

const textFrames = (data: Buffer): unknown[] =>
  String(data)
    .split('\n')
    .map((line) => JSON.parse(line));

function native(form: 'json' | 'bin'): Follow {
  return async (address, ledger, signal) => {
    const from = ledger.resume === undefined ? 'earliest' : { pos: ledger.resume };
    const sub = JSON.stringify({ type: 'sub', id: 1, topics: [topic], from, window: 10_000 });
    for await (const [data, isBinary] of messages(`ws://${address}/v1/ws`, [`tributary.v1.${form}`], sub, signal)) {
      const frames = isBinary ? decodeFrames(data) : textFrames(data);
      for (const frame of frames) taken(frame as Frame, ledger);
    }
  };
}

const sse: Follow = async (address, ledger, signal) => {
  const headers: Record<string, string> = ledger.resume === undefined ? {} : { 'Last-Event-ID': ledger.resume };
  await stream(`/v1/sse?topic=${topic}&from=earliest`, headers, address, signal, (item) => {
    if (item.kind === 'event') {
      equal(item.event, 'message');
      ledger.add([JSON.parse(item.data) as SeenRecord], item.id);
    }
  });
};

const ndjson: Follow = async (address, ledger, signal) => {
  const path = `/v1/sse?topic=${topic}&from=${ledger.resume ?? 'earliest'}`;
  await stream(path, { Accept: 'application/x-ndjson' }, address, signal, (item) => {
    if (item.kind === 'line' && (item.json as Frame).type !== 'error') taken(item.json as Frame, ledger);
  });
};

type StreamItem = Awaited<ReturnType<typeof openStream>>['items']['items'][number];

async function stream(
  path: string,
  headers: Record<string, string>,
  address: string,
  signal: AbortSignal,
  take: (item: StreamItem) => void,
): Promise<void> {
  const answer = await openStream(address, path, headers);
  equal(answer.status, 200, answer.body);
  signal.addEventListener('abort', () => answer.close());
  for (let isOpen = true; isOpen; ) {
    const item = await answer.items.until(
      60_000,
      () => 'more of the stream',
      (items) => items.shift(),
    );
    isOpen = item.kind !== 'end';
    if (isOpen) take(item);
  }
}

const read: Follow = async (address, ledger, signal) => {
  for (;;) {
    const from = ledger.resume ?? 'earliest';
    const answer = await fetch(`http://${address}/v1/topics/${topic}/records?from=${from}&waitMs=5000`, { signal });
    if (answer.status !== 200) return; // it goes down
    const { records, pos, gaps } = (await answer.json()) as {
      records: SeenRecord[];
      pos: string;
      gaps: unknown[];
    };
    deepEqual(gaps, []);
    ledger.add(records, pos);
  }
};

const v2Group: Follow = async (address, ledger, signal) => {
  const url = `ws://${address}/v2/broker/?topics=${topic}&group.id=v2-followers`;
  for await (const [data] of messages(url, ['kafka-text'], undefined, signal)) {
    // The value says where it stands: v2 does not.
    const [partition, offset] = (JSON.parse(String(data)) as { message: string }).message.split('/').map(Number);
    ledger.add([{ partition: partition!, offset: offset! }], undefined);
  }
};

const follows: Readonly<Record<string, Follow>> = {
  json: native('json'),
  bin: native('bin'),
  sse,
  ndjson,
  read,
  'v2 group': v2Group,
};

/** The partitions of a group's member that was killed are free when its session is over, 10 s later: that is waited for in the long run. */
const inShort = Object.keys(follows).filter((name) => name !== 'v2 group');

/** One after the other, as each is lost. */
async function followAll(follow: Follow, addresses: readonly string[], ledger: Ledger, signal: AbortSignal) {
  for (let at = 0; !signal.aborted; at++) {
    try {
      await follow(addresses[at % addresses.length]!, ledger, signal);
    } catch (error) {
      if (signal.aborted || isLost(error)) continue;
      throw error;
    }
  }
}

/** A connection that broke, or was not taken: anything else is a finding. */
function isLost(error: unknown): boolean {
  const { code, message, cause } = error as { code?: string; message: string; cause?: { code?: string } };
  return (
    /ECONN|EPIPE|UND_ERR_SOCKET/.test(`${code} ${cause?.code}`) || /socket hang up|before the connection/.test(message)
  );
}

/** Values say partition and offset; slowly enough that an instance goes down in the midst of it. */
async function write(from: number, to: number): Promise<void> {
  for (let offset = from; offset < to; offset++) {
    const sends = Array.from({ length: partitions }, (_, partition) =>
      stand!.produce(topic, [`${partition}/${offset}`], partition),
    );
    await Promise.all(sends);
  }
}

test('whoever loses one instance goes on exactly at the other, over kill -9 and a farewell', { skip }, async (t) => {
  await using folder = await tempFolder('gateway-instances');
  const ports = (await freePorts(4)) as [number, number, number, number];
  const addresses = [`127.0.0.1:${ports[0]}`, `127.0.0.1:${ports[1]}`] as const;
  const begin = async (at: 0 | 1): Promise<Running> => {
    const env = {
      TRIBUTARY_GATEWAY_LISTEN: addresses[at],
      TRIBUTARY_GATEWAY_ADMIN: `127.0.0.1:${ports[at + 2]}`,
      TRIBUTARY_GATEWAY_V2_OFFSETRESET: 'earliest',
      TRIBUTARY_GATEWAY_DRAIN_SPREADMS: '0',
    };
    const args = ['gateway', '--broker', `kafka://${kafka!.bootstrap}`];
    const running = startTributary(args, { cwd: folder.path, env });
    await running.waitFor('Ctrl-C stops it');
    return running;
  };
  await stand!.topic(topic, { partitions });
  await using first = await begin(0);
  await using second = await begin(1);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const ledgers = new Map<string, Ledger>();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {}); // it is raced below
  const following: Promise<void>[] = [];
  const follow = (name: string, order: readonly string[] = addresses): void => {
    const ledger = ledgers.get(name) ?? new Ledger();
    ledgers.set(name, ledger);
    following.push(followAll(follows[name]!, order, ledger, stop.signal));
    following.at(-1)!.catch(failure.reject);
  };
  for (const name of isLong ? Object.keys(follows) : inShort) follow(name);

  const library = new Ledger();
  ledgers.set('library', library);
  const client = connect(
    addresses.map((address) => `http://${address}`),
    { minDelayMs: 5, maxDelayMs: 50 },
  );
  t.after(() => client.close());
  const loop = (async () => {
    for await (const event of client.subscribe({ topics: [topic], from: 'earliest' })) {
      equal(event.kind, 'record');
      if (event.kind === 'record') library.add([event], undefined);
    }
  })();
  const all = (count: number): Promise<unknown> =>
    Promise.race([failure.promise, Promise.all([...ledgers.values()].map((ledger) => ledger.reached(count)))]);

  const perPartition = 60;
  const writing = write(0, perPartition);
  writing.catch(() => {}); // awaited below
  await all(30); // each has been with the first one
  first.child.kill('SIGKILL');
  await first.ended;
  await writing;
  await all(perPartition * partitions);

  await using third = await begin(0);
  if (!isLong) follow('v2 group', addresses.toReversed());
  const more = write(perPartition, 2 * perPartition);
  more.catch(() => {});
  await all(perPartition * partitions + 30);
  equal((await second.stop('SIGTERM')).code, 0);
  await more;
  await all(2 * perPartition * partitions);
  await write(2 * perPartition, 2 * perPartition + 1); // behind what would come a second time
  await all((2 * perPartition + 1) * partitions);
  stop.abort();
  client.close();
  await Promise.all([...following, loop]);
  equal((await third.stop('SIGTERM')).code, 0);

  const expected = Array.from({ length: 2 * perPartition + 1 }, (_, offset) => offset);
  for (const [name, { seen }] of ledgers) {
    for (const offsets of seen) {
      // A group is promised each record at least once: what it had not committed at the kill comes again.
      if (name === 'v2 group')
        deepEqual(
          [...new Set(offsets)].sort((a, b) => a - b),
          expected,
          name,
        );
      else deepEqual(offsets, expected, name);
    }
  }
  ok(client.counts.reconnects >= 2);
});

test('a mid is written once by an instance; another one, or the same anew, writes it again under the same header', {
  skip,
}, async () => {
  await stand!.topic('once', { partitions });
  await using here = await stand!.gateway();
  await using there = await stand!.gateway();
  const publish = async (url: string, mid: string, value: string): Promise<Readonly<Record<string, unknown>>> => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': mid };
    const body = JSON.stringify({ key: 'k', value });
    const answer = await fetch(`${url}/v1/topics/once`, { method: 'POST', headers, body });
    return (await answer.json()) as Readonly<Record<string, unknown>>;
  };
  const first = await publish(here.url, 'm1', 'a');
  deepEqual(await publish(here.url, 'm1', 'a'), { ...first, duplicate: true });
  equal((await publish(here.url, 'm1', 'b'))['code'], 'conflict');
  const client = await here.native();
  client.send({ type: 'pub', id: 1, topic: 'once', key: 'k', value: 'a', mid: 'm1' });
  const again = await client.next('ok');
  deepEqual([again['offset'], again['duplicate']], [first['offset'], true]);

  const elsewhere = await publish(there.url, 'm1', 'a');
  equal(elsewhere['duplicate'], undefined);
  equal(elsewhere['partition'], first['partition']);
  equal((await publish(there.url, 'm1', 'b'))['code'], 'conflict');
  await using anew = await stand!.gateway();
  equal((await publish(anew.url, 'm1', 'b'))['duplicate'], undefined); // what it was at first is not known here

  const read = await fetch(`${there.url}/v1/topics/once/records?waitMs=5000`);
  const { records } = (await read.json()) as {
    records: { partition: number; value: string; headers: { name: string; value: string }[] }[];
  };
  const copies = records.map(({ partition, value, headers }) => {
    const mid = headers.find(({ name }) => name === 'tributary-mid')?.value;
    return [partition, value, mid];
  });
  const partition = first['partition'];
  deepEqual(copies, [
    [partition, 'a', 'm1'],
    [partition, 'a', 'm1'],
    [partition, 'b', 'm1'],
  ]);
  equal(here.metric('duplicates_total'), 2);
  equal(there.metric('duplicates_total'), 0);
});
