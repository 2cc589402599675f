/** What several runs of an ingest benchmark gave, for people or for programs. */
import { machineLine } from './machine.ts';
import { showCount, showSpread, spread } from './stats.ts';

export interface Run {
  readonly perSecond: number;
  readonly cpuUsPerMessage: number;
  readonly peakMb: number;
  /** By the feed's numbers at the far end. A floor that keeps nothing has none. */
  readonly losses?: { readonly lost: number; readonly doubled: number };
}

export interface IngestReport {
  /** Members before the figures: benchmark, broker, count, … */
  readonly about: Readonly<Record<string, unknown>>;
  /** In front of the first line; the others are as far to the right. */
  readonly label: string;
  /** `message` or `event`. */
  readonly unit: string;
  readonly json: boolean;
  /** False where the losses are somebody else's: they are shown, and fail nothing. */
  readonly isOurs?: boolean;
}

/** Prints, and makes the process fail where we have lost or doubled something. */
export function reportIngest(results: readonly Run[], { about, label, unit, json, isOurs = true }: IngestReport): void {
  const losses = results.flatMap((r) => (r.losses === undefined ? [] : [r.losses]));
  const figures = {
    perSecond: spread(results.map((r) => r.perSecond)),
    cpuUsPerMessage: spread(results.map((r) => r.cpuUsPerMessage)),
    peakMb: spread(results.map((r) => r.peakMb)),
  };
  const lost = losses.reduce((sum, { lost }) => sum + lost, 0);
  const doubled = losses.reduce((sum, { doubled }) => sum + doubled, 0);
  const checked = losses.length > 0 ? { lost, doubled } : {};
  if (json) console.log(JSON.stringify({ ...about, ...figures, ...checked, machine: machineLine() }));
  else {
    const article = unit === 'event' ? 'an' : 'a';
    const cpu = showSpread(figures.cpuUsPerMessage, (v) => v.toFixed(2));
    const peak = showSpread(figures.peakMb, (v) => v.toFixed(0));
    const indent = ' '.repeat(label.length);
    const end =
      losses.length > 0 ? `lost ${lost}, doubled ${doubled}` : 'its records have no numbers, so nothing is checked';
    console.log(`${label} ${showSpread(figures.perSecond, showCount)} ${unit}s/s`);
    console.log(`${indent} ${cpu} µs of its processor time ${article} ${unit}`);
    console.log(`${indent} ${peak} MB at most; ${end}\n`);
  }
  if (isOurs && lost + doubled > 0) process.exitCode = 1;
}
