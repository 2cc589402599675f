/** One part of an application that is cut: which one of how many, and how the topics of its sources are cut. */
import { createHash } from 'node:crypto';
import { TributaryError } from '../../base/errors.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import type { Application } from '../plan/application.ts';
import { declaredKey } from '../plan/parts/cut.ts';
import { PartFinder } from '../plan/parts/part-finder.ts';
import type { Values } from '../values/value.ts';

export interface Part {
  readonly index: number;
  readonly count: number;
  /** Partitions of the topic of each source. */
  readonly partitions: ReadonlyMap<string, number>;
}

export function isAligned({ count, partitions }: Part, stream: string): boolean {
  return partitions.get(stream) === count;
}

/** Equal where a part's state and positions mean the same: who reads what, and what is exchanged. */
export function layoutOf({ exchanges }: Application, { count, partitions }: Part): string {
  const cut = [
    count,
    [...partitions].sort(),
    exchanges.map(({ exchange }) => [exchange.stream, exchange.keys.map(({ text }) => text)]),
  ];
  return createHash('sha256').update(JSON.stringify(cut)).digest('base64url').slice(0, 22);
}

/** Throws where a row of a stream whose record key is relied on lies in another partition than its key says. */
export type KeyCheck = (values: Values) => void;

export function keyCheckOf(stream: StreamPlan, part: Part): KeyCheck | undefined {
  const column = isAligned(part, stream.name) ? declaredKey(stream) : undefined;
  if (column === undefined) return undefined;
  const finder = new PartFinder(part.count);
  const { name } = stream.columns[column]!;
  return (values) => {
    const value = values[column]!;
    if (value === null || finder.of([value]) === part.index) return; // NOT NULL drops the row
    throw new TributaryError(
      'CONFLICT',
      `Stream "${stream.name}": "kafka.key" says that column "${name}" is the key of the records of topic "${stream.options.values.get('kafka.topic')}", but a row of partition ${part.index} belongs to partition ${finder.of([value])} by it. Leave "kafka.key" out: the rows are repartitioned then`,
    );
  };
}
