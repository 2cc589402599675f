/** The log of one task: what lies in it, how far it is forwarded, and what takes forwarded records away. */
import { isError } from '../../base/errors.ts';
import type { FetchedRuns, LocalBroker } from '../../broker/broker.ts';

/** Of all logs of a spool: the group whose offsets say how far they are forwarded. */
export const forwardedGroup = 'tributary-spool';

export interface LogRead extends FetchedRuns {
  readonly slot: number;
}

export class TaskLog {
  readonly broker: LocalBroker;
  readonly name: string;
  /** Where each partition is read next. */
  #next: number[] = [];
  /** Up to where each is forwarded, as far as this process knows. */
  #forwarded: number[] = [];
  #turn = 0;
  /** Reads and drops take turns: what is dropped must not be on its way out as well. */
  #reading: Promise<unknown> = Promise.resolve();

  constructor(broker: LocalBroker, name: string) {
    this.broker = broker;
    this.name = name;
  }

  /** Begins at what is known to be forwarded. Gives the records between there and the first one that is left. */
  async start(): Promise<number> {
    const committed = await this.broker.committedOffsets(forwardedGroup);
    const own = committed.filter(({ topic }) => topic === this.name);
    const { partitions } = await this.broker.describeTopic(this.name);
    let missing = 0;
    this.#forwarded = partitions.map((_, slot) => {
      const { first, stable } = this.broker.extent(this.name, slot);
      const stored = own.find(({ partition }) => partition === slot)?.offset ?? first;
      missing += Math.max(0, first - stored);
      return Math.min(Math.max(stored, first, this.#forwarded[slot] ?? 0), stable);
    });
    this.#next = [...this.#forwarded];
    return missing;
  }

  /** Another place knows of more. */
  forwardedTo(slot: number, offset: number): void {
    const { stable } = this.broker.extent(this.name, slot);
    if (offset <= (this.#forwarded[slot] ?? 0) || offset > stable) return;
    this.#forwarded[slot] = offset;
    this.#next[slot] = Math.max(this.#next[slot] ?? 0, offset);
  }

  get slots(): number {
    return this.#next.length;
  }

  /** A partition was added. */
  grow(slots: number): void {
    while (this.#next.length < slots) {
      this.#next.push(0);
      this.#forwarded.push(0);
    }
  }

  get forwarded(): readonly number[] {
    return this.#forwarded;
  }

  /** Ends of the partitions, as readers of what is committed see them. */
  ends(): number[] {
    return this.#next.map((_, slot) => this.broker.extent(this.name, slot).stable);
  }

  /** Of all that is there, forwarded or not. */
  get bytes(): number {
    return this.#next.reduce((sum, _, slot) => sum + this.broker.extent(this.name, slot).bytes, 0);
  }

  get unforwarded(): number {
    return this.#forwarded.reduce((sum, from, slot) => sum + this.broker.extent(this.name, slot).next - from, 0);
  }

  /** Everything that is there is in Kafka, or given up. */
  get isForwarded(): boolean {
    return this.#forwarded.every((to, slot) => to >= this.broker.extent(this.name, slot).stable);
  }

  /** Everything that is there has been read. */
  get isRead(): boolean {
    return this.#next.every((from, slot) => from >= this.broker.extent(this.name, slot).stable);
  }

  /** The next records of the partition whose turn it is; undefined where nothing is left to read. */
  read(maxBytes: number): Promise<LogRead | undefined> {
    return this.#inTurn(async () => {
      for (let tried = 0; tried < this.#next.length; tried++) {
        const slot = this.#turn++ % this.#next.length;
        const read = await this.#readSlot(slot, maxBytes);
        if (read !== undefined) return read;
      }
      return undefined;
    });
  }

  /** Takes the oldest unread records of the largest partition away, about so many bytes, and gives them to be counted. */
  drop(maxBytes: number): Promise<LogRead | undefined> {
    return this.#inTurn(async () => {
      const unread = this.#next.map((from, slot) => this.broker.extent(this.name, slot).stable - from);
      const slot = unread.indexOf(Math.max(...unread));
      const read = await this.#readSlot(slot, maxBytes);
      if (read !== undefined) {
        await this.storeForwarded([[slot, read.nextOffset]]);
        await this.broker.deleteRecords(this.name, slot, read.nextOffset);
      }
      return read;
    });
  }

  /** Reads again from what is forwarded on. `before` is called while nothing is read or dropped. */
  rewind(before: () => void): Promise<void> {
    return this.#inTurn(async () => {
      before();
      this.#next = [...this.#forwarded];
    });
  }

  /** Up to here everything is in Kafka, or given up. Resolves when that is synced. */
  async storeForwarded(positions: readonly (readonly [slot: number, offset: number])[]): Promise<void> {
    const offsets = positions.map(([partition, offset]) => ({ topic: this.name, partition, offset }));
    await this.broker.setCommittedOffsets(forwardedGroup, offsets);
    for (const [slot, offset] of positions) this.#forwarded[slot] = Math.max(this.#forwarded[slot] ?? 0, offset);
  }

  /** Gives the space of what is forwarded back to the spool. */
  async trim(): Promise<void> {
    await Promise.all(
      this.#forwarded.map((to, slot) => {
        const { first } = this.broker.extent(this.name, slot);
        return to > first ? this.broker.deleteRecords(this.name, slot, to) : undefined;
      }),
    );
  }

  async #readSlot(slot: number, maxBytes: number): Promise<LogRead | undefined> {
    for (;;) {
      const from = this.#next[slot]!;
      const { stable, first } = this.broker.extent(this.name, slot);
      if (from >= stable) return undefined;
      try {
        const read = await this.broker.fetchRuns(this.name, slot, Math.max(from, first), maxBytes);
        this.#next[slot] = read.nextOffset;
        return { ...read, slot };
      } catch (error) {
        if (!isError(error, 'OFFSET_OUT_OF_RANGE')) throw error;
      }
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#reading.then(work);
    this.#reading = done.catch(() => {}); // whoever asked is told
    return done;
  }
}
