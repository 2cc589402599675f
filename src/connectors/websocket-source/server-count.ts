/**
 * One count of a server for one channel, from where we met it until the server counts anew: which numbers have come, and the
 * holes between them. Numbers are in steps here.
 *
 * A number has come before if its bit says so or, further back than the window reaches, if it stands in no hole. Where
 * neither is known any more it counts as one that has not come: twice is better than never.
 */
import { SeenNumbers } from './seen-numbers.ts';

export interface Hole {
  readonly from: number;
  readonly to: number;
  readonly sinceMs: number;
  /** Its gap was told. It is kept, so that a message that fills it yet is not taken for a repetition. */
  readonly isTold: boolean;
}

export interface Sample {
  readonly at: number;
  readonly phase: number;
  readonly server: number;
  readonly sum: number;
}

/** What an earlier task has left of a count. */
export interface KnownCount {
  readonly at: number;
  readonly phase: number;
  /** Of the newest numbers, the last one that of `at`; 0: it has not come; 1: it has come another way. */
  readonly sums: readonly number[];
  /** Not told. */
  readonly holes: readonly Pick<Hole, 'from' | 'to'>[];
}

/** Holes that are known; beyond, the oldest is told and given up. */
const mostHoles = 64;

export class ServerCount {
  readonly #window: number;
  /** What the numbers have beyond whole steps. */
  readonly phase: number;
  readonly #seen: SeenNumbers;
  /** What is awaited. */
  #next: number;
  /** The lowest that has come. */
  #first: number;
  #holes: Hole[] = [];
  /** Below this, what is further back than the window is not known: holes were given up, or nobody was connected. */
  #unknownBelow = 0;
  /** Below this nothing is known apart, as far as the window reaches. */
  #knownFrom = 0;
  /** Holes that were not told. */
  pending = 0;

  constructor(window: number, { at, phase, server, sum }: Sample) {
    this.#window = window;
    this.phase = phase;
    this.#seen = new SeenNumbers(window);
    this.#seen.add(at, server, sum);
    this.#next = at + 1;
    this.#first = at;
  }

  /** Goes on from there. What stands in no hole has come, as far as anybody knows. */
  static restored(window: number, { at, phase, sums, holes }: KnownCount, nowMs: number): ServerCount {
    const count = new ServerCount(window, { at, phase, server: 0, sum: 0 });
    const known = sums.slice(-window);
    count.#first = 0;
    count.#knownFrom = count.#unknownBelow = at - Math.max(known.length, 1) + 1;
    for (const [index, sum] of known.entries()) {
      const number = at - known.length + 1 + index;
      if (sum === 0) count.#seen.clear(number, number);
      else count.#seen.add(number, 0, sum === 1 ? 0 : sum);
    }
    // All of them, however many: they are told before others come.
    count.#holes = holes.map((hole) => ({ ...hole, sinceMs: nowMs, isTold: false }));
    count.pending = holes.length;
    return count;
  }

  /** The newest that has come. */
  get newest(): number {
    return this.#next - 1;
  }

  /** Holes that were not told. */
  get untold(): readonly Hole[] {
    return this.pending === 0 ? [] : this.#holes.filter(({ isTold }) => !isTold);
  }

