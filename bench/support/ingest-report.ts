/** What several runs of an ingest benchmark gave, for people or for programs. */
import { showCount, showSpread, spread } from './stats.ts';

export interface Run {
  readonly perSecond: number;
  readonly cpuUsPerMessage: number;
  readonly peakMb: number;
  readonly lost: number;
  readonly doubled: number;
}

export interface IngestReport {
  /** Members before the figures: benchmark, broker, count, … */
  readonly about: Readonly<Record<string, unknown>>;
  /** In front of the first line; the others are as far to the right. */
  readonly label: string;
  /** `message` or `event`. */
  readonly unit: string;
  readonly json: boolean;
}

/** Prints, and makes the process fail where something was lost or doubled. */
export function reportIngest(results: readonly Run[], { about, label, unit, json }: IngestReport): void {
  const figures = {
    ...about,
    perSecond: spread(results.map((r) => r.perSecond)),
    cpuUsPerMessage: spread(results.map((r) => r.cpuUsPerMessage)),
    peakMb: spread(results.map((r) => r.peakMb)),
    lost: results.reduce((sum, r) => sum + r.lost, 0),
    doubled: results.reduce((sum, r) => sum + r.doubled, 0),
  };
  if (json) console.log(JSON.stringify(figures));
  else {
    const article = unit === 'event' ? 'an' : 'a';
    const cpu = showSpread(figures.cpuUsPerMessage, (v) => v.toFixed(2));
    const peak = showSpread(figures.peakMb, (v) => v.toFixed(0));
    const indent = ' '.repeat(label.length);
    console.log(`${label} ${showSpread(figures.perSecond, showCount)} ${unit}s/s`);
    console.log(`${indent} ${cpu} µs of our processor time ${article} ${unit}`);
    console.log(`${indent} ${peak} MB at most; lost ${figures.lost}, doubled ${figures.doubled}\n`);
  }
  if (figures.lost + figures.doubled > 0) process.exitCode = 1;
}
