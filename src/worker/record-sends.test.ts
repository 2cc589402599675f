import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { partitionForKey } from '../record/partitioner.ts';
import { BYTES, STRING } from '../record/schema.ts';
import { noSourceHeaders, type SourceRecord } from '../record/source-record.ts';
import { selectConverters } from './converter-selection.ts';
import { recordSends, topicsOf } from './record-sends.ts';

const natural = selectConverters({}, {});
const json = selectConverters({}, { 'value.converter': 'JsonConverter', 'value.converter.schemas.enable': 'false' });
const noError = (error: Error): never => {
  throw error;
};

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

test('a batch of bytes that pass is sent as it is, without a copy', () => {
  const records = [record(Buffer.from('a')), record(Buffer.from('b'))];
  const [send] = recordSends(records, natural, () => 3, 4, noError);
  equal(send!.records as unknown, records);
  equal(send!.partition, 1);
});

test('every condition of the short way decides for itself: what breaks one is converted like the rest', () => {
  const changes: readonly Partial<SourceRecord>[] = [
    { key: 'k', keySchema: STRING },
    { partition: 2 },
    { headers: [{ key: 'h', value: 'x', schema: STRING }] },
    { valueSchema: BYTES },
    { value: 'text' },
  ];
  for (const change of changes) {
    const records = [record(Buffer.from('a')), record(Buffer.from('b'), change)];
    const sends = recordSends(records, natural, () => 3, 0, noError);
    const values = sends.flatMap(({ records: sent }) => sent.map(({ value }) => Buffer.from(value!).toString()));
    deepEqual(values.sort(), ['a', change.value === 'text' ? 'text' : 'b']);
    equal(
      sends.some(({ records: sent }) => (sent as unknown) === records),
      false,
    );
  }
});

test('records with a key go where Java would send them, others to the sticky partition, in order', () => {
  const records = ['x', null, 'y', 'x'].map((key, i) =>
    record(Buffer.from(String(i)), { key, keySchema: key === null ? null : STRING }),
  );
  const sends = recordSends(records, natural, () => 8, 13, noError);
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

test('converters make the bytes, and a record that cannot be converted is handed out alone', () => {
  const bad: string[] = [];
  const records = [record(Buffer.from('a')), record({ not: 'text' }), record(Buffer.from('c'))];
  const [send] = recordSends(
    records,
    json,
    () => 1,
    0,
    (error) => bad.push(error.code),
  );
  deepEqual(
    send!.records.map(({ value }) => Buffer.from(value!).toString()),
    ['"a"', '"c"'],
  );
  deepEqual(bad, ['CONVERSION_FAILED']);
});

test('topics of a batch are found once each', () => {
  deepEqual(topicsOf([record(null), record(null, { topic: 'u' }), record(null)]), ['t', 'u']);
});
