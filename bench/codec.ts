/** The record-batch codec alone, on one core: 200-byte records without compression, checksums included, buffers reused. */
import { codecs } from '../src/app/codecs.ts';
import { BatchBuffer } from '../src/record/batch-buffer.ts';
import { readBatchHeader } from '../src/record/batch-header.ts';
import { decodeRecords } from '../src/record/decode.ts';
import { encodeBatch } from '../src/record/encode.ts';
import { type ConsumedRecord, noHeaders } from '../src/record/record.ts';
import { machineLine } from './support/machine.ts';
import { showCount, showSpread, spread } from './support/stats.ts';

const perBatch = 4_000;
const size = 200;

export async function run(options: { readonly json: boolean; readonly smoke: boolean }): Promise<void> {
  const batches = options.smoke ? 5 : 1_000;
  const records = Array.from({ length: perBatch }, (_, i) => ({
    key: null,
    value: Buffer.alloc(size, 97 + (i % 26)),
    headers: noHeaders,
    timestampMs: null,
  }));
  const buffer = new BatchBuffer(1 << 20);
  const encode = (): void => {
    buffer.clear();
    encodeBatch(records, 0, buffer, { codecs, maxBytes: 1_000_000, nowMs: 1_700_000_000_000 });
  };
  encode();
  const bytes = Buffer.from(buffer.view());
  const into: ConsumedRecord[] = [];
  const decode = (): void => {
    into.length = 0;
    decodeRecords(bytes, readBatchHeader(bytes), { codecs }, into);
  };
  const figures = {
    benchmark: 'codec',
    size,
    encodePerSecond: spread(perSecond(encode, batches, perBatch)),
    decodePerSecond: spread(perSecond(decode, batches, perBatch)),
  };
  if (into.length !== perBatch) throw new Error(`${into.length} of ${perBatch} records came back`);
  if (options.json) console.log(JSON.stringify(figures));
  else {
    console.log(
      `codec: batches of ${perBatch} records of ${size} B, five rounds of ${batches} batches\n${machineLine()}\n`,
    );
    console.log(`encode    ${showSpread(figures.encodePerSecond, showCount)} records/s`);
    console.log(`decode    ${showSpread(figures.decodePerSecond, showCount)} records/s`);
  }
}

/** Records a second in each of five rounds, after one that is not counted. */
function perSecond(work: () => void, batches: number, records: number): number[] {
  const rounds: number[] = [];
  for (let round = 0; round < 6; round++) {
    const startMs = performance.now();
    for (let i = 0; i < batches; i++) work();
    rounds.push((batches * records) / ((performance.now() - startMs) / 1000));
  }
  return rounds.slice(1);
}
