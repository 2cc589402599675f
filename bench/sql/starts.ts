/** What many applications take to be made, and what a group of one takes in memory. */
import { Application } from '../../src/sql/plan/application.ts';
import { usedBytes } from '../support/heap.ts';
import { machineLine } from '../support/machine.ts';
import { type Spread, spread } from '../support/stats.ts';
import { symbolOf } from '../support/trades.ts';
import { cases, where } from './cases.ts';

export function startsAndMemory(json: boolean, smoke: boolean): void {
  const startedAt = performance.now();
  const applications = Array.from(
    { length: smoke ? 10 : 1000 },
    () => new Application(cases[1]!.script, { random: () => 0 }),
  );
  const startMs = performance.now() - startedAt;
  const groupCount = smoke ? 1000 : 200_000;
  const [long, text] = (['LONG', 'STRING'] as const).map((type) => bytesPerGroup(type, groupCount)) as [number, number];
  if (json) {
    const one = (value: number): Spread => spread([value]);
    const figures = { startMs: one(startMs), bytesPerGroup: one(long), bytesPerTextGroup: one(text) };
    console.log(
      JSON.stringify({
        benchmark: 'sql',
        applications: applications.length,
        where,
        ...figures,
        machine: machineLine(),
      }),
    );
    return;
  }
  console.log(
    `a group of three aggregates takes ${Math.round(long)} bytes by a LONG, ${Math.round(text)} by a text of about ${symbolOf(999).length} characters, that text included (wanted: 200)`,
  );
  console.log(`${applications.length} applications made in ${Math.round(startMs)} ms (wanted: 2000)`);
}

/** What a group of three aggregates takes, over many groups. */
function bytesPerGroup(type: 'LONG' | 'STRING', groupCount: number): number {
  const application = new Application(
    `CREATE STREAM In (k ${type}, v DOUBLE); INSERT INTO Out SELECT k, SUM(v) AS s, COUNT(*) AS n, MAX(v) AS m FROM In WINDOW LENGTHBATCH(100000000) GROUP BY k;`,
    { random: () => 0 },
  );
  const before = usedBytes();
  for (let i = 0; i < groupCount; i++) application.push('In', [type === 'LONG' ? i : `SYM${i}USDT`, i + 0.5]);
  const bytes = (usedBytes() - before) / groupCount;
  // Asked afterwards, so that the application is still there when its memory is measured.
  return application.statistics().looped === 0 ? bytes : Number.NaN;
}
