/** Finds sources that have given no record for too long, though they run (`health.source.max.age.ms`). */
import type { Clock } from '../base/clock.ts';
import type { Family } from '../telemetry/metrics.ts';
import type { ConnectorStatus } from './worker-view.ts';

export interface StalenessParts {
  readonly maxAgeMs: number;
  readonly registry: ReadonlyMap<string, Family>;
  readonly clock: Clock;
  readonly connectorNames: () => readonly string[];
  readonly status: (name: string) => ConnectorStatus | undefined;
}

interface Seen {
  records: number;
  atMs: number;
}

export class Staleness {
  readonly #parts: StalenessParts;
  readonly #seen = new Map<string, Seen>();

  constructor(parts: StalenessParts) {
    this.#parts = parts;
  }

  /** Looks at the counters. Call it a few times within the age; the time of a record is known no closer than that. */
  observe(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const polled = this.#polled();
    const running = new Set<string>();
    for (const name of this.#parts.connectorNames()) {
      const status = this.#parts.status(name);
      if (status?.type !== 'source') continue;
      for (const { task, state } of status.tasks) {
        if (state !== 'RUNNING') continue; // whoever pauses a source, or sees it failed, knows that nothing comes
        const key = keyOf(name, task);
        running.add(key);
        const records = polled.get(key) ?? 0;
        const seen = this.#seen.get(key);
        if (seen === undefined) this.#seen.set(key, { records, atMs: nowMs });
        else if (seen.records !== records) Object.assign(seen, { records, atMs: nowMs });
      }
    }
    for (const key of this.#seen.keys()) if (!running.has(key)) this.#seen.delete(key);
  }

  /** Why the worker is not healthy, or undefined. */
  trouble(): string | undefined {
    this.observe();
    const nowMs = this.#parts.clock.monotonicMs();
    const stale = [...this.#seen].filter(([, { atMs }]) => nowMs - atMs > this.#parts.maxAgeMs);
    if (stale.length === 0) return undefined;
    const [key, { atMs }] = stale[0]!;
    const [name, task] = JSON.parse(key) as [string, number];
    const more = stale.length === 1 ? '' : `, and ${stale.length - 1} more`;
    return `source "${name}" (task ${task}) has received nothing for ${Math.floor((nowMs - atMs) / 1000)} s${more}`;
  }

  #polled(): ReadonlyMap<string, number> {
    const family = this.#parts.registry.get('kafka_connect_source_task_source_record_poll_total');
    if (family?.kind !== 'counter') return new Map();
    return new Map(
      [...family.series.values()].map(({ labels, counter }) => [
        keyOf(labels['connector'] ?? '', Number(labels['task'])),
        counter.value,
      ]),
    );
  }
}

function keyOf(connector: string, task: number): string {
  return JSON.stringify([connector, task]);
}
