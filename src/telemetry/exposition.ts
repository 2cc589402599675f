/**
 * Metrics as text, for Prometheus (its exposition format, version 0.0.4). Written here and not with prom-client: our
 * registry holds the families and buckets already, prom-client would want each of them copied into objects of its own at
 * every scrape, and the format is what these few lines say.
 */
import type { Family, Labels } from './metrics.ts';

export const expositionContentType = 'text/plain; version=0.0.4; charset=utf-8';

export function exposition(families: Iterable<Family>): string {
  const lines: string[] = [];
  for (const family of [...families].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (family.series.size === 0) continue;
    lines.push(`# HELP ${family.name} ${escapeHelp(family.help)}`, `# TYPE ${family.name} ${typeOf(family)}`);
    writeSeries(family, lines);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/**
 * Some names are Kafka Connect's and older than the conventions: a gauge that ends in `_count`, a counter that does not end
 * in `_total`. With their type Prometheus' tools would call them wrong; without, they are what people's dashboards read.
 */
function typeOf({ kind, name }: Family): string {
  if (kind === 'gauge' && /_(count|sum|bucket|total)$/.test(name)) return 'untyped';
  return kind === 'counter' && !name.endsWith('_total') ? 'untyped' : kind;
}

function writeSeries(family: Family, lines: string[]): void {
  switch (family.kind) {
    case 'counter':
      for (const { labels, counter } of family.series.values()) {
        lines.push(`${family.name}${labelText(labels)} ${numberText(counter.value)}`);
      }
      return;
    case 'gauge':
      for (const { labels, read } of family.series.values()) {
        lines.push(`${family.name}${labelText(labels)} ${numberText(read())}`);
      }
      return;
    case 'histogram':
      for (const { labels, buckets, sum } of family.series.values()) {
        let count = 0;
        for (let i = 0; i < buckets.length; i++) {
          count += buckets[i]!;
          const le = numberText(family.bounds[i] ?? Number.POSITIVE_INFINITY);
          lines.push(`${family.name}_bucket${labelText({ ...labels, le })} ${count}`);
        }
        lines.push(`${family.name}_sum${labelText(labels)} ${numberText(sum)}`);
        lines.push(`${family.name}_count${labelText(labels)} ${count}`);
      }
      return;
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
