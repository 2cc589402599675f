/**
 * Metrics of several processes as those of one gateway. Counters and histograms are summed, over processes that have ended too, so
 * that they never go back. A gauge stays that of its process, told by a label `process`: a sum of `kafka_up` would mean nothing, and
 * of others whoever asks can make it.
 */
import { unreachable } from '../../base/assert.ts';
import type { Family, Labels } from '../../telemetry/metrics.ts';

/** A family as it was at a moment; it can be sent. */
export type FamilySnapshot =
  | { readonly kind: 'counter' | 'gauge'; readonly name: string; readonly help: string; readonly series: ValueSeries[] }
  | {
      readonly kind: 'histogram';
      readonly name: string;
      readonly help: string;
      readonly bounds: readonly number[];
      readonly series: BucketSeries[];
    };

interface ValueSeries {
  readonly labels: Labels;
  readonly value: number;
}

interface BucketSeries {
  readonly labels: Labels;
  readonly buckets: Float64Array;
  readonly sum: number;
}

export interface ProcessMetrics {
  readonly number: number;
  readonly families: readonly FamilySnapshot[];
  /** Its gauges say nothing any more: it has ended, or does not answer. */
  readonly isOld: boolean;
}

export function snapshot(families: Iterable<Family>): FamilySnapshot[] {
  return [...families].map((family): FamilySnapshot => {
    const { name, help } = family;
    switch (family.kind) {
      case 'counter':
        return {
          kind: 'counter',
          name,
          help,
          series: [...family.series.values()].map(({ labels, counter }) => ({ labels, value: counter.value })),
        };
      case 'gauge':
        return {
          kind: 'gauge',
          name,
          help,
          series: [...family.series.values()].map(({ labels, read }) => ({ labels, value: read() })),
        };
      case 'histogram':
        return {
          kind: 'histogram',
          name,
          help,
          bounds: family.bounds,
          series: [...family.series.values()].map(({ labels, buckets, sum }) => ({ labels, buckets, sum })),
        };
      default:
        return unreachable(family);
    }
  });
}

/** All of them as families of one process, for the exposition. */
export function merged(processes: readonly ProcessMetrics[]): Family[] {
  const families = new Map<string, Family>();
  for (const { number, families: theirs, isOld } of processes) {
    for (const family of theirs) {
      if (family.kind === 'gauge' && isOld) continue;
      add(familyFor(families, family), family, number);
    }
  }
  return [...families.values()];
}

function familyFor(families: Map<string, Family>, wanted: FamilySnapshot): Family {
  const known = families.get(wanted.name);
  if (known !== undefined) return known;
  const { name, help } = wanted;
  const family: Family =
    wanted.kind === 'histogram'
      ? { kind: 'histogram', name, help, bounds: wanted.bounds, series: new Map() }
      : { kind: wanted.kind, name, help, series: new Map() };
  families.set(name, family);
  return family;
}

function add(into: Family, from: FamilySnapshot, process: number): void {
  if (into.kind === 'counter' && from.kind === 'counter') {
    for (const { labels, value } of from.series) {
      const key = JSON.stringify(labels);
      const known = into.series.get(key);
      if (known === undefined) into.series.set(key, { labels, counter: { value } });
      else known.counter.value += value;
    }
  } else if (into.kind === 'gauge' && from.kind === 'gauge') {
    for (const { labels, value } of from.series) {
      const all = { ...labels, process: String(process) };
      into.series.set(JSON.stringify(all), { labels: all, read: () => value });
    }
  } else if (into.kind === 'histogram' && from.kind === 'histogram') {
    for (const { labels, buckets, sum } of from.series) {
      const key = JSON.stringify(labels);
      const known = into.series.get(key);
      if (known === undefined) into.series.set(key, { labels, buckets: buckets.slice(), sum });
      else {
        for (const [at, count] of buckets.entries()) known.buckets[at]! += count;
        known.sum += sum;
      }
    }
  }
}
