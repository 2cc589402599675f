/**
 * Who answers where only one worker may: the owner of the assignment topic's first partition. It tells its address in the
 * status topic, under a key of ours that Kafka Connect's workers pass over.
 */
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import { after, type Clock, type Random } from '../../base/clock.ts';
import { describeError } from '../../base/errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Counter, Metrics } from '../../telemetry/metrics.ts';
import { parseObject } from '../json.ts';
import type { Table } from '../table.ts';
import { isLoopbackUrl } from './addresses.ts';
import type { LeaderWrites } from './leader-writes.ts';

export type Leader =
  | { readonly kind: 'self' }
  | { readonly kind: 'other'; readonly url: string }
  /** It told an address of another machine's loopback. */
  | { readonly kind: 'elsewhere'; readonly url: string; readonly host: string }
  /** The work is being shared out; `reason`: who leads cannot begin to. */
  | { readonly kind: 'unknown'; readonly reason?: string };

export interface LeadershipOptions {
  /** Where others reach this worker. */
  readonly url: string | undefined;
  /** Name of this machine. */
  readonly host: string | undefined;
  readonly workerId: string;
  readonly isLeader: () => boolean;
  /** False where another worker may lead by now and this one has not heard of it. */
  readonly isSure: () => boolean;
  /** Monotonic time when that was sent whose answer last said that this worker is one of the group. */
  readonly heardAtMs: () => number;
  readonly writes: Pick<LeaderWrites, 'claim' | 'release'>;
  readonly tables: {
    readonly config: Pick<Table, 'caughtUp'>;
    readonly status: Pick<Table, 'entries' | 'put'>;
  };
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
}

const key = 'tributary-leader';
const retry: BackoffPolicy = { baseMs: 100, maxMs: 5_000, jitter: 0.2 };
const listenAgainMs = 100;
const tellAgainMs = 1_000;

export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #retries: Counter;
  readonly #refusals: Counter;
  /** The tables show what the leader before this one has written, and this one's address is told. */
  #isReady = false;
  /** Why the last try to begin has failed. */
  #trouble: string | undefined;
  /** Of the last beginning: an older one, whose reading of the tables may have begun too early, ends. */
  #beginning = new AbortController();
  #callOffRetry: (() => void) | undefined;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #callOffTelling: (() => void) | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    const counter = (name: string, help: string): Counter => options.metrics.counter(`tributary_worker_${name}`, help);
    this.#retries = counter('leadership_retries_total', 'Attempts to lead that failed and are made again');
    this.#refusals = counter(
      'leader_refusals_total',
      'Changes that Kafka refused to the worker that led, or of which nobody knows whether they were written',
    );
  }

  leader(): Leader {
    const { isLeader, isSure, workerId, host, tables } = this.#options;
    if (isLeader()) {
      if (this.#isReady && isSure()) return { kind: 'self' };
      return { kind: 'unknown', ...(this.#trouble === undefined ? {} : { reason: this.#trouble }) };
    }
    const told = parseObject(tables.status.entries.get(key));
    const { url, host: on, worker_id: who } = told ?? {};
    if (typeof url !== 'string') return { kind: 'unknown' };
    if (on !== host && isLoopbackUrl(url)) return { kind: 'elsewhere', url, host: String(on) };
    return who === workerId ? { kind: 'unknown' } : { kind: 'other', url };
  }

  /** There is more that this worker owns. Resolves when it can answer, where it leads, or has failed at that once: it goes on. */
  async update(): Promise<void> {
    this.stop();
    if (!this.#options.isLeader()) {
      void this.#leave();
      return;
    }
    this.#beginning = new AbortController();
    await this.#begin(this.#beginning.signal, 1);
  }

  /**
   * There is less that this worker owns. One that leads again later begins by reading what was written in between. Resolves when
   * what it wrote as the one that leads is written.
   */
  async less(): Promise<void> {
    if (this.#options.isLeader()) return;
    this.stop();
    await this.#leave();
  }

  /**
   * A write was refused, as another worker has claimed to lead, or its outcome is unknown. One that leads by what it last heard
   * asks the group first, as it would else take the writes from whoever leads now; that the group answers it proves that it was
   * the other's mistake.
   */
  refused(reason: string): void {
    this.#refusals.value++;
    this.stop();
    this.#isReady = false;
    if (!this.#options.isLeader()) return;
    this.#options.log.warn('leader_refused', { reason, detail: 'the group is asked who leads' });
    this.#beginning = new AbortController();
    this.#beginOnceHeard(this.#beginning.signal, this.#options.clock.monotonicMs());
  }

  /** A leader of before may tell its address late: the one there is tells its own again. */
  statusChanged(changed: string): void {
    if (changed !== key || !this.#isToldOver() || this.#callOffTelling !== undefined) return;
    // Two that both take themselves for the leader would else tell each other as fast as the topic can.
    const { clock } = this.#options;
    const inMs = Math.max(this.#toldAtMs + tellAgainMs - clock.monotonicMs(), 0);
    this.#callOffTelling = after(clock, inMs, () => {
      this.#callOffTelling = undefined;
      if (this.#isToldOver()) void this.update();
    });
  }

  #isToldOver(): boolean {
    const { isLeader, tables } = this.#options;
    return isLeader() && tables.status.entries.get(key) !== this.#told();
  }

  /** Nothing is tried any more. */
  stop(): void {
    this.#beginning.abort();
    this.#callOffRetry?.();
    this.#callOffRetry = undefined;
    this.#callOffTelling?.();
    this.#callOffTelling = undefined;
  }

  async #leave(): Promise<void> {
    this.#isReady = false;
    this.#trouble = undefined;
    await this.#options.writes.release();
  }

  #beginOnceHeard(signal: AbortSignal, sinceMs: number): void {
    const { isLeader, isSure, heardAtMs, clock } = this.#options;
    if (signal.aborted) return;
    if (isLeader() && isSure() && heardAtMs() > sinceMs) void this.#begin(signal, 1);
    else this.#callOffRetry = after(clock, listenAgainMs, () => this.#beginOnceHeard(signal, sinceMs));
  }

  async #begin(signal: AbortSignal, attempt: number): Promise<void> {
    const { url, writes, tables, log, clock, random } = this.#options;
    try {
      // First: what a leader before has left open would hold up the reading.
      await writes.claim(signal);
      await tables.config.caughtUp(signal);
      const told = this.#told();
      if (signal.aborted) return;
      if (url !== undefined && tables.status.entries.get(key) !== told) {
        this.#toldAtMs = clock.monotonicMs();
        await tables.status.put([[key, told]]);
      }
      if (signal.aborted) return;
      if (!this.#isReady) log.info('leading', {});
      this.#isReady = true;
      this.#trouble = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.#retries.value++;
      const inMs = Math.round(backoffMs(attempt, retry, random));
      const reason = describeError(error);
      this.#trouble = reason;
      log.warn('leadership_not_told', { reason, attempt, again_in_ms: inMs });
      this.#callOffRetry = after(clock, inMs, () => void this.#begin(signal, attempt + 1));
    }
  }

  #told(): string {
    const { url = null, workerId, host } = this.#options;
    return JSON.stringify({ url, worker_id: workerId, host });
  }
}
