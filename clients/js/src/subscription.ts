/**
 * One subscription over any number of connections: what came and was not taken yet, where it goes on, and the credit that it
 * gives. What it holds is bounded by its window, since it asks again only when everything of the last connection was taken.
 */
import { type Counts, type Event, type Format, GatewayError, type SubscribeOptions, type Subscription } from './api.ts';
import type { ServerFrame } from './frames.ts';

export interface Line {
  /** Sends an `ack` on the connection that the frame came on, if that is still there. */
  acknowledge(id: number, seq: number): void;
  /** All of an earlier connection was taken: it may begin again on this one. */
  ready(subscription: LiveSubscription): void;
  ended(subscription: LiveSubscription): void;
}

interface Batch {
  readonly events: readonly Event[];
  readonly records: number;
  readonly pos: string | null;
  readonly id: number;
  readonly seq: number;
}

export const defaultWindow = 1000;

export class LiveSubscription implements Subscription {
  readonly options: SubscribeOptions;
  /** On the present connection; 0 while it is not asked for there. */
  id = 0;
  /** Repetitions after errors, since the last one that went well. */
  failures = 0;
  partitions: Readonly<Record<string, number>> = {};
  position: string | null = null;
  /** Behind the newest frame that told it: where the next connection begins. */
  received: string | null = null;
  readonly #line: Line;
  readonly #counts: Counts;
  readonly #format: Format;
  readonly #window: number;
  #queue: Batch[] = [];
  /** What the loop has at the moment. */
  #taken: Batch | undefined;
  /** Next offset of each partition: a frame without position is followed by a resume from before it. */
  readonly #next = new Map<string, number>();
  #unacknowledged = 0;
  #doneSeq = 0;
  #isLooped = false;
  #isOver = false;
  #failure: { readonly reason: unknown } | undefined;
  #wake: () => void = () => {};
  readonly #abort = (): void => this.fail(this.options.signal!.reason);

  constructor(options: SubscribeOptions, line: Line, counts: Counts) {
    this.options = { ...options, window: options.window ?? defaultWindow };
    this.#window = this.options.window!;
    this.#format = options.format ?? 'text';
    this.#line = line;
    this.#counts = counts;
    const { signal } = options;
    if (signal?.aborted) this.fail(signal.reason);
    else signal?.addEventListener('abort', this.#abort);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#taken === undefined;
  }

  /** The connection is gone. What came in a group and was not committed comes again, here or elsewhere. */
  lost(): void {
    this.id = 0;
    this.#unacknowledged = 0;
    if (this.options.group !== undefined) this.#queue = [];
  }

  opened(partitions: Readonly<Record<string, number>>, pos: string): void {
    this.failures = 0;
    this.partitions = partitions;
    this.received ??= pos;
    this.position ??= pos;
  }

  data({ seq, records, pos }: ServerFrame & { readonly type: 'data' }): void {
    const all = records(this.#format);
    if (pos !== null) this.received = pos;
    this.#push({ events: this.#fresh(all), records: all.length, pos, id: this.id, seq });
  }

  gap(gap: Event & { readonly kind: 'gap' }): void {
    const isNewLog = gap.reason === 'recreated' || gap.reason === 'truncated' || gap.to === null;
    const place = placeOf(gap);
    const known = isNewLog ? 0 : (this.#next.get(place) ?? 0);
    const to = gap.to ?? 0;
    if (known > 0 && to <= known) return; // of records that had come before the connection was lost
    this.#next.set(place, to);
    this.#counts.gaps++;
    this.#push({ events: [gap], records: 0, pos: null, id: this.id, seq: 0 });
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#queue = [];
    this.options.signal?.removeEventListener('abort', this.#abort);
    this.#line.ended(this);
    this.#wake();
  }

  /** What came before is still given; then the loop throws. */
  fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = { reason };
    this.options.signal?.removeEventListener('abort', this.#abort);
    this.#line.ended(this);
    this.#wake();
  }

  [Symbol.asyncIterator](): AsyncGenerator<Event> {
    return this.#closing(this.#events());
  }

  batches(): AsyncGenerator<readonly Event[]> {
    return this.#closing(this.#batches());
  }

  /**
   * A generator hears of `return()` only where it yields: one that waits for a record, or was never begun, would keep
   * the subscription.
   */
  #closing<T>(loop: AsyncGenerator<T>): AsyncGenerator<T> {
    const end = loop.return.bind(loop);
    loop.return = (value) => {
      this.close();
      return end(value);
    };
    return loop;
  }

  async *#events(): AsyncGenerator<Event> {
    for await (const batch of this.#batches()) yield* batch;
  }

  async *#batches(): AsyncGenerator<readonly Event[]> {
    if (this.#isLooped) throw new GatewayError('conflict', 'Cannot loop over a subscription twice');
    this.#isLooped = true;
    try {
      for (;;) {
        if (this.options.signal?.aborted) throw this.options.signal.reason;
        const batch = this.#queue.shift();
        if (batch !== undefined) {
          this.#taken = batch;
          if (batch.events.length > 0) yield batch.events;
          this.#finished(batch);
        } else if (this.#failure !== undefined) throw this.#failure.reason;
        else if (this.#isOver) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.close();
    }
  }

  #push(batch: Batch): void {
    if (this.#isOver) return;
    this.#queue.push(batch);
    this.#wake();
  }

  /** The loop came back for more: credit for what it has had, in halves of the window or when nothing else waits. */
  #finished({ pos, records, id, seq }: Batch): void {
    this.#taken = undefined;
    if (pos !== null) this.position = pos;
    if (this.#isOver) return;
    const isIdle = this.#queue.length === 0;
    if (id !== this.id) {
      if (isIdle && this.id === 0) this.#line.ready(this);
      return;
    }
    this.#unacknowledged += records;
    if (seq !== 0) this.#doneSeq = seq;
    if (this.#unacknowledged === 0 || (!isIdle && this.#unacknowledged * 2 < this.#window)) return;
    this.#unacknowledged = 0;
    this.#line.acknowledge(id, this.#doneSeq);
  }

  /** Without what came before a connection was lost. In a group partitions come and go, and everything is new. */
  #fresh(events: Event[]): Event[] {
    if (this.options.group !== undefined || events.length === 0) return events;
    const kept = events.filter((event) => {
      if (event.kind === 'gap') return true;
      const place = placeOf(event);
      if (event.offset < (this.#next.get(place) ?? 0)) return false;
      this.#next.set(place, event.offset + 1);
      return true;
    });
    this.#counts.skipped += events.length - kept.length;
    return kept;
  }
}

function placeOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
}
