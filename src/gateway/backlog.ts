/**
 * Unsent records of one subscription whose policy is not to wait: the oldest go first when it must shrink, and leave a gap;
 * conflated, a record replaces an older one with the same topic and key. Pure.
 */
import type { Gap } from '../wire/gateway/server-frames.ts';
import type { Item } from './delivery.ts';
import { Chunk, sizeOf } from './hub/chunk.ts';

interface Entry {
  readonly chunk: Chunk;
  readonly index: number;
  readonly bytes: number;
}

export class Backlog {
  readonly #isConflated: boolean;
  /** In the order in which they go out. Keys are only looked at where records are conflated. */
  readonly #entries = new Map<string | number, Entry>();
  /** Holes that stand before the next record of their partition. */
  readonly #gaps = new Map<string, Gap>();
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
    const older = this.#entries.get(key);
    if (older !== undefined) {
      this.#bytes -= older.bytes;
      this.#entries.delete(key); // the newer one's place is at the end
    }
    this.#entries.set(key, { ...alone(chunk, index), bytes });
    return older === undefined ? 0 : 1;
  }

  addGap(gap: Gap): void {
    const key = `${gap.topic}/${gap.partition}`;
    const before = this.#gaps.get(key);
    this.#gaps.set(key, before === undefined ? gap : { ...before, to: gap.to });
  }

  /** Throws the oldest records away until at most so many bytes are left. */
  shrink(bytes: number): void {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= bytes) return;
      this.#entries.delete(key);
      this.#bytes -= entry.bytes;
      const { topic, partition, records } = entry.chunk;
      const { offset } = records[entry.index]!;
      this.addGap({ topic, partition, from: offset, to: offset + 1, reason: 'slow' });
    }
  }

  /** Gaps first: everything behind them in their partitions is newer. */
  take(maxRecords: number, maxBytes: number): { items: readonly Item[]; records: number; bytes: number } | undefined {
    if (this.isEmpty) return undefined;
    const items: Item[] = [...this.#gaps.values()].map((gap) => ({ kind: 'gap', gap }));
    this.#gaps.clear();
    let records = 0;
    let bytes = 0;
    for (const [key, entry] of this.#entries) {
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
    for (const [key, { chunk, bytes }] of this.#entries) {
      if (chunk.topic !== topic) continue;
      this.#entries.delete(key);
      this.#bytes -= bytes;
    }
    for (const [key, gap] of this.#gaps) if (gap.topic === topic) this.#gaps.delete(key);
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
