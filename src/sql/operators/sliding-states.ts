import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';
import type { Aggregation, States } from './aggregation.ts';

/**
 * Aggregates over a queue of states: one goes in at the back, the oldest goes out at the front, each in O(1) amortised and
 * without ever taking a value out of a sum. The front is a stack of totals ("this one and all behind it, as far as the
 * front goes"), the back one total; when the front is empty the back is turned over into it. Aggregates over distinct
 * values count their values instead, since merging those costs their number.
 */
export class SlidingStates implements Stateful {
  private readonly aggregation: Aggregation;
  private readonly key: unknown;
  private distinct: States;
  private front: { readonly own: States; readonly total: States }[] = [];
  private back: States[] = [];
  private backTotal: States;

  constructor(aggregation: Aggregation, key: unknown) {
    this.aggregation = aggregation;
    this.key = key;
    this.distinct = aggregation.create(key);
    this.backTotal = aggregation.create(key);
  }

  get length(): number {
    return this.front.length + this.back.length;
  }

  push(states: States): void {
    this.back.push(states);
    this.aggregation.mergeOnly(false, this.backTotal, states);
    this.aggregation.mergeOnly(true, this.distinct, states);
  }

  shift(): void {
    if (this.front.length === 0) this.turnOver();
    const oldest = this.front.pop();
    if (oldest !== undefined) this.aggregation.removeDistinct(this.distinct, oldest.own);
  }

  private turnOver(): void {
    let behind: States | undefined;
    for (let own = this.back.pop(); own !== undefined; own = this.back.pop()) {
      const total = this.aggregation.create(this.key);
      this.aggregation.mergeOnly(false, total, own);
      if (behind !== undefined) this.aggregation.mergeOnly(false, total, behind);
      this.front.push({ own, total });
      behind = total;
    }
    this.backTotal = this.aggregation.create(this.key);
  }

  /** What is in the queue, the oldest first. */
  get queue(): readonly States[] {
    return [...this.front.map(({ own }) => own).reverse(), ...this.back];
  }

  snapshot(writer: StateWriter): void {
    const write = (states: States): void => this.aggregation.writeStates(writer, states);
    write(this.distinct);
    write(this.backTotal);
    writer.list(this.back, write);
    writer.list(this.front, ({ own, total }) => {
      write(own);
      write(total);
    });
  }

  restore(reader: StateReader): void {
    const read = (): States => this.aggregation.readStates(reader, this.key);
    this.distinct = read();
    this.backTotal = read();
    this.back = reader.list(read);
    this.front = reader.list(() => ({ own: read(), total: read() }));
  }

  /** The states over the whole queue. They are the caller's only until the next change. */
  total(): States {
    const oldest = this.front.at(-1);
    const total = this.aggregation.create(this.key);
    if (oldest !== undefined) this.aggregation.mergeOnly(false, total, oldest.total);
    this.aggregation.mergeOnly(false, total, this.backTotal);
    this.aggregation.mergeOnly(true, total, this.distinct);
    return total;
  }
}
