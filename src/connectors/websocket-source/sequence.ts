/**
 * Numbers that a server gives its messages, one count for each channel: finds what is missing, and what comes again.
 *
 * One connection: a hole is told with the first message behind it. Several connections to one feed: a hole is told once each
 * of them that carries the channel has passed it, or after a while, and only as far as nobody has filled it.
 *
 * A server counts anew where a message is not of the count that its connection was in: other bytes under a number that the
 * same server has sent before, further back than the window reaches, or between two steps. Other connections stay in the
 * count before until they, too, go back.
 */
import type { ChannelPosition, NumbersSnapshot } from './number-positions.ts';
import { RecentMap } from './recent-map.ts';
import { type Hole, type Sample, ServerCount } from './server-count.ts';

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
  /** Why it was not filled, where that was tried. */
  readonly backfill?: string;
}

/** `late`: one of a hole, or from before the first. `restarted`: the first of a new count. */
export type Sighting = 'next' | 'late' | 'repeated' | 'restarted';

interface Channel {
  readonly name: string;
  newest: ServerCount;
  /** Where each connection is. */
  readonly places: Map<number, Place>;
}

interface Place {
  count: ServerCount;
  head: number;
}

/** Channels of a snapshot, and check sums: of one channel, and of all together. */
const mostKept = { channels: 1_000, sumsOfOne: 256, sums: 1_024 } as const;
/** A connection that carries a channel and does not get this far in time is not waited for. */
const patienceMs = 5_000;

export class Sequence {
  readonly #options: SequenceOptions;
  readonly #channels: RecentMap<Channel>;
  /** The server of each. */
  readonly #connections = new Map<number, number>();
  /** Channels that have holes to be told. */
  readonly #waiting = new Set<Channel>();
  #last: { readonly channel: Channel; readonly place: Place } | undefined;
  /** The task ends: holes are not told, but left to the next one. */
  #isLeaving = false;
  /** Channels that were given up because there were too many. */
  forgotten = 0;
  /** New counts whose numbers lie between the steps of the one before. */
  offStep = 0;

  constructor(options: SequenceOptions) {
    this.#options = options;
    this.#channels = new RecentMap(options.maxChannels);
  }

  get channels(): number {
    return this.#channels.size;
  }

  /** Goes on from where an earlier task was; the channel used last is the first of them. */
  restore(positions: readonly ChannelPosition[], nowMs: number): void {
    const { step, window, maxChannels } = this.#options;
    for (const { channel: name, number, sums, missing } of positions.slice(0, maxChannels).reverse()) {
      const at = Math.floor(number / step);
      const phase = number - at * step;
      const holes = missing.map(([from, to]) => ({ from: Math.floor(from / step), to: Math.floor(to / step) }));
      const newest = ServerCount.restored(window, { at, phase, sums, holes }, nowMs);
      const channel = { name, newest, places: new Map<number, Place>() };
      this.#channels.add(name, channel);
      if (newest.pending > 0) this.#waiting.add(channel);
    }
  }

