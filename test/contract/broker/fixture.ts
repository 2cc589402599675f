import { deepEqual } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Broker, FetchedRecords, Producer, ReadOptions } from '../../../src/broker/broker.ts';
import { type ConsumedRecord, type Header, noHeaders, type ProduceRecord } from '../../../src/record/record.ts';

export interface BrokerFixture {
  readonly name: string;
  /** Why the suite is skipped here, or false. */
  readonly skip: string | false;
  /** Another connection to the same broker where there can be one, else the same broker. */
  readonly broker: () => Promise<Broker>;
  /** How long retention and compaction may take until they show. */
  readonly maintenanceMs: number;
  /** A broker of the test's own, which can be cut off from where its records lie. */
  readonly stallable: () => Promise<StallableBroker>;
  /** A broker of the test's own, which can be closed and opened again. */
  readonly reopenable: () => Promise<ReopenableBroker>;
  /** Calls that are answered from memory, so that they need not wait for anybody. */
  readonly answersAlone: readonly string[];
}

export interface StallableBroker extends AsyncDisposable {
  readonly broker: Broker;
  /** The same log for somebody who is not cut off. An embedded broker has no second view: it is the same broker. */
  readonly other: Broker;
  /** Nobody answers any more. What was asked waits. */
  stall(): void;
  resume(): void;
}

export interface ReopenableBroker extends AsyncDisposable {
  /** Changes with each `reopen`. */
  readonly broker: Broker;
  /** Closes it, and opens what it has left behind: the files, or another connection to the same Kafka. */
  reopen(): Promise<void>;
}

export async function reopenableBroker(open: () => Promise<Broker>): Promise<ReopenableBroker> {
  let broker = await open();
  return {
    get broker() {
      return broker;
    },
    async reopen() {
      await broker.close();
      broker = await open();
    },
    [Symbol.asyncDispose]: () => broker.close(),
  };
}

let count = 0;

/** A name that no test of this or another run uses. */
export function topicName(what: string): string {
  return `${what}-${++count}-${randomUUID().slice(0, 8)}`;
}

export function record(value: string | Uint8Array | null, change: Partial<ProduceRecord> = {}): ProduceRecord {
  return {
    key: null,
    value: value === null ? null : Buffer.from(value),
    headers: noHeaders,
    timestampMs: null,
    ...change,
  };
}

export function keyed(key: string, value: string | null): ProduceRecord {
  return record(value, { key: Buffer.from(key) });
}

export async function sendValues(
  producer: Producer,
  topic: string,
  values: readonly string[],
  partition = 0,
): Promise<void> {
  await producer.send(
    topic,
    partition,
    values.map((value) => record(value)),
  );
}

/** Everything that is there now. */
export async function readAll(
  broker: Broker,
  topic: string,
  change: Partial<ReadOptions> = {},
): Promise<ConsumedRecord[]> {
  const records: ConsumedRecord[] = [];
  for await (const fetched of broker.read({ topic, partition: 0, from: 'earliest', until: 'end', ...change })) {
    records.push(...fetched.records);
  }
  return records;
}

export async function valuesOf(
  broker: Broker,
  topic: string,
  change: Partial<ReadOptions> = {},
): Promise<(string | null)[]> {
  return (await readAll(broker, topic, change)).map(text);
}

export function text({ value }: { readonly value: Uint8Array | null }): string | null {
  return value === null ? null : Buffer.from(value).toString();
}

export function header(key: string, value: string | null): Header {
  return { key, value: value === null ? null : Buffer.from(value) };
}

/** Takes turns until so many records have come, and leaves the reader. */
export async function take(source: AsyncIterable<FetchedRecords>, wanted: number): Promise<ConsumedRecord[]> {
  const records: ConsumedRecord[] = [];
  for await (const fetched of source) {
    records.push(...fetched.records);
    if (records.length >= wanted) break;
  }
  return records;
}

/** A commit is safe when it returns; Kafka writes the markers that let readers pass a moment later. */
export const markersMs = 10_000;

/** What a topic's committed records are, once the markers of what was committed are written. */
export async function holds(broker: Broker, topic: string, wanted: readonly (string | null)[]): Promise<void> {
  const values = await eventually(
    () => valuesOf(broker, topic),
    ({ length }) => length >= wanted.length,
    markersMs,
  );
  deepEqual(values, wanted);
}

/** Asks again until the answer is good, for as long as the broker may take; then the last answer stands. */
export async function eventually<T>(
  ask: () => Promise<T>,
  isGood: (answer: T) => boolean,
  boundMs: number,
): Promise<T> {
  const deadline = performance.now() + boundMs;
  for (;;) {
    const answer = await ask();
    if (isGood(answer) || performance.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
