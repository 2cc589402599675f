import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';
import type { WindowClock } from './operator.ts';

interface Timer {
  readonly due: number;
  /** Queries upstream have lower ranks. */
  readonly rank: number;
  /** Instances of one query, in first-seen order of their keys. */
  readonly instance: number;
  readonly start: number;
  readonly sequence: number;
  /** Undefined when it was called off. */
  fire: ((due: number) => void) | undefined;
}

/** So few timers that were called off are not worth looking for. */
const fewOff = 64;

/**
 * Timers in the order in which they fire: a binary heap. Time is whatever `advance` is told. Timers are no part of its
 * state: who set one sets it again.
 */
export class Scheduler implements Stateful {
  private readonly heap: Timer[] = [];
  private sequence = 0;
  /** How many of them were called off. */
  private off = 0;
  private isAdvancing = false;
  private target = Number.NEGATIVE_INFINITY;

  clockFor(rank: number, instance: number): Pick<WindowClock, 'at' | 'later'> {
    return {
      at: (due, start, fire, sequence = this.sequence++) => {
        this.add({ due, rank, instance, start, sequence, fire });
        return sequence;
      },
      later: (due, fire) => {
        const timer: Timer = { due, rank, instance, start: due, sequence: -1, fire };
        this.add(timer);
        return () => this.callOff(timer);
      },
    };
  }

  /** Timers that take room, those that were called off lately included. */
  get size(): number {
    return this.heap.length;
  }

  get nextDue(): number | undefined {
    return this.heap[0]?.due;
  }

  /** Fires everything that is due. What a timer adds fires too; a call from inside a timer only moves the goal. */
  advance(to: number, beforeFire?: (due: number) => void): void {
    this.target = Math.max(this.target, to);
    const first = this.heap[0];
    if (this.isAdvancing || first === undefined || first.due > to) return;
    this.isAdvancing = true;
    try {
      for (let timer = this.heap[0]; timer !== undefined && timer.due <= this.target; timer = this.heap[0]) {
        this.removeFirst();
        const { due, fire } = timer;
        timer.fire = undefined;
        if (fire === undefined) {
          this.off--;
          continue;
        }
        beforeFire?.(due);
        fire(due);
      }
    } finally {
      this.isAdvancing = false;
    }
  }

  snapshot(writer: StateWriter): void {
    writer.count(this.sequence);
  }

  restore(reader: StateReader): void {
    this.sequence = reader.count();
  }

  /** It stays where it is until its time comes, or until most are such: then they are taken out together. */
  private callOff(timer: Timer): void {
    if (timer.fire === undefined) return;
    timer.fire = undefined;
    this.off++;
    if (this.off <= fewOff || this.off * 2 <= this.heap.length) return;
    const left = this.heap.filter(({ fire }) => fire !== undefined);
    left.sort((a, b) => Number(isBefore(b, a)) - Number(isBefore(a, b))); // what is sorted is a heap
    this.heap.length = 0;
    for (const kept of left) this.heap.push(kept);
    this.off = 0;
  }

  private add(timer: Timer): void {
    const { heap } = this;
    let index = heap.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(timer, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = timer;
  }

  private removeFirst(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  if (a.due !== b.due) return a.due < b.due;
  if (a.rank !== b.rank) return a.rank < b.rank;
  if (a.instance !== b.instance) return a.instance < b.instance;
  return a.start !== b.start ? a.start < b.start : a.sequence < b.sequence;
}
