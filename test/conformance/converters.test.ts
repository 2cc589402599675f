/** What a real Kafka Connect wrote for each text frame of a WebSocket, with three converters: ours must write the same bytes. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { findConverter } from '../../src/convert/converters.ts';
import { STRING } from '../../src/record/schema.ts';
import { withoutRegistry } from '../support/converter-context.ts';

interface Bytes {
  readonly base64?: string;
  readonly length?: number;
  readonly sha256?: string;
}

interface Case {
  readonly case: string;
  readonly input?: { readonly label: string; readonly opcode: string; readonly base64?: string };
  readonly records?: readonly { readonly value: Bytes }[];
}

const converters = {
  string: findConverter('StringConverter')!.make({}, withoutRegistry),
  'json-schemaless': findConverter('JsonConverter')!.make({ 'schemas.enable': 'false' }, withoutRegistry),
  'json-schema': findConverter('JsonConverter')!.make({}, withoutRegistry),
};

const cases = readFileSync(new URL('connect/records.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Case)
  .filter(({ input }) => input?.opcode === 'text');

test('there are recorded cases for each converter', () => {
  for (const name of Object.keys(converters))
    ok(
      cases.some(({ case: id }) => id.includes(`/${name}/`)),
      name,
    );
});

for (const { case: id, input, records } of cases) {
  test(`${id} converts to the recorded bytes`, () => {
    const frame = input!.label === 'text-1MB' ? Buffer.alloc(1_000_000, 'x') : Buffer.from(input!.base64!, 'base64');
    const converter = converters[id.split('/')[2] as keyof typeof converters];
    equal(records!.length, 1);
    const expected = records![0]!.value;
    const bytes = Buffer.from(converter.toBytes('t', STRING, frame)!);
    if (expected.base64 !== undefined) equal(bytes.toString(), Buffer.from(expected.base64, 'base64').toString());
    else {
      deepEqual(
        { length: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
        { length: expected.length, sha256: expected.sha256 },
      );
    }
  });
}