  /** How far each channel is. Called for each batch: it copies numbers and makes nothing of them. */
  snapshot(): NumbersSnapshot {
    const size = Math.min(this.#channels.size, mostKept.channels);
    const sumsEach = Math.min(mostKept.sumsOfOne, Math.floor(mostKept.sums / Math.max(size, 1)), this.#options.window);
    const channels: string[] = [];
    const numbers: number[] = [];
    const sums: number[] = [];
    const missing: NumbersSnapshot['missing'][number][] = [];
    for (const { name, newest } of this.#channels.newestFirst()) {
      if (channels.length === size) break;
      channels.push(name);
      numbers.push(this.#numberOf(newest, newest.newest));
      newest.sumsInto(sums, sumsEach);
      for (const { from, to } of newest.untold)
        missing.push({ channel: name, from: this.#numberOf(newest, from), to: this.#numberOf(newest, to) });
    }
    return { channels, numbers, sums, sumsEach, missing };
  }

  /** When `tick` has something to tell. */
  get dueAtMs(): number {
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const channel of this.#waiting)
      for (const { waitsSinceMs } of countsOf(channel)) sinceMs = Math.min(sinceMs, waitsSinceMs);
    return sinceMs + patienceMs;
  }

  opened(connection: number, server = 0): void {
    this.#connections.set(connection, server);
  }

  /** What only this connection could have filled is told. */
  closed(connection: number, nowMs: number): void {
    this.#connections.delete(connection);
    for (const channel of this.#channels.values()) {
      const place = channel.places.get(connection);
      if (!channel.places.delete(connection)) continue;
      this.#left(channel, place!.count);
    }
    this.tick(nowMs);
  }

  /** Tells of holes that were waited for long enough. */
  tick(nowMs: number): void {
    for (const channel of [...this.#waiting]) for (const count of countsOf(channel)) this.#tell(channel, count, nowMs);
  }

  /** Nothing will come any more. */
  end(): void {
    this.tick(Number.POSITIVE_INFINITY);
  }

  /** `sum`: a check sum of the message, not 0; 0 for one that came by another way, in bytes of another form. */
  see(connection: number, name: string, number: number, nowMs: number, sum = 1): Sighting {
    const { step } = this.#options;
    const at = Math.floor(number / step);
    const sample = { at, phase: number - at * step, server: this.#connections.get(connection) ?? 0, sum };
    const channel = this.#channels.get(name);
    if (channel === undefined) {
      this.#begin(name, connection, sample);
      return 'next';
    }
    const place = channel.places.get(connection);
    if (place !== undefined) {
      const sighting = place.count.judge(sample, place.head, false);
      if (sighting !== null) {
        place.head = at;
        return this.#noted(channel, place, sample, sighting, nowMs);
      }
    }
    return this.#enter(channel, connection, sample, nowMs);
  }

  /**
   * What is missing before this message, which is not noted yet. undefined: nothing, or what another connection may bring, or
   * the message is of another count.
   */
  holeBefore(connection: number, name: string, number: number): Gap | undefined {
    if (this.#connections.size > 1) return undefined;
    const channel = this.#channels.get(name);
    if (channel === undefined) return undefined;
    const count = channel.places.get(connection)?.count ?? channel.newest;
    const { step } = this.#options;
    const at = Math.floor(number / step);
    const from = count.newest + 1;
    if (at <= from || number - at * step !== count.phase) return undefined;
    return { channel: name, from: this.#numberOf(count, from), to: this.#numberOf(count, at - 1), missing: at - from };
  }

  /** A message of a hole that was told comes by another way. False: it has come already. */
  fill(name: string, number: number): boolean {
    const channel = this.#channels.get(name);
    if (channel === undefined) return true; // nobody knows: twice is better than never
    const at = Math.floor(number / this.#options.step);
    const phase = number - at * this.#options.step;
    return [...countsOf(channel)].some((count) => count.phase === phase && count.fill(at));
  }

  /** From now on no hole is told. */
  leave(): void {
    this.#isLeaving = true;
  }

  /** The message seen last was not taken: when it comes again it has not come before. */
  forgetLast(): void {
    if (this.#last === undefined) return;
    const { channel, place } = this.#last;
    this.#gapOf(channel, place.count, place.count.forget(place.head));
  }

  #begin(name: string, connection: number, sample: Sample): void {
    const newest = new ServerCount(this.#options.window, sample);
    const place = { count: newest, head: sample.at };
    const channel = { name, newest, places: new Map([[connection, place]]) };
    const oldest = this.#channels.add(name, channel);
    if (oldest !== undefined) {
      for (const count of countsOf(oldest)) this.#tell(oldest, count, Number.POSITIVE_INFINITY);
      this.forgotten++;
    }
    this.#last = { channel, place };
  }

  /** A message that begins something: a connection in the newest count, or a new count. */
  #enter(channel: Channel, connection: number, sample: Sample, nowMs: number): Sighting {
    const before = channel.places.get(connection)?.count;
    const { newest, places } = channel;
    const isCarried = [...places.values()].some(({ count }) => count === newest);
    const sighting = before === newest ? null : newest.judge(sample, undefined, isCarried);
    if (sighting === null) {
      if (sample.phase !== newest.phase) this.offStep++;
      channel.newest = new ServerCount(this.#options.window, sample);
    } else if (!isCarried && sighting !== 'repeated') newest.goOn();
    const place = { count: channel.newest, head: sample.at };
    places.set(connection, place);
    this.#left(channel, newest);
    if (before !== undefined && before !== newest) this.#left(channel, before);
    if (sighting !== null) return this.#noted(channel, place, sample, sighting, nowMs);
    this.#last = { channel, place };
    return 'restarted';
  }

  /** A count before the newest that no connection is in any more is over. */
  #left(channel: Channel, count: ServerCount): void {
    if (count === channel.newest || count.pending === 0) return;
    if ([...channel.places.values()].some((place) => place.count === count)) return;
    this.#tell(channel, count, Number.POSITIVE_INFINITY);
  }

  #noted(channel: Channel, place: Place, sample: Sample, sighting: Sighting, nowMs: number): Sighting {
    const { count } = place;
    this.#gapOf(channel, count, count.note(sample, nowMs));
    if (count.pending > 0) {
      this.#waiting.add(channel);
      this.#tell(channel, count, nowMs);
    }
    if (this.#last?.place !== place) this.#last = { channel, place };
    return sighting;
  }

  #tell(channel: Channel, count: ServerCount, nowMs: number): void {
    if (this.#isLeaving) return;
    if (count.pending > 0) {
      const over = count.takeOver(this.#passed(channel, count), nowMs - patienceMs);
      for (const hole of over) this.#gapOf(channel, count, hole);
    }
    for (const { pending } of countsOf(channel)) if (pending > 0) return;
    this.#waiting.delete(channel);
  }

  /** How far all connections are that are in this count or may come into it. */
  #passed({ places }: Channel, count: ServerCount): number {
    // One of several connections that has not carried this channel yet may have been asked for it a moment ago.
    const unknown = this.#connections.size > 1 ? -1 : Number.POSITIVE_INFINITY;
    let passed = Number.POSITIVE_INFINITY;
    for (const connection of this.#connections.keys()) {
      const place = places.get(connection);
      if (place === undefined) passed = Math.min(passed, unknown);
      else if (place.count === count) passed = Math.min(passed, place.head);
    }
    return passed;
  }

  #gapOf({ name }: Channel, count: ServerCount, hole: Hole | undefined): void {
    if (hole === undefined) return;
    const { from, to } = hole;
    const [first, last] = [this.#numberOf(count, from), this.#numberOf(count, to)];
    this.#options.onGap({ channel: name, from: first, to: last, missing: to - from + 1 });
  }

  #numberOf({ phase }: ServerCount, at: number): number {
    return at * this.#options.step + phase;
  }
}

function countsOf({ newest, places }: Channel): Set<ServerCount> {
  const counts = new Set([newest]);
  for (const { count } of places.values()) counts.add(count);
  return counts;
}
