import { deepEqual, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isError } from '../../base/errors.ts';
import { parseRecordInput, toProduceRecord, toTapRecord } from './record-json.ts';

test('bytes that are no UTF-8 are base64 and marked', () => {
  const record = toTapRecord(2, {
    offset: 7,
    timestampMs: 9,
    key: Uint8Array.of(0xff),
    value: Buffer.from('é'),
    headers: [
      { key: 'a', value: null },
      { key: 'a', value: Uint8Array.of(0x80) },
    ],
  });
  deepEqual(record, {
    partition: 2,
    offset: 7,
    timestamp: 9,
    key: '/w==',
    keyEncoding: 'base64',
    value: 'é',
    headers: [
      { key: 'a', value: null },
      { key: 'a', value: 'gA==', encoding: 'base64' },
    ],
  });
});

test('what was tapped can be produced again, byte for byte', () => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 20 }));
  const header = fc.record({ key: fc.string({ unit: 'grapheme' }), value: bytes });
  fc.assert(
    fc.property(bytes, bytes, fc.array(header, { maxLength: 3 }), fc.nat(), (key, value, headers, timestampMs) => {
      const line = JSON.stringify(toTapRecord(0, { offset: 1, timestampMs, key, value, headers }));
      const back = toProduceRecord(parseRecordInput(line));
      const plain = (part: Uint8Array | null): number[] | null => (part === null ? null : [...part]);
      deepEqual(
        [plain(back.key), plain(back.value), back.headers.map((h) => [h.key, plain(h.value)]), back.timestampMs],
        [plain(key), plain(value), headers.map((h) => [h.key, plain(h.value)]), timestampMs],
      );
    }),
  );
});

test('values that are no text are written as JSON, headers may be an object', () => {
  const input = parseRecordInput('{"key":"k","value":{"n":1},"headers":{"a":"b"},"partition":3}');
  deepEqual(
    [input.value, input.headers, input.partition],
    ['{"n":1}', [{ key: 'a', value: 'b', encoding: undefined }], 3],
  );
});

for (const line of [
  'x',
  '[]',
  '{}',
  '{"value":1,"vlaue":2}',
  '{"value":"","key":1}',
  '{"value":"","partition":-1}',
  '{"value":"","headers":7}',
  '{"value":"","valueEncoding":"hex"}',
]) {
  test(`no record: ${line}`, () => {
    throws(
      () => parseRecordInput(line),
      (error) => isError(error, 'USAGE'),
    );
  });
}
