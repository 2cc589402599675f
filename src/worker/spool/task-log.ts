/** The log of one task: what lies in it, how far it is forwarded, and what takes forwarded records away. */
import { CallsInTurn } from '../../base/calls-in-turn.ts';
import { isError } from '../../base/errors.ts';
import type { FetchedRuns, LocalBroker } from '../../broker/broker.ts';

/** Of all logs of a spool: the group whose offsets say how far they are forwarded. */
export const forwardedGroup = 'tributary-spool';
/** What follows behind the forwarding goes along with the next batch that is received, if one comes by then: it costs no sync. */
const withinMs = 10;

export interface LogRead extends FetchedRuns {
  readonly slot: number;
}

/** Offsets that were given up from behind what is on its way. */
interface Hole {
  readonly slot: number;
  readonly from: number;
  readonly to: number;
}

export class TaskLog {
  readonly broker: LocalBroker;
  readonly name: string;
  #id = '';
  /** Where each partition is read next. */
  #next: number[] = [];
  /** Up to where each is forwarded, as far as this process knows. */
  #forwarded: number[] = [];
  /** Not forwarded yet: what lies before them is. Those of an earlier process are found empty when they are read. */
  #holes: readonly Hole[] = [];
  /** Up to where damage was counted. */
  readonly #damagedTo: number[] = [];
  #turn = 0;
  /** Reads and drops take turns: what is dropped must not be on its way out as well. */
  readonly #turns = new CallsInTurn();

  constructor(broker: LocalBroker, name: string) {
    this.broker = broker;
    this.name = name;
  }

  /** Begins at what is known to be forwarded. Gives the records between there and the first one that is left: dropped, and a kill came before that was told. */
  start(): Promise<number> {
    return this.#inTurn(() => this.#start());
  }

