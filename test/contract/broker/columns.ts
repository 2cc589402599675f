import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import type { FetchedRecords } from '../../../src/broker/broker.ts';
import type { ConsumedRecord } from '../../../src/record/record.ts';
import type { RecordColumn } from '../../../src/record/record-column.ts';
import { type BrokerFixture, header, holds, keyed, readAll, record, take, topicName } from './fixture.ts';

export function columnTests({ name, skip, broker: open }: BrokerFixture): void {
  const it = (what: string, run: () => Promise<void>): void => void test(`${name}: ${what}`, { skip }, run);

  it('columns hold the same records, without control batches and what was aborted, and are sent on as they are', async () => {
    const broker = await open();
    const [from, to] = [topicName('columns'), topicName('sent-on')];
    // Its records are years old.
    for (const topic of [from, to]) await broker.createTopic({ name: topic, config: { 'retention.ms': '-1' } });
    await using producer = await broker.producer({ transactionalId: topicName('id'), compression: 'gzip' });
    await producer.begin();
    await producer.send(from, 0, [record('never'), record('seen')]);
    await producer.abort();
    await producer.begin();
    await producer.send(from, 0, [keyed('k', 'a'), keyed('gone', null), record('')]);
    await producer.commit();
    await using plain = await broker.producer();
    const headers = [header('h', '1'), header('h', null)];
    await plain.send(from, 0, [record('b', { headers }), record('c', { timestampMs: 1_700_000_000_123 })]);

    await holds(broker, from, ['a', null, '', 'b', 'c']);

    const columns: RecordColumn[] = [];
    const records: ConsumedRecord[] = [];
    for await (const fetched of broker.read({ topic: from, partition: 0, from: 'earliest', until: 'end' })) {
      columns.push(...fetched.columns);
      records.push(...fetched.records);
    }
    equal(records.length, 5);
    ok(columns.every(({ length }) => length > 0));
    deepEqual(
      columns.flatMap((column) => [...column]),
      records,
    );

    await Promise.all(columns.map((column) => plain.send(to, 0, column)));
    const shown = ({ key, value, headers, timestampMs }: ConsumedRecord) => ({
      key: key?.toString(),
      value: value?.toString(),
      headers: headers.map(({ key, value }) => [key, value?.toString()]),
      timestampMs,
    });
    deepEqual((await readAll(broker, to)).map(shown), records.map(shown));
  });

  it('a large column is cut into batches that fit, and a group gives columns, too', async () => {
    const broker = await open();
    const [from, to] = [topicName('columns'), topicName('sent-on')];
    for (const topic of [from, to]) await broker.createTopic({ name: topic });
    await using producer = await broker.producer();
    await using small = await broker.producer({ maxBatchBytes: 10_000, compression: 'lz4' });
    const values = Array.from({ length: 500 }, (_, i) => `${i}`.padEnd(200, '.'));
    await producer.send(
      from,
      0,
      values.map((value) => record(value)),
    );
    await using member = await broker.group({ groupId: topicName('group'), topics: [from], startAt: 'earliest' });
    let seen = 0;
    for await (const { columns } of member.records) {
      for (const column of columns) {
        seen += column.length;
        await small.send(to, 0, column);
      }
      if (seen === values.length) break;
    }
    const sentOn = await take(broker.read({ topic: to, partition: 0, from: 'earliest' }), values.length);
    deepEqual(
      sentOn.map(({ value }) => value?.toString()),
      values,
    );
  });

  it('a turn stays as it is until its own release, which may be called again, and refuses its records from then on', async () => {
    const broker = await open();
    const topic = topicName('released');
    await broker.createTopic({ name: topic });
    await using producer = await broker.producer();
    const values = Array.from({ length: 24 }, (_, index) => Buffer.alloc(200_000, `${index} `));
    for (const value of values) await producer.send(topic, 0, [record(value)]);
    const held: FetchedRecords[] = [];
    const released: FetchedRecords[] = [];
    const isRight = ({ offset, value }: ConsumedRecord): boolean => values[offset]!.equals(value!);
    const options = { topic, partition: 0, from: 'earliest', until: 'end', maxBytes: 250_000 } as const;
    for await (const turn of broker.read(options)) {
      // One release in three turns: what its memory is used for next is held.
      if ((held.length + released.length) % 3 === 0) {
        ok(turn.records.every(isRight));
        released.push(turn);
      } else held.push(turn);
      for (const { release } of released) release();
    }
    ok(released.length >= 3 && held.length >= 6, `${released.length} and ${held.length} turns`);
    for (const turn of released) throws(() => turn.records, { code: 'INTERNAL' });
    for (const { records, nextOffset } of held) ok(records.every(isRight), `below offset ${nextOffset}`);
  });
}
