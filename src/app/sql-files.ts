/** Scripts of streaming SQL as files: checked, explained and tested without a broker or a clock. */
import { readFileSync } from 'node:fs';
import { TributaryError } from '../base/errors.ts';
import type { SqlCase } from '../sql/cases/case.ts';
import { playCase } from '../sql/cases/play-case.ts';
import { check, type ScriptPlan } from '../sql/check/check.ts';
import { describePlan, type PlanDescription } from '../sql/plan/describe.ts';
import { explain } from '../sql/plan/explain.ts';
import { type Cut, cutOf } from '../sql/plan/parts/cut.ts';
import { SqlError } from '../sql/sql-error.ts';

/** A refused script with its line and a caret under the place; undefined for any other error. */
export function explanationOf(error: unknown): string | undefined {
  return error instanceof SqlError ? error.explanation : undefined;
}

/** The same for programs. */
export interface SqlProblemReport {
  readonly code: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly text: string;
  readonly caret: string;
}

export function problemOf(error: unknown): SqlProblemReport | undefined {
  if (!(error instanceof SqlError)) return undefined;
  const { sqlCode: code, line, column, problem: message, text, caret } = error;
  return { code, line, column, message, text, caret };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new TributaryError('NOT_FOUND', `Cannot read "${file}"`, { cause: error });
  }
}

export function readScript(file: string): string {
  return readText(file);
}

/** Throws SqlError where the script is wrong. Nothing runs, so that neither clock nor chance matters. */
export function checkScript(script: string): ScriptPlan {
  return check(script, { now: () => 0, random: () => 0 });
}

/** How a script that is right can be shared among tasks. */
export function cutOfScript(script: string): Cut {
  return cutOf(checkScript(script));
}

export function explainFile(file: string): string {
  return explain(checkScript(readScript(file)));
}

/** The plan for people and for programs. */
export function describeScript(script: string): PlanDescription & { readonly text: string } {
  const plan = checkScript(script);
  return { text: explain(plan), ...describePlan(plan) };
}

export interface TestResult {
  readonly passed: number;
  /** What differs, one text a case. */
  readonly failures: readonly string[];
}

/** Plays the cases of a JSON Lines file; those without a script of their own are about this one. */
export function testFile(scriptFile: string, casesFile: string): TestResult {
  const script = readScript(scriptFile);
  const cases = readText(casesFile)
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [readCase(line, casesFile, index + 1)]));
  const failures = cases.flatMap((sqlCase, index) => {
    const differences = playCase(sqlCase, sqlCase.sql ?? script);
    const title = [
      sqlCase.id ?? `case ${index + 1}`,
      ...(sqlCase.note === undefined ? [] : [`(${sqlCase.note})`]),
    ].join(' ');
    return differences.length === 0 ? [] : [`${title}\n  ${differences.join('\n').replaceAll('\n', '\n  ')}`];
  });
  return { passed: cases.length - failures.length, failures };
}

function readCase(line: string, file: string, number: number): SqlCase {
  try {
    return JSON.parse(line) as SqlCase;
  } catch (error) {
    throw new TributaryError('USAGE', `Cannot read line ${number} of "${file}": it must be one JSON object`, {
      cause: error,
    });
  }
}
