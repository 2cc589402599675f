/**
 * What the recorded connector and converters wrote for each block of an event stream: ours writes the same bytes. Where the
 * recording breaks the rules of event streams, the rules win: those cases stand in deviations.md, with what ours writes.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { findConverter } from '../../src/convert/converters.ts';
import type { SourceRecord } from '../../src/record/source-record.ts';
import { withoutRegistry } from '../support/converter-context.ts';
import { eventsOf, runSse, type SeenEvent } from '../support/sse-run.ts';
import { startSseServer } from '../support/sse-server.ts';
import { readRecordDeviations } from './runners/connect/deviations.ts';

interface Bytes {
  readonly base64?: string;
  readonly length?: number;
  readonly sha256?: string;
}

interface Case {
  readonly case: string;
  readonly input?: string | { readonly label: string; readonly base64?: string };
  readonly records?: readonly { readonly key: unknown; readonly value: Bytes; readonly headers: readonly unknown[] }[];
}

/** By label: what ours writes, and why it is something else. */
const deviations: Readonly<Record<string, { readonly why: string; readonly events: readonly SeenEvent[] }>> =
  Object.fromEntries(
    readRecordDeviations()
      .filter(({ case: id }) => id.startsWith('sse/events/*/') && !id.endsWith('/after'))
      .map(({ case: id, why, ours }) => [id.split('/')[3]!, { why, events: ours as readonly SeenEvent[] }]),
  );

const converters = {
  string: findConverter('StringConverter')!.make({}, withoutRegistry),
  'json-schemaless': findConverter('JsonConverter')!.make({ 'schemas.enable': 'false' }, withoutRegistry),
  'json-schema': findConverter('JsonConverter')!.make({}, withoutRegistry),
};
type ConverterName = keyof typeof converters;

const cases = readFileSync(new URL('connect/records.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('{"case":"sse/'))
  .map((line) => JSON.parse(line) as Case)
  .filter(({ records }) => records !== undefined);
const blocks = cases.filter(({ case: id }) => id.startsWith('sse/events/'));
const labelOf = ({ input }: Case): string => (typeof input === 'object' ? input.label : '');

function bytesOf(given: Case): Buffer {
  if (labelOf(given) === '64KB-data') return Buffer.from(`event: e25\nid: 25\ndata: ${'y'.repeat(65_536)}\n\n`);
  return Buffer.from((given.input as { base64: string }).base64, 'base64');
}

/** Records of each stream, whose end is marked by an event that is taken off again. */
async function recordsOf(streams: readonly Buffer[]): Promise<SourceRecord[][]> {
  await using server = await startSseServer((x) => {
    x.open();
    for (const stream of streams) x.write(stream).write('event: end of stream\ndata:\n\n');
  });
  await using run = runSse(server.origin);
  const all: SourceRecord[][] = [[]];
  for (let taken = 0; all.length <= streams.length; ) {
    await run.take(taken + 1);
    for (const record of run.records.slice(taken)) {
      if (eventsOf([record])[0]!.event === 'end of stream') all.push([]);
      else all.at(-1)!.push(record);
    }
    taken = run.records.length;
  }
  return all.slice(0, -1);
}

function written(records: readonly SourceRecord[], name: ConverterName): Buffer[] {
  return records.map(({ valueSchema, value }) => Buffer.from(converters[name].toBytes('t', valueSchema, value)!));
}

function equalBytes(ours: readonly Buffer[], recorded: readonly { readonly value: Bytes }[]): void {
  equal(ours.length, recorded.length);
  for (const [index, { value }] of recorded.entries()) {
    const bytes = ours[index]!;
    if (value.base64 !== undefined) equal(bytes.toString(), Buffer.from(value.base64, 'base64').toString());
    else {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      deepEqual({ length: bytes.length, sha256 }, { length: value.length, sha256: value.sha256 });
    }
  }
}

const labels = [...new Set(blocks.map(labelOf))];
const streamOf = (label: string): Buffer => bytesOf(blocks.find((each) => labelOf(each) === label)!);
const byLabel = new Map<string, SourceRecord[]>();
const found = await recordsOf(labels.map(streamOf));
for (const [index, label] of labels.entries()) byLabel.set(label, found[index]!);

describe('blocks, each by itself', () => {
  const deviated = new Set<string>();
  for (const given of blocks) {
    const label = labelOf(given);
    const deviation = deviations[label];
    const name = given.case.split('/')[2] as ConverterName;
    test(`${given.case}${deviation === undefined ? '' : `: other, because ${deviation.why}`}`, () => {
      const records = byLabel.get(label)!;
      if (deviation === undefined) {
        equalBytes(written(records, name), given.records!);
        return;
      }
      deviated.add(label);
      deepEqual(eventsOf(records), deviation.events);
      // A deviation that is none any more must not stay in the list.
      const same = given.records!.map(({ value }) => value.base64 ?? '');
      ok(JSON.stringify(written(records, name).map((b) => b.toString('base64'))) !== JSON.stringify(same));
    });
  }
  after(() => deepEqual([...deviated].sort(), Object.keys(deviations).sort()));
});

test('all blocks in one burst give what they give one by one', async () => {
  const [records] = await recordsOf([Buffer.concat(labels.map(streamOf))]);
  deepEqual(
    eventsOf(records!),
    labels.flatMap((label) => eventsOf(byLabel.get(label)!)),
  );
});

test('after a byte order mark the first event is not lost, as it is in the recording', async () => {
  await using server = await startSseServer((x) =>
    x.open().write('\ufeffevent: bom\nid: 1\ndata: after bom\n\nevent: end\nid: 2\ndata: end\n\n'),
  );
  await using run = runSse(server.origin);
  const [bom, end] = await run.take(2);
  deepEqual(eventsOf([bom!]), [{ event: 'bom', id: '1', data: 'after bom' }]);
  for (const given of cases.filter(({ case: id }) => id.startsWith('sse/bom/'))) {
    equalBytes(written([end!], given.case.split('/')[2] as ConverterName), given.records!);
  }
});

test('records have neither key nor headers nor time, as recorded', () => {
  for (const given of cases) for (const { key, headers } of given.records!) deepEqual([key, headers], [null, []]);
  for (const records of byLabel.values())
    for (const { key, headers, timestampMs } of records) deepEqual([key, headers, timestampMs], [null, [], null]);
});
