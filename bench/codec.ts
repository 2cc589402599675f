/**
 * The record-batch codec alone: 200-byte records without compression, checksums included, buffers reused. The floor is what
 * nobody can leave out: of encoding one copy of the values and the checksum, of decoding the checksum.
 */
import { codecs } from '../src/app/codecs.ts';
import { BatchBuffer } from '../src/record/batch-buffer.ts';
import { readBatchHeader } from '../src/record/batch-header.ts';
import { decodeColumn, decodeRecords } from '../src/record/decode.ts';
import { encodeBatch } from '../src/record/encode.ts';
import { type ConsumedRecord, noHeaders } from '../src/record/record.ts';
import { reportIngest } from './support/ingest-report.ts';
import { machineLine } from './support/machine.ts';
import { measureRounds } from './support/rounds.ts';
import { showCount } from './support/stats.ts';

const perBatch = 4_000;
const size = 200;
const where = 'one process on one core, no network, no disk';

export interface InProcessOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly runs?: number | undefined;
  /** Without the floors. */
  readonly alone?: boolean;
}

export async function run({ json, smoke, runs = smoke ? 2 : 5, alone = false }: InProcessOptions): Promise<void> {
  const batches = smoke ? 5 : 1_000;
  const records = Array.from({ length: perBatch }, (_, i) => ({
    key: null,
    value: Buffer.alloc(size, 97 + (i % 26)),
    headers: noHeaders,
    timestampMs: null,
  }));
  const buffer = new BatchBuffer(1 << 20);
  const encode = (): number => {
    buffer.clear();
    return encodeBatch(records, 0, buffer, { codecs, maxBytes: 1_000_000, nowMs: 1_700_000_000_000 }).count;
  };
  encode();
  const bytes = Buffer.from(buffer.view());
  const copy = Buffer.alloc(bytes.length);
  const into: ConsumedRecord[] = [];
  const expected = codecs.crc32c(bytes);
  const checksum = (): number => (codecs.crc32c(bytes) === expected ? perBatch : 0);
  const works: readonly (readonly [name: string, isFloor: boolean, batch: () => number])[] = [
    ['encode', false, encode],
    [
      'decode, to objects',
      false,
      () => {
        into.length = 0;
        return decodeRecords(bytes, readBatchHeader(bytes), { codecs }, into).length;
      },
    ],
    ['decode, to a column', false, () => decodeColumn(bytes, readBatchHeader(bytes), { codecs }).length],
    [
      'copy and checksum',
      true,
      () => {
        bytes.copy(copy);
        return checksum();
      },
    ],
    ['checksum', true, checksum],
  ];
  if (!json) {
    console.log(`codec: batches of ${perBatch} records of ${size} B, ${runs} rounds of ${batches} batches each`);
    console.log(`${machineLine()}\n${where}\n`);
  }
  const count = batches * perBatch;
  for (const [name, isFloor, batch] of works) {
    if (isFloor && alone) continue;
    const results = measureRounds(runs, count, () => {
      let through = 0;
      for (let i = 0; i < batches; i++) through += batch();
      return through;
    });
    const about = { benchmark: 'codec', subject: name, ...(isFloor ? { beside: 'floor' } : {}), count, size, where };
    reportIngest(results, {
      about,
      label: `${`${isFloor ? 'floor: ' : ''}${name}`.padEnd(24)} ${showCount(count)}:`,
      unit: 'record',
      json,
    });
  }
}
