import type { SourceMap } from '../../connectors/contract.ts';
import type { StreamPosition } from './checkpoint.ts';

/** How far each source has been read, by stream and by what its partitions are. */
export class Positions {
  private readonly streams = new Map<string, Map<string, StreamPosition>>();

  constructor(positions: readonly StreamPosition[] = []) {
    for (const { stream, partition, offset } of positions) this.set(stream, partition, offset);
  }

  set(stream: string, partition: SourceMap, offset: SourceMap): void {
    const known = this.streams.get(stream);
    const entry = { stream, partition, offset };
    if (known === undefined) this.streams.set(stream, new Map([[keyOf(partition), entry]]));
    else known.set(keyOf(partition), entry);
  }

  get(stream: string, partition: SourceMap): SourceMap | undefined {
    return this.streams.get(stream)?.get(keyOf(partition))?.offset;
  }

  has(stream: string): boolean {
    return this.streams.has(stream);
  }

  all(): StreamPosition[] {
    return [...this.streams.values()].flatMap((positions) => [...positions.values()]);
  }
}

/** The same text for the same members, whatever their order. */
function keyOf(partition: SourceMap): string {
  return JSON.stringify(Object.entries(partition).sort(([a], [b]) => (a < b ? -1 : 1)));
}