  /** Adds check sums of the newest so many numbers, the newest last. */
  sumsInto(sums: number[], most: number): void {
    for (let at = this.#next - most; at < this.#next; at++)
      sums.push(at < 0 || !this.#isKnown(at) ? 0 : this.#seen.sumOf(at));
  }

  /**
   * null: not of this count. `head`: where its connection was in this count; undefined: nowhere yet.
   * `isCarried`: other connections are in this count.
   */
  judge({ at, phase, server, sum }: Sample, head: number | undefined, isCarried: boolean) {
    if (phase !== this.phase) return null;
    if (at >= this.#next) return 'next';
    if (this.#isKnown(at)) {
      if (!this.#seen.has(at)) return 'late';
      return this.#seen.differs(at, server, sum) ? null : 'repeated';
    }
    // One of several connections that is far behind goes on from where it was. Any other has gone back.
    if (head === undefined ? !isCarried : at < head) return null;
    return this.#mayBeMissing(at) ? 'late' : 'repeated';
  }

  /** It has come. Gives a hole up where there are too many: to be told. */
  note({ at, server, sum }: Sample, nowMs: number): Hole | undefined {
    if (at >= this.#next) {
      const from = this.#next;
      this.#seen.clear(from, at);
      this.#seen.add(at, server, sum);
      this.#next = at + 1;
      return at > from ? this.#open(from, at - 1, nowMs) : undefined;
    }
    if (this.#isKnown(at)) this.#seen.add(at, server, sum);
    const first = this.#first;
    if (at >= first) {
      if (this.#holes.length > 0) this.#fill(at);
      return undefined;
    }
    this.#first = at;
    return first > at + 1 ? this.#open(at + 1, first - 1, nowMs) : undefined;
  }

  /** One that is missing comes by another way. False: it has come already. */
  fill(at: number): boolean {
    const isUnknown = at < this.#unknownBelow && !(this.#isKnown(at) && this.#seen.has(at));
    if (at >= this.#next || !(isUnknown || this.#holes.some(({ from, to }) => from <= at && at <= to))) return false;
    if (this.#isKnown(at)) this.#seen.add(at, 0, 0);
    this.#fill(at);
    return true;
  }

  /** Goes on after nobody was connected; that it is still the same count of the server shows only within the window. */
  goOn(): void {
    this.#unknownBelow = this.#next;
  }

  /** It was not taken after all: whoever brings it again brings it for the first time. */
  forget(at: number): Hole | undefined {
    if (this.#isKnown(at)) this.#seen.clear(at, at);
    const last = this.#holes.at(-1);
    if (last?.isTold === true && last.to === at - 1) {
      this.#holes[this.#holes.length - 1] = { ...last, to: at };
      return undefined;
    }
    return this.#keep({ from: at, to: at, sinceMs: 0, isTold: true });
  }

  /** Holes that all have passed, or that were waited for since then, are over: they are told now, and once. */
  takeOver(passed: number, sinceMs: number): Hole[] {
    const over: Hole[] = [];
    for (const [index, hole] of this.#holes.entries()) {
      if (hole.isTold || (passed <= hole.to && hole.sinceMs > sinceMs)) continue;
      over.push(hole);
      this.#holes[index] = { ...hole, isTold: true };
    }
    this.pending -= over.length;
    return over;
  }

  /** Since when the oldest hole is waited for. */
  get waitsSinceMs(): number {
    return this.#holes.reduce((oldest, { isTold, sinceMs }) => (isTold ? oldest : Math.min(oldest, sinceMs)), Infinity);
  }

  #isKnown(at: number): boolean {
    return this.#next - at <= this.#window && at >= this.#knownFrom;
  }

  #mayBeMissing(at: number): boolean {
    return at < this.#first || at < this.#unknownBelow || this.#holes.some(({ from, to }) => from <= at && at <= to);
  }

  #open(from: number, to: number, sinceMs: number): Hole | undefined {
    this.pending++;
    return this.#keep({ from, to, sinceMs, isTold: false });
  }

  #keep(hole: Hole): Hole | undefined {
    this.#holes.push(hole);
    if (this.#holes.length <= mostHoles) return undefined;
    const given = this.#holes.shift()!;
    this.#unknownBelow = Math.max(this.#unknownBelow, given.to + 1);
    if (given.isTold) return undefined;
    this.pending--;
    return given;
  }

  #fill(at: number): void {
    const index = this.#holes.findIndex(({ from, to }) => from <= at && at <= to);
    if (index < 0) return;
    const hole = this.#holes[index]!;
    const rest = [
      { ...hole, to: at - 1 },
      { ...hole, from: at + 1 },
    ].filter(({ from, to }) => from <= to);
    this.#holes.splice(index, 1, ...rest);
    if (!hole.isTold) this.pending += rest.length - 1;
  }
}
