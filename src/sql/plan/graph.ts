import type { ScriptPlan } from '../check/check.ts';
import type { PartitionPlan, QueryPlan } from '../check/query-plan.ts';

/** The streams whose rows move a query; a table that it looks up is none. */
export function streamsRead({ input }: QueryPlan): string[] {
  switch (input.kind) {
    case 'source':
      return [input.input.stream];
    case 'lookup':
      return [input.left.stream];
    case 'join':
      return [...new Set([input.left.input.stream, input.right.input.stream])];
    case 'pattern':
      return [...new Set(input.leaves.map((leaf) => leaf.input.stream))];
  }
}

/** Each query's place among the timers: behind those that it reads from, else as in the script. Circles are cut. */
export function ranksOf(queries: readonly QueryPlan[]): readonly number[] {
  const ranks: number[] = [];
  const visiting = new Set<number>();
  let next = 0;
  const visit = (index: number): void => {
    if (ranks[index] !== undefined || visiting.has(index)) return;
    visiting.add(index);
    const read = streamsRead(queries[index]!);
    for (const [writer, { target }] of queries.entries()) {
      if (read.includes(target)) visit(writer);
    }
    ranks[index] = next++;
  };
  for (const index of queries.keys()) visit(index);
  return ranks;
}

/** What a query's event time comes from where it does not read a stream directly; undefined where it does. */
export type Detour = (query: QueryPlan, stream: string) => string | undefined;

const direct: Detour = () => undefined;

/** Where the event time of a query comes from, once that of all streams is known. */
export function timesRead(
  query: QueryPlan,
  sources: ReadonlyMap<string, ReadonlySet<string>>,
  detour: Detour = direct,
): string[] {
  return streamsRead(query).flatMap((name) => {
    const own = [...sources.get(name)!];
    const by = own.length === 0 ? undefined : detour(query, name);
    return by === undefined ? own : [by];
  });
}

/** For each stream the streams whose event time it has: its own, or those of what its writers read. */
export function eventSourcesOf(
  { streams, queries }: ScriptPlan,
  detour: Detour = direct,
): ReadonlyMap<string, ReadonlySet<string>> {
  const sources = new Map(
    [...streams.values()].map(({ name, eventTime }) => [name, new Set(eventTime === undefined ? [] : [name])]),
  );
  for (let changed = true; changed; ) {
    changed = false;
    for (const query of queries) {
      const target = sources.get(query.target)!;
      if (streams.get(query.target)!.eventTime !== undefined) continue;
      for (const source of timesRead(query, sources, detour)) {
        if (target.has(source)) continue;
        target.add(source);
        changed = true;
      }
    }
  }
  return sources;
}

/** Whether each row of a stream is of one key of a partition: it has a column for it, or only queries of the partition write it. */
export function isKeyed(
  stream: string,
  partition: PartitionPlan | undefined,
  { streams, queries }: ScriptPlan,
): boolean {
  if (partition === undefined) return false;
  if (partition.keys.has(stream)) return true;
  const writers = queries.filter(({ target }) => target === stream);
  if (writers.length === 0 || streams.get(stream)!.options.role === 'source') return false;
  return writers.every((writer) => writer.partition?.index === partition.index);
}