  async #start(): Promise<number> {
    const committed = await this.broker.committedOffsets(forwardedGroup);
    const own = committed.filter(({ topic }) => topic === this.name);
    const { id, partitions } = await this.broker.describeTopic(this.name);
    this.#id = id;
    let missing = 0;
    this.#forwarded = partitions.map((_, slot) => {
      const { first, stable } = this.broker.extent(this.name, slot);
      const stored = own.find(({ partition }) => partition === slot)?.offset ?? first;
      missing += Math.max(0, first - stored);
      return Math.min(Math.max(stored, first, this.#forwarded[slot] ?? 0), stable);
    });
    this.#next = [...this.#forwarded];
    if (missing > 0) await this.storeForwarded([...this.#forwarded.entries()]);
    return missing;
  }

  /** Another place knows of more. */
  async forwardedTo(slot: number, offset: number): Promise<void> {
    const { stable } = this.broker.extent(this.name, slot);
    if (offset <= (this.#forwarded[slot] ?? 0) || offset > stable) return;
    await this.storeForwarded([[slot, offset]]);
    this.#next[slot] = Math.max(this.#next[slot] ?? 0, offset);
  }

  /** Of its topic: another one where the log was made again. Known from `start` on. */
  get id(): string {
    return this.#id;
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

  /** Of what is behind the last read, about: by what a record of its partition takes. */
  get unreadBytes(): number {
    return this.#next.reduce((sum, from, slot) => {
      const { first, stable, next, bytes } = this.broker.extent(this.name, slot);
      return next === first ? sum : sum + (Math.max(0, stable - from) * bytes) / (next - first);
    }, 0);
  }

  get unforwarded(): number {
    const all = this.#forwarded.reduce((sum, from, slot) => sum + this.broker.extent(this.name, slot).next - from, 0);
    return this.#holes.reduce((sum, { from, to }) => sum - (to - from), all);
  }

  /** Everything that is there is in Kafka, or given up. */
  get isForwarded(): boolean {
    return this.#forwarded.every((to, slot) => to >= this.broker.extent(this.name, slot).stable);
  }

  /** Everything that is there has been read. */
  get isRead(): boolean {
    return this.#next.every((from, slot) => from >= this.broker.extent(this.name, slot).stable);
  }

  /** Of so many damaged records before this offset, those that nobody has asked about: forwarding that begins anew meets them again. */
  untoldDamage(slot: number, records: number, to: number): number {
    const untold = Math.min(records, Math.max(0, to - (this.#damagedTo[slot] ?? 0)));
    this.#damagedTo[slot] = Math.max(to, this.#damagedTo[slot] ?? 0);
    return untold;
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

  /**
   * Takes the oldest unread records of the largest partition that may go away, about so many bytes. What is on its way stays
   * on disk: a kill must not lose it uncounted. False where nothing is unread, or `mayGo` says no to all.
   */
  drop(maxBytes: number, mayGo: (read: LogRead) => boolean, onDropped: (read: LogRead) => void): Promise<boolean> {
    return this.#inTurn(async () => {
      const unread = this.#next.map((from, slot) => this.broker.extent(this.name, slot).stable - from);
      const slots = [...unread.keys()].sort((a, b) => unread[b]! - unread[a]!);
      for (const slot of slots) if (await this.#dropFrom(slot, maxBytes, mayGo, onDropped)) return true;
      return false;
    });
  }

  async #dropFrom(
    slot: number,
    maxBytes: number,
    mayGo: (read: LogRead) => boolean,
    onDropped: (read: LogRead) => void,
  ): Promise<boolean> {
    const from = this.#next[slot]!;
    const read = await this.#readSlot(slot, maxBytes);
    if (read === undefined) return false;
    const to = read.nextOffset;
    try {
      if (!mayGo(read)) {
        this.#next[slot] = from;
        return false;
      }
      const isFirst = from <= this.#forwarded[slot]!;
      if (isFirst) await this.broker.deleteRecords(this.name, slot, to);
      else await this.broker.deleteRange(this.name, slot, from, to);
      onDropped(read);
      // What was before it may have been acknowledged meanwhile.
      if (from <= this.#forwarded[slot]!) await this.storeForwarded([[slot, to]]);
      else this.#holes = withHole(this.#holes, { slot, from, to });
      return true;
    } catch (error) {
      this.#next[slot] = from;
      throw error;
    } finally {
      read.release();
    }
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
    // Never backwards: another place may have known of more. Never beyond the end: what is received next would count as forwarded.
    const furthest = (slot: number, offset: number): number =>
      Math.max(Math.min(offset, this.broker.extent(this.name, slot).stable), this.#forwarded[slot] ?? 0);
    const passed = positions.map(([slot, offset]) => [slot, this.#pastHoles(slot, furthest(slot, offset))] as const);
    const offsets = passed.map(([partition, offset]) => ({ topic: this.name, partition, offset }));
    await this.broker.setCommittedOffsets(forwardedGroup, offsets, { withinMs });
    for (const [slot, offset] of passed) this.#forwarded[slot] = Math.max(this.#forwarded[slot] ?? 0, offset);
    this.#holes = this.#holes.filter(({ slot, to }) => to > this.#forwarded[slot]!);
    // One that was made while the position was on its way to the disk: nobody else would come past it.
    const stopped = passed.map(([slot]) => [slot, this.#forwarded[slot]!] as const);
    const further = stopped.filter(([slot, offset]) => this.#pastHoles(slot, offset) > offset);
    if (further.length > 0) await this.storeForwarded(further);
  }

  /** Gives the space of what is forwarded back to the spool. */
  async trim(): Promise<void> {
    await Promise.all(
      this.#forwarded.map((to, slot) => {
        const { first } = this.broker.extent(this.name, slot);
        return to > first ? this.broker.deleteRecords(this.name, slot, to, { withinMs }) : undefined;
      }),
    );
  }

  #pastHoles(slot: number, offset: number): number {
    const hole = this.#holes.find((one) => one.slot === slot && one.from <= offset && offset < one.to);
    return hole?.to ?? offset;
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
    return this.#turns.run('Reading the spool', undefined, work);
  }
}

/** One behind the other are one. */
function withHole(holes: readonly Hole[], { slot, from, to }: Hole): readonly Hole[] {
  const before = holes.find((one) => one.slot === slot && one.to === from);
  const others = holes.filter((one) => one !== before);
  return [...others, { slot, from: before?.from ?? from, to }];
}
