/** Topics of the stand-in: small ones are kept in memory, the others are checked batch by batch and forgotten. */
import { randomUUID } from 'node:crypto';
import { layout, readInt64 } from '../../src/record/layout.ts';

export interface Topic {
  readonly name: string;
  readonly id: string;
  readonly config: Map<string, string>;
  readonly partitions: readonly Partition[];
}

export interface StandInCounts {
  records: number;
  batches: number;
  /** Batches with another sequence number than the one that was due: refused, nothing of them is counted. */
  outOfOrder: number;
  /** Batches that were sent again and had been taken before. */
  repeated: number;
  /** Messages that are missing before the first one of a batch, and those that came twice, by the feed's own numbers. */
  missing: number;
  doubled: number;
}

interface Numbers {
  epoch: number;
  next: number;
  baseOffset: number;
  lastSequence: number;
}

const outOfOrderSequence = 45;

export class Partition {
  readonly #counts: StandInCounts | undefined;
  readonly #producers = new Map<number, Numbers>();
  readonly batches: { readonly base: number; readonly last: number; readonly bytes: Buffer }[] = [];
  next = 0;
  /** Who waits for more. */
  readonly waiting = new Set<() => void>();

  /** With `counts` batches are only counted. */
  constructor(counts: StandInCounts | undefined) {
    this.#counts = counts;
  }

  append(bytes: Buffer): { errorCode: number; baseOffset: number } {
    const count = bytes.readInt32BE(layout.recordCount);
    const sequence = bytes.readInt32BE(layout.baseSequence);
    const epoch = bytes.readInt16BE(layout.producerEpoch);
    const producerId = readInt64(bytes, layout.producerId);
    const baseOffset = this.next;
    if (producerId >= 0) {
      const known = this.#producers.get(producerId);
      const isSame = known !== undefined && known.epoch === epoch;
      if (isSame && sequence === known.lastSequence && sequence !== known.next) {
        if (this.#counts !== undefined) this.#counts.repeated++;
        return { errorCode: 0, baseOffset: known.baseOffset };
      }
      if (sequence !== (isSame ? known.next : 0)) {
        if (this.#counts !== undefined) this.#counts.outOfOrder++;
        return { errorCode: outOfOrderSequence, baseOffset: -1 };
      }
      this.#producers.set(producerId, {
        epoch,
        next: (sequence + count) % 2 ** 31,
        baseOffset,
        lastSequence: sequence,
      });
    }
    this.next += count;
    if (this.#counts === undefined) this.#keep(bytes, baseOffset);
    else this.#count(this.#counts, bytes, count, baseOffset);
    return { errorCode: 0, baseOffset };
  }

  #keep(bytes: Buffer, base: number): void {
    const kept = Buffer.from(bytes);
    kept.writeBigInt64BE(BigInt(base), layout.baseOffset);
    this.batches.push({ base, last: this.next - 1, bytes: kept });
    for (const wake of this.waiting) wake();
    this.waiting.clear();
  }

  /** The first message of a batch says how many the feed has sent before it; the batches hold the rest in order. */
  #count(counts: StandInCounts, bytes: Buffer, count: number, before: number): void {
    counts.batches++;
    counts.records += count;
    const sequence = Number(/"seq\\?":\s*(\d+)/.exec(bytes.toString('latin1', layout.recordCount + 4, 200))?.[1]);
    if (sequence > before) counts.missing += sequence - before - counts.missing;
    else if (sequence < before) counts.doubled += before - sequence - counts.doubled;
  }
}

export class Topics {
  readonly #topics = new Map<string, Topic>();
  readonly #discarded: ReadonlySet<string>;
  readonly counts: StandInCounts = { records: 0, batches: 0, outOfOrder: 0, repeated: 0, missing: 0, doubled: 0 };

  constructor(discarded: readonly string[]) {
    this.#discarded = new Set(discarded);
  }

  get all(): readonly Topic[] {
    return [...this.#topics.values()];
  }

  byName(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  byId(id: string): Topic | undefined {
    return this.all.find((topic) => topic.id === id);
  }

  create(name: string, partitions: number, config: ReadonlyMap<string, string>): Topic {
    const counts = this.#discarded.has(name) ? this.counts : undefined;
    const topic: Topic = {
      name,
      id: randomUUID(),
      config: new Map(config),
      partitions: Array.from({ length: Math.max(partitions, 1) }, () => new Partition(counts)),
    };
    this.#topics.set(name, topic);
    return topic;
  }
}
