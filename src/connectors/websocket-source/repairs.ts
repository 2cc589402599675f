/**
 * Holes in the numbers of a feed while they are filled.
 *
 * One connection: the message that showed the hole is put aside, and nothing more is read. What was missing comes first, as
 * there is room in the queue; then that message, which shows what is still missing, and then what lay behind it. Several
 * connections: a hole is known once none of them can fill it any more, when others have long gone past it. Such holes are filled
 * one after the other, beside the feed, and nothing is held back.
 */
import type { Backfilled, MissingMessage } from './backfill.ts';
import { without } from './repair.ts';
import type { Gap } from './sequence.ts';

/** A message that waits for what was missing before it. */
export interface Parked {
  readonly payload: Uint8Array;
  readonly binary: boolean;
  readonly connection: number;
  readonly atMs: number;
}

export interface RepairsOptions {
  readonly step: number;
  /** It never rejects. */
  readonly fill: (gap: Gap, signal: AbortSignal) => Promise<Backfilled>;
  readonly hasRoom: () => boolean;
  /** A missing message, before the one that is parked; null: beside the feed, behind others. */
  readonly put: (gap: Gap, message: MissingMessage, parked: Parked | null) => void;
  /** `showsNoHole`: what is missing before it now stays missing. */
  readonly replay: (parked: Parked, showsNoHole: boolean) => void;
  /** Is missing for good; `reason`: why it was not got. */
  readonly tell: (gap: Gap, reason: string) => void;
  /** A hole is asked about. */
  readonly begun: () => void;
  /** Something was put, or what was held back may go on. */
  readonly changed: () => void;
}

interface Job {
  readonly gap: Gap;
  /** Empty for one beside the feed. */
  readonly parked: Parked[];
  filled: Backfilled | undefined;
  /** Of what was filled, the number of those that were put. */
  put: number;
}

/** Beside the feed; beyond, holes are told as they are. */
const mostBeside = 16;

export class Repairs {
  readonly #options: RepairsOptions;
  readonly #stop = new AbortController();
  #held: Job | undefined;
  readonly #beside: Job[] = [];
  /** Done once what is held back has gone on. */
  #later: (() => void)[] = [];
  /** What is put at this moment. */
  #giving: Job | undefined;

  constructor(options: RepairsOptions) {
    this.#options = options;
  }

  /** Nothing may be read: a message is parked. */
  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  /** The task ends: what is not filled is left to the next one. */
  get isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Why it was not got, where the hole is told while what was missing is put: all of it was asked for. */
  reasonOf({ channel, from, to }: Gap): string | undefined {
    const { gap, filled } = this.#giving ?? {};
    const isPart = gap !== undefined && channel === gap.channel && from >= gap.from && to <= gap.to;
    return isPart ? filled?.reason : undefined;
  }

  /** Messages that are asked for. */
  get asked(): number {
    const jobs = this.isOver ? [] : [...(this.#held === undefined ? [] : [this.#held]), ...this.#beside];
    return jobs.reduce((sum, { gap }) => sum + gap.missing, 0);
  }

  /** Holes beside the feed that are neither filled nor told: what is left of them. */
  get open(): readonly { readonly channel: string; readonly from: number; readonly to: number }[] {
    return this.#beside.flatMap((job) => this.#restOf(job).map((range) => ({ channel: job.gap.channel, ...range })));
  }

  /** A message showed a hole: it waits. */
  hold(gap: Gap, parked: Parked): void {
    this.#held = { gap, parked: [parked], filled: undefined, put: 0 };
    void this.#fill(this.#held);
    this.#options.begun();
  }

  /** One more that had come when reading stopped. */
  park(parked: Parked): void {
    this.#held!.parked.push(parked);
  }

  /** Once nothing is held back: at once where nothing is. */
  behind(work: () => void): void {
    if (this.isHolding) this.#later.push(work);
    else work();
  }

  /** A hole that lies behind others already. False: there are too many, and it is to be told as it is. */
  beside(gap: Gap): boolean {
    if (this.#beside.length >= mostBeside) return false;
    const job = { gap, parked: [], filled: undefined, put: 0 };
    this.#beside.push(job);
    if (this.#beside.length === 1) void this.#fill(job);
    this.#options.begun();
    return true;
  }

  /** There may be room again. */
  proceed(): void {
    for (let [job] = this.#beside; job !== undefined && this.#give(job); [job] = this.#beside) {
      this.#beside.shift();
      const { gap, filled } = job;
      for (const { from, to } of this.#restOf(job)) {
        const missing = Math.floor((to - from) / this.#options.step) + 1;
        this.#options.tell({ channel: gap.channel, from, to, missing }, filled!.reason);
      }
      const [next] = this.#beside;
      if (next !== undefined) void this.#fill(next);
      this.#options.changed();
    }
    if (this.#held !== undefined && this.#give(this.#held)) this.#release(this.#held);
  }

  /** Nothing is asked for any more. What is parked goes on; holes stay open. */
  leave(): void {
    if (this.isOver) return;
    this.#stop.abort();
    if (this.#held !== undefined) this.#release(this.#held);
  }

  async #fill(job: Job): Promise<void> {
    const filled = await this.#options.fill(job.gap, this.#stop.signal);
    if (this.isOver) return;
    job.filled = filled;
    this.proceed();
  }

  /** True: all of it was put, and what is parked may follow. */
  #give(job: Job): boolean {
    const { put, hasRoom } = this.#options;
    const { gap, filled, parked } = job;
    if (filled === undefined || this.isOver) return false;
    const before = job.put;
    this.#giving = job;
    while (job.put < filled.messages.length && hasRoom()) put(gap, filled.messages[job.put++]!, parked[0] ?? null);
    this.#giving = undefined;
    if (job.put > before) this.#options.changed();
    // What is parked wants room as well: a queue that drops when it is full would drop it.
    return job.put === filled.messages.length && (parked.length === 0 || hasRoom());
  }

  #release(job: Job): void {
    this.#held = undefined;
    this.#giving = job;
    for (const [index, parked] of job.parked.entries()) {
      this.#options.replay(parked, index === 0);
      this.#giving = undefined;
    }
    const later = this.#later;
    this.#later = [];
    for (const work of later) this.behind(work);
    this.#options.changed();
  }

  #restOf({ gap, filled, put }: Job): ReturnType<typeof without> {
    const numbers = filled?.messages.slice(0, put).map(({ number }) => number) ?? [];
    return without(gap, numbers, this.#options.step);
  }
}
