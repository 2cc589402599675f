/**
 * The connection to one server, and its successor: where a connection is to be given up that still works, the next one is
 * made before. Both are read for a while, so that nothing is missed between them; then the older one is closed.
 */

import type { Random } from '../../base/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Counter } from '../../telemetry/metrics.ts';
import type { Connection, ConnectionEvents } from './connection.ts';
import type { Renewal } from './policy.ts';
import type { Settings } from './settings.ts';
import type { State } from './state.ts';
import { subscriptionChange } from './subscription-change.ts';

export interface FeedOptions {
  readonly settings: Settings;
  readonly connect: (settings: Settings, events: ConnectionEvents) => Connection;
  readonly events: Omit<ConnectionEvents, 'changed'> & { changed(): void };
  readonly renewals: { readonly made: Counter; readonly failed: Counter };
  readonly random: Random;
  readonly log: Log;
}

/** Looks at a successor over which nothing comes while the older connection has messages; then it is given up. */
const mostLooks = 10;
/** Where nothing comes over either of them, the successor counts as good after so many. */
const silentLooks = 3;

export class Feed {
  readonly #options: FeedOptions;
  readonly #events: ConnectionEvents;
  #settings: Settings;
  #current: Connection;
  #successor: Connection | undefined;
  /** Closed by us, and their sockets not yet gone. */
  readonly #retired = new Set<Connection>();
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;
  #hasSpoken = false;
  #isStopping = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#events = { ...options.events, changed: (connection, before) => this.#changed(connection, before) };
    this.#current = options.connect(options.settings, this.#events);
  }

  get settings(): Settings {
    return this.#settings;
  }

  get state(): State {
    return this.#current.state;
  }

  /** Monotonic; undefined while there is no open connection. */
  get openedAtMs(): number | undefined {
    return this.#current.openedAtMs;
  }

  get detail(): string | undefined {
    return this.#current.detail;
  }

  get isPaused(): boolean {
    return this.#all.some(({ isPaused }) => isPaused);
  }

  get openConnections(): number {
    return this.#all.filter(({ state }) => state.kind === 'open').length;
  }

  get isOver(): boolean {
    return this.#all.every(({ isOver }) => isOver);
  }

  start(): void {
    this.#current.start();
  }

  stop(): void {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    for (const connection of this.#all) connection.stop();
  }

  resume(): void {
    if (this.#successor === undefined && this.#retired.size === 0) this.#current.resume();
    else for (const connection of this.#all) connection.resume();
  }

  abandon(now: boolean): void {
    for (const connection of this.#all) connection.abandon(now);
  }

  /** Resolves when all its sockets are gone, behind `stop`. */
  async ended(): Promise<void> {
    await Promise.all(this.#all.map((connection) => connection.ended()));
  }

  /** Goes on by these settings: over the connection there is where they are sent, else over the next one. */
  change(settings: Settings): void {
    const before = this.#settings;
    const messages = subscriptionChange(before, settings);
    if (messages === undefined || this.#successor !== undefined) {
      this.renew(settings);
      return;
    }
    this.#settings = settings;
    this.#current.resubscribe(settings, messages);
  }

  /** Makes the next connection, by these settings, and closes this one once that one carries the feed. */
  renew(settings: Settings): void {
    clearTimeout(this.#timer);
    this.#settings = settings;
    if (this.#isStopping) return;
    if (this.#successor !== undefined) this.#retire(this.#successor);
    this.#looks = 0;
    this.#hasSpoken = false;
    this.#successor = this.#options.connect(settings, this.#events);
    this.#successor.start();
    // Nothing is lost with a connection that does not stand.
    if (this.#current.state.kind !== 'open') this.#switch();
  }

  get #all(): Connection[] {
    const successor = this.#successor === undefined ? [] : [this.#successor];
    return [...this.#retired, this.#current, ...successor];
  }

  get #renewal(): Renewal {
    return this.#settings.policy.renewal;
  }

  #changed(connection: Connection, before: State): void {
    const { kind } = connection.state;
    if (connection.isOver && this.#retired.delete(connection)) {
      // its successor has the feed
    } else if (connection === this.#successor) {
      if (kind === 'open') this.#timer = setTimeout(() => this.#look(), this.#renewal.overlapMs);
      else if (before.kind === 'open') clearTimeout(this.#timer);
      if (kind === 'failed') this.#giveUp('it was refused');
    } else if (connection === this.#current) {
      if (kind === 'open') this.#schedule();
      else if (this.#successor !== undefined && before.kind === 'open') this.#switch();
      else if (before.kind === 'open') clearTimeout(this.#timer);
    }
    this.#options.events.changed();
  }

  /** The next renewal, some time before the age at which the connection would be ended. */
  #schedule(): void {
    clearTimeout(this.#timer);
    const { maxAgeMs, jitter } = this.#renewal;
    if (maxAgeMs === 0 || this.#isStopping) return;
    const ageMs = maxAgeMs * (1 - jitter * this.#options.random());
    this.#timer = setTimeout(() => {
      this.#options.log.info('connection_renewing', { age_ms: Math.round(ageMs) });
      this.renew(this.#settings);
    }, ageMs);
  }

  /** Whether the successor carries the feed by now. What one of both has not yet read must not be thrown away. */
  #look(): void {
    const successor = this.#successor;
    if (successor === undefined) return;
    const { messageAtMs } = this.#current;
    const isSilent = messageAtMs === undefined || messageAtMs < (successor.openedAtMs ?? 0);
    const mayBeHeld = this.#current.isPaused || successor.isPaused;
    if (!mayBeHeld) {
      this.#looks++;
      // The first message may have come a moment ago, and the older connection be behind: that it has spoken counts from
      // the next look on. So does that both are silent, a while later.
      if (this.#hasSpoken || (isSilent && this.#looks >= silentLooks)) {
        this.#switch();
        return;
      }
      this.#hasSpoken = successor.messageAtMs !== undefined;
      if (!this.#hasSpoken && this.#looks >= mostLooks) {
        this.#giveUp('nothing came over it while the older one had messages');
        return;
      }
    }
    this.#timer = setTimeout(() => this.#look(), this.#renewal.overlapMs);
  }

  #switch(): void {
    const before = this.#current;
    this.#current = this.#successor!;
    this.#successor = undefined;
    this.#retire(before);
    this.#options.renewals.made.value++;
    this.#options.log.info('connection_renewed');
    if (this.#current.state.kind === 'open') this.#schedule();
    this.#options.events.told();
  }

  #giveUp(reason: string): void {
    const successor = this.#successor!;
    this.#successor = undefined;
    this.#retire(successor);
    this.#options.renewals.failed.value++;
    this.#options.log.warn('connection_not_renewed', { reason });
    this.#schedule();
  }

  #retire(connection: Connection): void {
    if (connection.isOver) return;
    this.#retired.add(connection);
    connection.stop();
  }
}
