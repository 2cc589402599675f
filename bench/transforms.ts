/**
 * What chains of three transforms cost a record, on one core and beyond its conversion: processor time of the chain alone.
 * Texts as bytes, or structures of five fields with a schema, as a source gives them.
 */
import { type Schema, STRING } from '../src/record/schema.ts';
import { noSourceHeaders, type SourceRecord } from '../src/record/source-record.ts';
import { builtInTransforms } from '../src/transform/catalogue.ts';
import { makeChain } from '../src/transform/chain.ts';
import type { InProcessOptions } from './codec.ts';
import { reportIngest } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { measureRounds } from './support/rounds.ts';

const where = 'one process on one core, no network, no disk';

const chains: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'text: HoistField, InsertField, RegexRouter': {
    transforms: 'h,i,r',
    'transforms.h.type': 'HoistField$Value',
    'transforms.h.field': 'message',
    'transforms.i.type': 'InsertField$Value',
    'transforms.i.static.field': 'source',
    'transforms.i.static.value': 'feed',
    'transforms.r.type': 'RegexRouter',
    'transforms.r.regex': 'raw-(.*)',
    'transforms.r.replacement': 'clean-$1',
  },
  'struct: ReplaceField, InsertField, ValueToKey': {
    transforms: 'f,i,k',
    'transforms.f.type': 'ReplaceField$Value',
    'transforms.f.exclude': 'c',
    'transforms.f.renames': 'a:first',
    'transforms.i.type': 'InsertField$Value',
    'transforms.i.topic.field': 'topic',
    'transforms.k.type': 'ValueToKey',
    'transforms.k.fields': 'first',
  },
  'struct: Cast, MaskField, ExtractField': {
    transforms: 'c,m,e',
    'transforms.c.type': 'Cast$Value',
    'transforms.c.spec': 'n:string',
    'transforms.m.type': 'MaskField$Value',
    'transforms.m.fields': 'b',
    'transforms.e.type': 'ExtractField$Value',
    'transforms.e.field': 'n',
  },
};

const struct: Schema = {
  type: 'struct',
  optional: false,
  name: 'Event',
  fields: [
    ...['a', 'b', 'c', 'd'].map((name) => ({ name, schema: STRING })),
    { name: 'n', schema: { type: 'int64', optional: false } as const },
  ],
};

export async function run({ json, smoke, runs = smoke ? 2 : 9, alone = false }: InProcessOptions): Promise<void> {
  const count = smoke ? 1_000 : 200_000;
  if (!json) {
    console.log(`transforms: ${count} records a round, ${runs} rounds after one that is not counted, the chain alone`);
    console.log(`${machineLine()}\n${where}\n`);
  }
  const report = (name: string, records: readonly SourceRecord[], apply: Apply, isFloor = false): void => {
    const results = measureRounds(runs, count, () => {
      let kept = 0;
      for (const record of records) if (apply(record) !== null) kept++;
      return kept;
    });
    const about = { benchmark: 'transforms', subject: name, ...(isFloor ? { beside: 'floor' } : {}), count, where };
    reportIngest(results, { about, label: `${isFloor ? 'floor: ' : ''}${name}`.padEnd(46), unit: 'record', json });
  };
  for (const [name, config] of Object.entries(chains)) {
    const chain = makeChain(config, builtInTransforms)!;
    report(name, recordsOf(name.startsWith('text'), count), (record) => chain.apply(record));
  }
  if (!alone)
    report('each record is made anew, nothing else', recordsOf(true, count), (record) => ({ ...record }), true);
}

type Apply = (record: SourceRecord) => unknown;

function recordsOf(isText: boolean, count: number): readonly SourceRecord[] {
  return Array.from({ length: count }, (_, n): SourceRecord => {
    const value = isText ? Buffer.from(`{"n":${n}}`) : { a: `a${n}`, b: 'b', c: 'c', d: 'd', n };
    return {
      topic: 'raw-trades',
      partition: null,
      key: null,
      keySchema: null,
      value,
      valueSchema: isText ? STRING : struct,
      headers: noSourceHeaders,
      timestampMs: null,
    };
  });
}
