/**
 * Metric declarations. A counter is a plain field that the hot path adds to (`counter.value += n`); only when somebody
 * asks are the fields read, by exposition.ts. A call into a metrics library per record would cost 150 ns each.
 */
export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  value: number;
}

export interface Histogram {
  /** Adds `count` observations of `value` (seconds). Once per batch, never once per record. */
  observe(value: number, count?: number): void;
}

export interface Metrics {
  /** Name ends in `_total`. Asking twice for the same name and labels gives the same counter. */
  counter(name: string, help: string, labels?: Labels): Counter;
  /** Read when somebody asks. Declaring it again replaces the function. */
  gauge(name: string, help: string, read: () => number, labels?: Labels): void;
  /** Bounds ascend, in seconds. */
  histogram(name: string, help: string, bounds: readonly number[], labels?: Labels): Histogram;
  /** The same registry with labels added to whatever is declared through it. */
  child(labels: Labels): Metrics;
  /** Forgets everything declared through this view (a deleted connector's series end). */
  remove(): void;
}

export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface CounterSeries {
  readonly labels: Labels;
  readonly counter: Counter;
}

export interface GaugeSeries {
  readonly labels: Labels;
  read: () => number;
}

export interface HistogramSeries {
  readonly labels: Labels;
  /** Observations per bucket, not cumulated; one more than there are bounds. */
  readonly buckets: Float64Array;
  sum: number;
}

export type Family =
  | {
      readonly kind: 'counter';
      readonly name: string;
      readonly help: string;
      readonly series: Map<string, CounterSeries>;
    }
  | { readonly kind: 'gauge'; readonly name: string; readonly help: string; readonly series: Map<string, GaugeSeries> }
  | {
      readonly kind: 'histogram';
      readonly name: string;
      readonly help: string;
      readonly bounds: readonly number[];
      readonly series: Map<string, HistogramSeries>;
    };

/** All families of a process, by name. */
export class MetricRegistry {
  readonly families = new Map<string, Family>();

  /** The view that components declare through. */
  root(): Metrics {
    return view(this.families, {});
  }
}

function view(families: Map<string, Family>, base: Labels): Metrics {
  const declared: { family: Family; key: string }[] = [];
  const children: Metrics[] = [];
  // A task declares some eighty series, nearly all of them under its own labels alone.
  const baseKey = labelKey(base);
  const keyOf = (all: Labels, labels: Labels | undefined): string => (labels === undefined ? baseKey : labelKey(all));
  const allOf = (labels: Labels | undefined): Labels => (labels === undefined ? base : { ...base, ...labels });

  const remember = (family: Family, key: string): void => {
    declared.push({ family, key });
  };

  return {
    counter(name, help, labels) {
      const family = familyOf(families, 'counter', name, () => ({ kind: 'counter', name, help, series: new Map() }));
      const all = allOf(labels);
      const key = keyOf(all, labels);
      let series = family.series.get(key);
      if (series === undefined) {
        series = { labels: all, counter: { value: 0 } };
        family.series.set(key, series);
        remember(family, key);
      }
      return series.counter;
    },
    gauge(name, help, read, labels) {
      const family = familyOf(families, 'gauge', name, () => ({ kind: 'gauge', name, help, series: new Map() }));
      const all = allOf(labels);
      const key = keyOf(all, labels);
      const series = family.series.get(key);
      if (series !== undefined) series.read = read;
      else {
        family.series.set(key, { labels: all, read });
        remember(family, key);
      }
    },
    histogram(name, help, bounds, labels) {
      const family = familyOf(families, 'histogram', name, () => ({
        kind: 'histogram',
        name,
        help,
        bounds,
        series: new Map(),
      }));
      const all = allOf(labels);
      const key = keyOf(all, labels);
      let series = family.series.get(key);
      if (series === undefined) {
        series = { labels: all, buckets: new Float64Array(family.bounds.length + 1), sum: 0 };
        family.series.set(key, series);
        remember(family, key);
      }
      return observer(series, family.bounds);
    },
    child(labels) {
      const child = view(families, { ...base, ...labels });
      children.push(child);
      return child;
    },
    remove() {
      for (const child of children.splice(0)) child.remove();
      for (const { family, key } of declared.splice(0)) {
        family.series.delete(key);
        if (family.series.size === 0) families.delete(family.name);
      }
    },
  };
}

function familyOf<K extends MetricKind>(
  families: Map<string, Family>,
  kind: K,
  name: string,
  make: () => Extract<Family, { kind: K }>,
): Extract<Family, { kind: K }> {
  const known = families.get(name);
  if (known === undefined) {
    const family = make();
    families.set(name, family);
    return family;
  }
  if (known.kind !== kind) throw new TypeError(`Metric "${name}" is a ${known.kind}, it cannot be a ${kind} too`);
  return known as Extract<Family, { kind: K }>;
}

function labelKey(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${name}=${JSON.stringify(labels[name])}`)
    .join(',');
}

function observer(series: HistogramSeries, bounds: readonly number[]): Histogram {
  return {
    observe(value, count = 1) {
      let bucket = 0;
      while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
      series.buckets[bucket]! += count;
      series.sum += value * count;
    },
  };
}
