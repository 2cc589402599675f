import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { check } from '../check/check.ts';
import { sourceMapper } from './source-mapper.ts';

function mapper(columns: string, format: string): ReturnType<typeof sourceMapper> {
  const sql = `CREATE STREAM In (${columns}) WITH (type = 'source', extension = 'kafka', format = '${format}', kafka.topic = 'in');`;
  return sourceMapper(check(sql, { now: () => 0, random: () => 0 }).streams.get('In')!);
}

const json = mapper('a LONG', 'json');
const cases: readonly (readonly [map: typeof json, frame: string | Uint8Array, dropped: number, malformed: boolean])[] =
  [
    [json, '{"a":', 1, true],
    [json, '5', 1, true],
    [json, new Uint8Array([255]), 1, true],
    [mapper('t STRING', 'text'), new Uint8Array([255]), 1, true],
    // These are of their format, and hold what does not fit.
    [json, '{"a":"x"}', 1, false],
    [json, '[{"a":1},{"a":"x"},7]', 2, false],
    [json, '{"a":1}', 0, false],
  ];
test('a message that is not of its format is told from one whose values do not fit', () => {
  for (const [map, frame, dropped, malformed] of cases) {
    const mapped = map.map(frame);
    deepEqual([mapped.dropped, mapped.isMalformed === true], [dropped, malformed], String(frame));
  }
});
