/**
 * Unsent records of one subscription whose policy is not to wait: the oldest go first when it must shrink, and leave a gap;
 * conflated, a record replaces an older one with the same topic and key. Pure.
 */
import type { Gap } from '../wire/gateway/server-frames.ts';
import type { Item } from './delivery.ts';
import { Chunk, sizeOf } from './hub/chunk.ts';

interface Hole {
  readonly gap: Gap;
}

interface Entry {
  readonly chunk: Chunk;
  readonly index: number;
  readonly bytes: number;
}

export class Backlog {
  readonly #isConflated: boolean;
  /** In the order in which they go out. Keys are only looked at where records are conflated. */
  readonly #entries = new Map<string | number, Entry | Hole>();
  /** By partition: holes that stand before its next record. */
  readonly #gaps = new Map<string, Gap[]>();
  #unkeyed = 0;
  #bytes = 0;

  constructor(isConflated: boolean) {
    this.#isConflated = isConflated;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#gaps.size === 0;
  }

  /** Gives how many older records it replaced: 0 or 1. */
  add(chunk: Chunk, index: number): number {
    const record = chunk.records[index]!;
    const bytes = sizeOf(record);
    this.#bytes += bytes;
    if (!this.#isConflated || record.key === null) {
      this.#entries.set(this.#unkeyed++, { chunk, index, bytes });
      return 0;
    }
    const key = `${chunk.topic}/${Buffer.from(record.key).toString('latin1')}`;
    const older = this.#entries.get(key) as Entry | undefined;
    if (older !== undefined) {
      this.#bytes -= older.bytes;
      this.#entries.delete(key); // the newer one's place is at the end
    }
    this.#entries.set(key, { ...alone(chunk, index), bytes });
    return older === undefined ? 0 : 1;
  }

  /** A hole behind the records that were added before it. */
  addGap(gap: Gap): void {
    this.#entries.set(this.#unkeyed++, { gap });
  }

  /** Throws the oldest records away until at most so many bytes are left. */
  shrink(bytes: number): void {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= bytes) return;
      this.#entries.delete(key);
      if ('gap' in entry) {
        this.#tellFirst(entry.gap);
        continue;
      }
      this.#bytes -= entry.bytes;
      const { topic, partition, records } = entry.chunk;
      const { offset } = records[entry.index]!;
      this.#tellFirst({ topic, partition, from: offset, to: offset + 1, reason: 'slow' });
    }
  }

  /** Gaps first: everything behind them in their partitions is newer. */
  take(maxRecords: number, maxBytes: number): { items: readonly Item[]; records: number; bytes: number } | undefined {
    if (this.isEmpty) return undefined;
    const items: Item[] = [...this.#gaps.values()].flat().map((gap) => ({ kind: 'gap', gap }));
    this.#gaps.clear();
    let records = 0;
    let bytes = 0;
    for (const [key, entry] of this.#entries) {
      if ('gap' in entry) {
        this.#entries.delete(key);
        items.push({ kind: 'gap', gap: entry.gap });
        continue;
      }
      if (records >= maxRecords || (bytes + entry.bytes > maxBytes && records > 0)) break;
      this.#entries.delete(key);
      this.#bytes -= entry.bytes;
      records++;
      bytes += entry.bytes;
      const last = items.at(-1);
      if (last?.kind === 'records' && last.chunk === entry.chunk && last.end === entry.index) {
        items[items.length - 1] = { ...last, end: entry.index + 1 };
      } else items.push({ kind: 'records', chunk: entry.chunk, start: entry.index, end: entry.index + 1 });
    }
    return { items, records, bytes };
  }

  removeTopic(topic: string): void {
    for (const [key, entry] of this.#entries) {
      const { topic: other } = 'gap' in entry ? entry.gap : entry.chunk;
      if (other !== topic) continue;
      this.#entries.delete(key);
      if (!('gap' in entry)) this.#bytes -= entry.bytes;
    }
    for (const [key, [gap]] of this.#gaps) if (gap?.topic === topic) this.#gaps.delete(key);
  }

  /** Holes of one kind that follow each other are one. */
  #tellFirst(gap: Gap): void {
    const key = `${gap.topic}/${gap.partition}`;
    const gaps = this.#gaps.get(key) ?? [];
    const last = gaps.at(-1);
    if (last?.reason === gap.reason) gaps[gaps.length - 1] = { ...last, to: gap.to };
    else gaps.push(gap);
    this.#gaps.set(key, gaps);
  }
}

/** A copy of one record: newest values of many keys must not hold on to all the batches that they came in. */
function alone(chunk: Chunk, index: number): { chunk: Chunk; index: number } {
  const { topic, partition, records, fetchedAtMs } = chunk;
  const { offset, timestampMs, key, value, headers } = records[index]!;
  const copy = {
    offset,
    timestampMs,
    key: key && Buffer.from(key),
    value: value && Buffer.from(value),
    headers: headers.map((header) => ({ key: header.key, value: header.value && Buffer.from(header.value) })),
  };
  return { chunk: new Chunk(topic, partition, [copy], offset, offset + 1, fetchedAtMs), index: 0 };
}
