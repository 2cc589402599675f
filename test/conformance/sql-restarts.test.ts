/**
 * The conformance cases of SQL with the application replaced, in front of a step, by a new one that goes on from its
 * snapshot: what comes out must be the same.
 */
import { equal } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { playCase } from '../../src/sql/cases/play-case.ts';
import { casesOf } from './runners/sql.ts';

for (const { sqlCase } of casesOf(join(import.meta.dirname, 'sql'))) {
  const { id, sql = '', events = [], error } = sqlCase;
  if (error !== undefined) continue;
  test(`${id}: restarted in front of any step, and of each`, () => {
    for (const cut of events.keys()) {
      const differences = playCase(sqlCase, sql, { restartsBefore: (step) => step === cut });
      equal(differences.join('\n'), '', `cut in front of step ${cut + 1}`);
    }
    equal(playCase(sqlCase, sql, { restartsBefore: () => true }).join('\n'), '', 'cut in front of each step');
  });
}
