import { codecs } from '../../src/app/codecs.ts';
import { readBatchHeader } from '../../src/record/batch-header.ts';
import { decodeColumn } from '../../src/record/decode.ts';
import type { RecordColumn } from '../../src/record/record-column.ts';
import { reportIngest } from '../support/ingest-report.ts';
import { measureRounds } from '../support/rounds.ts';
import { showCount } from '../support/stats.ts';
import { firstTimeMs, tradeBatch } from '../support/trades.ts';
import { perBatch, size, where } from './cases.ts';

/** What lies below every case: batches that are only checked and decoded; and what a row costs who parses each message. */
export function floors(json: boolean, smoke: boolean, runs: number): void {
  const batches = Array.from({ length: smoke ? 2 : 100 }, (_, i) => tradeBatch(i * perBatch, (i + 1) * perBatch, 1));
  const rounds = smoke ? 1 : 3;
  const count = batches.length * perBatch * rounds;
  const decoded = (take: (column: RecordColumn) => number) => (): number => {
    let through = 0;
    for (let round = 0; round < rounds; round++)
      for (const bytes of batches) through += take(decodeColumn(bytes, readBatchHeader(bytes), { codecs }));
    return through;
  };
  const parsed = (column: RecordColumn): number => {
    let through = 0;
    for (let i = 0; i < column.length; i++) if (JSON.parse(column.value(i)!.toString()).T >= firstTimeMs) through++;
    return through;
  };
  const works: readonly (readonly [name: string, work: () => number])[] = [
    ['decoded alone', decoded(({ length }) => length)],
    ['JSON.parse alone', decoded(parsed)],
  ];
  for (const [subject, work] of works) {
    const about = { benchmark: 'sql', subject, beside: 'floor', count, size, where };
    const label = `${`floor: ${subject}`.padEnd(28)} ${showCount(count)} rows:`;
    reportIngest(measureRounds(runs, count, work), { about, label, unit: 'row', json });
  }
}
