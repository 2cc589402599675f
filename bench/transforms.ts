/**
 * What chains of three transforms cost a record, on one core and beyond its conversion: processor time of the chain alone.
 * Texts as bytes, or structures of five fields with a schema, as a source gives them.
 */
import { type Schema, STRING } from '../src/record/schema.ts';
import { noSourceHeaders, type SourceRecord } from '../src/record/source-record.ts';
import { builtInTransforms } from '../src/transform/catalogue.ts';
import { type Chain, makeChain } from '../src/transform/chain.ts';
import { machineLine } from './support/machine.ts';
import { spread } from './support/stats.ts';

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

export async function run(options: { readonly json: boolean; readonly smoke: boolean }): Promise<void> {
  const count = options.smoke ? 1_000 : 200_000;
  const rounds = options.smoke ? 2 : 9;
  const results = Object.entries(chains).map(([name, config]) => {
    const records = recordsOf(name.startsWith('text'), count);
    const chain = makeChain(config, builtInTransforms)!;
    measure(records, chain);
    const costs = Array.from({ length: rounds }, () => measure(records, chain));
    return { name, microsecondsPerRecord: spread(costs) };
  });
  if (options.json) {
    console.log(JSON.stringify({ benchmark: 'transforms', results }));
    return;
  }
  console.log(machineLine());
  console.log(`${count} records a round, ${rounds} rounds after a warm-up; median (least to most) of the chain alone`);
  for (const { name, microsecondsPerRecord: cost } of results) {
    console.log(`${name.padEnd(50)} ${show(cost.median)} µs a record (${show(cost.min)} to ${show(cost.max)})`);
  }
}

/** Processor time of the chain a record, in µs. */
function measure(records: readonly SourceRecord[], chain: Chain): number {
  let kept = 0;
  const before = process.cpuUsage();
  for (const record of records) if (chain.apply(record) !== null) kept++;
  const { user, system } = process.cpuUsage(before);
  if (kept !== records.length) throw new Error(`${kept} of ${records.length} records came through`);
  return (user + system) / records.length;
}

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

function show(value: number): string {
  return value.toFixed(2);
}
