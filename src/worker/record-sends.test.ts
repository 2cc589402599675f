import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { anywhere } from '../../test/support/converter-context.ts';
import { partitionForKey } from '../record/partitioner.ts';
import { BYTES, STRING } from '../record/schema.ts';
import { noSourceHeaders, type SourceRecord } from '../record/source-record.ts';
import { selectConverters } from './converter-selection.ts';
import { type Converters, type ListSend, RecordSends, topicsOf, wholeSend } from './record-sends.ts';

const natural = selectConverters({}, {}, anywhere);
const json = selectConverters(
  {},
  { 'value.converter': 'JsonConverter', 'value.converter.schemas.enable': 'false' },
  anywhere,
);
const bounds = { partitions: 3, maxBytes: 1_000_000 };

function record(value: unknown, change: Partial<SourceRecord> = {}): SourceRecord {
  return {
    topic: 't',
    partition: null,
    key: null,
    keySchema: null,
    value,
    valueSchema: STRING,
    headers: noSourceHeaders,
    timestampMs: null,
    ...change,
  };
}

/** All of them, one by one. */
function sendsOf(
  records: readonly SourceRecord[],
  converters: Converters,
  partitions: number,
  sticky: number,
): readonly ListSend[] {
  const sends = new RecordSends(converters, () => ({ ...bounds, partitions }), sticky);
  for (const each of records) sends.add(each);
  return sends.sends;
}

test('a batch of bytes that pass is sent as it is, without a copy', () => {
  const records = [record(Buffer.from('a')), record(Buffer.from('b'))];
  const send = wholeSend(records, natural, bounds, 4);
  equal(send?.records as unknown, records);
  equal(send?.partition, 1);
  equal(send?.bytes, 2);
});

test('every condition of the short way decides for itself: what breaks one is converted like the rest', () => {
  const changes: readonly Partial<SourceRecord>[] = [
    { key: 'k', keySchema: STRING },
    { partition: 2 },
    { headers: [{ key: 'h', value: 'x', schema: STRING }] },
    { valueSchema: BYTES },
    { value: 'text' },
    { topic: 'u' },
  ];
  for (const change of changes) {
    const records = [record(Buffer.from('a')), record(Buffer.from('b'), change)];
    equal(wholeSend(records, natural, bounds, 0), undefined);
    const sends = sendsOf(records, natural, 3, 0);
    const values = sends.flatMap(({ records: sent }) => sent.map(({ value }) => Buffer.from(value!).toString()));
    deepEqual(values.sort(), ['a', change.value === 'text' ? 'text' : 'b']);
  }
});

test('records with a key go where Java would send them, others to the sticky partition, in order', () => {
  const records = ['x', null, 'y', 'x'].map((key, i) =>
    record(Buffer.from(String(i)), { key, keySchema: key === null ? null : STRING }),
  );
  const sends = sendsOf(records, natural, 8, 13);
  for (const [key, values] of [
    ['x', ['0', '3']],
    ['y', ['2']],
  ] as const) {
    const partition = partitionForKey(Buffer.from(key), 8);
    const send = sends.find((candidate) => candidate.partition === partition)!;
    deepEqual(
      send.records
        .filter((sent) => sent.key !== null && Buffer.from(sent.key).toString() === key)
        .map((sent) => Buffer.from(sent.value!).toString()),
      values,
    );
  }
  const unkeyed = sends.find(({ partition }) => partition === 13 % 8)!;
  deepEqual(
    unkeyed.records.filter(({ key }) => key === null).map(({ value }) => Buffer.from(value!).toString()),
    ['1'],
  );
});

test('a record that cannot be converted is in no send, and the step it failed at is told', () => {
  const sends = new RecordSends(json, () => bounds, 0);
  sends.add(record(Buffer.from('a')));
  throws(() => sends.add(record({ not: 'text' })), { code: 'CONVERSION_FAILED' });
  equal(sends.stage, 'VALUE_CONVERTER');
  sends.add(record(Buffer.from('c')));
  const values = sends.sends[0]!.records.map(({ value }) => Buffer.from(value!).toString());
  deepEqual(values, ['"a"', '"c"']);
});

test('a record that no batch can hold is in no send, whole batches of such size are looked at one by one', () => {
  const small = { partitions: 1, maxBytes: 2_000 };
  const large = record(Buffer.alloc(3_000));
  equal(wholeSend([record(Buffer.from('a')), large], natural, small, 0), undefined);
  const sends = new RecordSends(natural, () => small, 0);
  throws(() => sends.add(large), { code: 'RECORD_TOO_LARGE' });
  equal(sends.stage, 'KAFKA_PRODUCE');
  deepEqual(sends.sends, []);
});

test('topics of a batch are found once each', () => {
  deepEqual(topicsOf([record(null), record(null, { topic: 'u' }), record(null)]), ['t', 'u']);
});
