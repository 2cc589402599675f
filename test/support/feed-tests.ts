/**
 * Recorded feeds of real exchanges, served over a WebSocket and read by the connector into a broker: the topic must hold the
 * same messages, byte for byte and in order, whatever the framing, and over connections that are cut.
 */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { webSocketSource } from '../../src/connectors/websocket-source/connector.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { startWorker } from '../../src/worker/worker.ts';
import { within } from '../e2e/support/run.ts';
import { type FeedServerOptions, type Segment, serveRecording } from './feed-server.ts';
import { feedsMissing, type Recording, readRecordings } from './feeds.ts';
import { seeded, testSeed } from './random.ts';

export const missing = feedsMissing();
/** On a machine under load a recording may take long. */
const patienceMs = 60_000;
const recordings = missing === false ? readRecordings() : [];
const isLong = process.env['TEST_LONG'] === '1';
const cutCount = isLong ? 50 : 5;
const waysToCut = ['fin', 'reset'] as const;
const framings = [false, true].flatMap((deflate) => [false, true].map((fragmented) => ({ deflate, fragmented })));

/**
 * One test for each recording, framing and way to cut. `open` is asked for the broker by each. In short each framing of a
 * recording is cut in one way only, by turns: which begins is left to the seed. With `one`, the seed also leaves a single framing of
 * each recording, another one of the next: for a broker that only has to take what another one was given in all of them.
 */
export function feedTests(open: () => Promise<Broker>, inShort: 'all' | 'one' = 'all'): void {
  for (const [place, recording] of recordings.entries()) {
    for (const [turn, framing] of framings.entries()) {
      if (inShort === 'one' && !isLong && turn !== (testSeed + place) % framings.length) continue;
      const name = `${recording.name}, ${framing.deflate ? 'compressed' : 'plain'}, ${framing.fragmented ? 'in fragments' : 'in one piece'}`;
      test(`${name}: every message arrives once, in order (seed ${testSeed})`, async () => {
        await check(await open(), recording, { ...framing, cuts: [], random: seeded(testSeed) });
      });
      for (const cutBy of isLong ? waysToCut : [waysToCut[(testSeed + place + turn) % 2]!]) {
        const promise = cutBy === 'fin' ? 'none is lost or doubled' : 'what had come is not lost, none is doubled';
        test(`${name}, ${cutCount} cuts by ${cutBy}: ${promise} (seed ${testSeed})`, async () => {
          const random = seeded(testSeed);
          await check(await open(), recording, { ...framing, cuts: cutsOf(recording, random), cutBy, random });
        });
      }
    }
  }
}

function cutsOf({ messages }: Recording, random: () => number): number[] {
  const cuts = Array.from({ length: cutCount }, () => 1 + Math.floor(random() * (messages.length - 1)));
  return [...new Set(cuts)];
}

let topics = 0;

async function check(
  broker: Broker,
  recording: Recording,
  how: FeedServerOptions & { readonly cuts: readonly number[] },
): Promise<void> {
  const topic = `feed-${recording.name}-${process.pid}-${++topics}`;
  await using server = await serveRecording(recording, how);
  const { subscriptions, messages } = recording;
  const metrics = new MetricRegistry();
  await using worker = await startWorker(
    {
      broker,
      connectors: [webSocketSource],
      workerId: 'test:0',
      tables: tablesOf(topic),
      log: silentLog,
      metrics: metrics.root(),
      clock: systemClock,
      random: Math.random,
    },
    {
      feed: {
        'connector.class': 'websocket',
        'websocket.url': server.url,
        'kafka.topic': topic,
        'websocket.reconnect.interval.ms': '5',
        ...(subscriptions.length === 0 ? {} : { 'websocket.subscription.messages': JSON.stringify(subscriptions) }),
      },
    },
  );
  await within(server.done, patienceMs, () => `not all of ${JSON.stringify(server.segments)} came`);
  const counted = countOf(metrics, 'tributary_websocket_messages_received_total');
  const got = await readValues(broker, topic, counted);
  equal(worker.status('feed')?.tasks[0]?.state, 'RUNNING');
  equal(got.length, counted);
  equal(server.received.length, how.cuts.length + 1);
  for (const sent of server.received) deepEqual(sent, subscriptions);
  if (how.cutBy === 'reset') {
    equal(misfit(got, recording, server.segments), undefined);
    return;
  }
  equal(got.length, messages.length);
  for (const [index, { data }] of messages.entries()) {
    if (!data.equals(got[index]!)) equal(String(got[index]), String(data), `message ${index}`);
  }
}

/**
 * Where the values stop being, connection by connection, its messages from the first one on: those that were confirmed,
 * and as many more as had come when it was reset. Messages that are the same allow for more than one reading: all are tried.
 */
function misfit(values: readonly Buffer[], { messages }: Recording, segments: readonly Segment[]): string | undefined {
  let ends = new Set([0]);
  for (const { from, confirmed, to } of segments) {
    const next = new Set<number>();
    for (const at of ends) {
      for (let number = from; ; number++) {
        const index = at + number - from;
        if (number >= confirmed) next.add(index);
        if (number === to || index === values.length || !messages[number]!.data.equals(values[index]!)) break;
      }
    }
    if (next.size === 0) return `messages ${from} to ${confirmed} do not stand at ${rangeOf(ends)}`;
    ends = next;
  }
  return ends.has(values.length) ? undefined : `${values.length} values, of which ${rangeOf(ends)} fit`;
}

function rangeOf(numbers: ReadonlySet<number>): string {
  return `${Math.min(...numbers)} to ${Math.max(...numbers)}`;
}

function countOf(metrics: MetricRegistry, name: string): number {
  const family = metrics.families.get(name);
  if (family?.kind !== 'counter') throw new Error(`there is no counter ${name}`);
  return [...family.series.values()].reduce((sum, { counter }) => sum + counter.value, 0);
}

function tablesOf(topic: string) {
  const table = (name: string) => ({ topic: `${topic}-${name}`, partitions: 1 });
  return { config: table('configs'), offset: table('offsets'), status: table('status') };
}

/** Values of the topic, which the task has yet to make; bounded, so that a lost message fails and does not hang. */
async function readValues(broker: Broker, topic: string, count: number): Promise<Buffer[]> {
  const values: Buffer[] = [];
  const signal = AbortSignal.timeout(patienceMs);
  while (!(await broker.listTopics()).includes(topic) && !signal.aborted)
    await new Promise((wake) => setTimeout(wake, 5));
  for await (const { records } of broker.read({ topic, partition: 0, from: 'earliest', signal })) {
    for (const { value } of records) values.push(Buffer.from(value!));
    if (values.length >= count) break;
  }
  return values;
}
