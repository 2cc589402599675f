/**
 * Numbers that a server gives its messages, one count for each channel: finds what is missing, and what comes again.
 *
 * One connection: a hole is told with the first message behind it. Several connections to one feed: a hole is told once each
 * of them that carries the channel has passed it, or after a while, and only as far as nobody has filled it.
 */
import { SeenNumbers } from './seen-numbers.ts';

export interface SequenceOptions {
  /** From one number to the next. */
  readonly step: number;
  /** So many of a channel's newest numbers are told apart: one that comes again, one that comes late. */
  readonly window: number;
  readonly maxChannels: number;
  /** Numbers that never came, both included. `missing`: how many these are. */
  readonly onGap: (gap: Gap) => void;
}

export interface Gap {
  readonly channel: string;
  readonly from: number;
  readonly to: number;
  readonly missing: number;
}

/** `late`: one of a hole. `restarted`: further back than the window reaches, so that the server counts anew. */
export type Sighting = 'next' | 'late' | 'repeated' | 'restarted';

interface Channel {
  /** What is awaited, in steps. */
  next: number;
  /** What the numbers have beyond whole steps. */
  phase: number;
  readonly seen: SeenNumbers;
  /** The newest of each connection, where there are or were several; one without any is at the front. */
  readonly heads: Map<number, number>;
  /** Holes that another connection may fill yet, oldest first. */
  holes: Hole[];
}

interface Hole {
  readonly from: number;
  readonly to: number;
  readonly sinceMs: number;
}

/** A connection that carries a channel and does not get this far in time is not waited for. */
const patienceMs = 5_000;
/** Holes of one channel that are waited for; beyond, the oldest is told. */
const mostHoles = 64;

export class Sequence {
  readonly #options: SequenceOptions;
  readonly #channels = new Map<string, Channel>();
  readonly #connections = new Set<number>();
  /** Channels that have holes to be told. */
  readonly #waiting = new Set<string>();
  /** Channels that were given up because there were too many. */
  forgotten = 0;

  constructor(options: SequenceOptions) {
    this.#options = options;
  }

  get channels(): number {
    return this.#channels.size;
  }

  opened(connection: number): void {
    this.#connections.add(connection);
  }

  /** What only this connection could have filled is told. */
  closed(connection: number, nowMs: number): void {
    this.#connections.delete(connection);
    for (const { heads } of this.#channels.values())
      if (this.#connections.size > 0) heads.delete(connection);
      else heads.clear();
    for (const name of [...this.#waiting]) this.#tellHoles(name, this.#channels.get(name)!, nowMs);
  }

  /** Nothing will come any more. */
  end(): void {
    for (const name of [...this.#waiting]) this.#tellHoles(name, this.#channels.get(name)!, Number.POSITIVE_INFINITY);
  }

  see(connection: number, name: string, number: number, nowMs: number): Sighting {
    const { step } = this.#options;
    const count = Math.floor(number / step);
    const channel = this.#channels.get(name);
    if (channel === undefined) {
      this.#begin(name, connection, count, number - count * step);
      return 'next';
    }
    const { next, seen } = channel;
    if (count === next) {
      channel.next = count + 1;
      seen.add(count);
      this.#passed(name, channel, connection, count, nowMs);
      return 'next';
    }
    if (count < next) return this.#back(name, channel, connection, count, nowMs);
    seen.clear(next, count);
    seen.add(count);
    channel.next = count + 1;
    this.#noteHole(name, channel, { from: next, to: count - 1, sinceMs: nowMs });
    this.#passed(name, channel, connection, count, nowMs);
    return 'next';
  }

  #begin(name: string, connection: number, count: number, phase: number): void {
    if (this.#channels.size >= this.#options.maxChannels) {
      const [oldest] = this.#channels.keys();
      this.#tellHoles(oldest!, this.#channels.get(oldest!)!, Number.POSITIVE_INFINITY);
      this.#channels.delete(oldest!);
      this.forgotten++;
    }
    const seen = new SeenNumbers(this.#options.window);
    seen.add(count);
    const heads = new Map(this.#connections.size > 1 ? [[connection, count]] : []);
    this.#channels.set(name, { next: count + 1, phase, seen, heads, holes: [] });
  }

  #back(name: string, channel: Channel, connection: number, count: number, nowMs: number): Sighting {
    const { next, seen, heads } = channel;
    const isKnown = next - count <= this.#options.window;
    // One connection of several that lags behind by more than the window goes on from where it was.
    if (!isKnown && this.#connections.size > 1 && count > (heads.get(connection) ?? count)) {
      this.#passed(name, channel, connection, count, nowMs);
      return 'repeated';
    }
    if (!isKnown) {
      this.#tellHoles(name, channel, Number.POSITIVE_INFINITY);
      seen.clear(0, this.#options.window);
      seen.add(count);
      channel.next = count + 1;
      heads.clear();
      return 'restarted';
    }
    const isRepeated = seen.has(count);
    seen.add(count);
    this.#passed(name, channel, connection, count, nowMs);
    return isRepeated ? 'repeated' : 'late';
  }

  #noteHole(name: string, channel: Channel, hole: Hole): void {
    channel.holes.push(hole);
    this.#waiting.add(name);
    if (channel.holes.length > mostHoles) this.#tell(name, channel, channel.holes.shift()!);
  }

  /** A connection has got so far: what all have passed is told. */
  #passed(name: string, channel: Channel, connection: number, count: number, nowMs: number): void {
    const { heads } = channel;
    if (this.#connections.size > 1 || heads.size > 0) heads.set(connection, count);
    if (this.#connections.size === 1 && heads.size > 0 && count === channel.next - 1) heads.clear();
    if (channel.holes.length > 0) this.#tellHoles(name, channel, nowMs);
  }

  #tellHoles(name: string, channel: Channel, nowMs: number): void {
    // One of several connections that has not carried this channel yet may have been asked for it a moment ago.
    const unknown = this.#connections.size > 1 ? -1 : Number.POSITIVE_INFINITY;
    let passed = Number.POSITIVE_INFINITY;
    for (const connection of this.#connections) passed = Math.min(passed, channel.heads.get(connection) ?? unknown);
    const isOver = ({ to, sinceMs }: Hole): boolean => passed > to || nowMs - sinceMs >= patienceMs;
    const over = channel.holes.filter(isOver);
    if (over.length === 0) return;
    channel.holes = channel.holes.filter((hole) => !isOver(hole));
    if (channel.holes.length === 0) this.#waiting.delete(name);
    for (const hole of over) this.#tell(name, channel, hole);
  }

  /** Tells of the hole what nobody has filled, in runs. */
  #tell(name: string, channel: Channel, { from, to }: Hole): void {
    let start = from;
    for (let count = Math.max(from, channel.next - this.#options.window); count <= to; count++) {
      if (!channel.seen.has(count)) continue;
      if (count > start) this.#gap(name, channel, start, count - 1);
      start = count + 1;
    }
    if (start <= to) this.#gap(name, channel, start, to);
  }

  #gap(name: string, { phase }: Channel, from: number, to: number): void {
    const { step, onGap } = this.#options;
    onGap({ channel: name, from: from * step + phase, to: to * step + phase, missing: to - from + 1 });
  }
}
