/**
 * Who answers where only one worker may: the owner of the assignment topic's first partition. It tells its address in the
 * status topic, under a key of ours that Kafka Connect's workers pass over.
 */
import { describeError } from '../../base/errors.ts';
import type { Log } from '../../telemetry/log.ts';
import { parseObject } from '../json.ts';
import type { Table } from '../table.ts';

export type Leader =
  | { readonly kind: 'self' }
  | { readonly kind: 'other'; readonly url: string }
  /** It told an address of another machine's loopback. */
  | { readonly kind: 'elsewhere'; readonly url: string; readonly host: string }
  | { readonly kind: 'unknown' };

export interface LeadershipOptions {
  /** Where others reach this worker. */
  readonly url: string | undefined;
  /** Name of this machine. */
  readonly host: string | undefined;
  readonly workerId: string;
  readonly isLeader: () => boolean;
  readonly tables: { readonly config: Table; readonly status: Table };
  readonly log: Log;
}

const key = 'tributary-leader';

export class Leadership {
  readonly #options: LeadershipOptions;
  /** The tables show what the leader before this one has written, and this one's address is told. */
  #isReady = false;
  #updating: Promise<void> | undefined;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  leader(): Leader {
    const { isLeader, workerId, host, tables } = this.#options;
    if (isLeader()) return this.#isReady ? { kind: 'self' } : { kind: 'unknown' };
    const told = parseObject(tables.status.entries.get(key));
    const { url, host: on, worker_id: who } = told ?? {};
    if (typeof url !== 'string') return { kind: 'unknown' };
    if (on !== host && isLoopbackUrl(url)) return { kind: 'elsewhere', url, host: String(on) };
    return who === workerId ? { kind: 'unknown' } : { kind: 'other', url };
  }

  /** What this worker owns has changed. Resolves when it can answer, where it leads. */
  update(): Promise<void> {
    this.#updating ??= this.#begin().finally(() => {
      this.#updating = undefined;
    });
    return this.#updating;
  }

  /** A leader of before may tell its address late: the one there is tells its own again. */
  statusChanged(changed: string): void {
    const { isLeader, tables } = this.#options;
    if (changed === key && isLeader() && tables.status.entries.get(key) !== this.#told()) void this.update();
  }

  async #begin(): Promise<void> {
    const { isLeader, url, tables, log } = this.#options;
    if (!isLeader()) {
      this.#isReady = false;
      return;
    }
    try {
      await tables.config.caughtUp();
      const told = this.#told();
      if (url !== undefined && tables.status.entries.get(key) !== told) await tables.status.put([[key, told]]);
      if (!this.#isReady) log.info('leading', {});
      this.#isReady = true;
    } catch (error) {
      log.warn('leadership_not_told', { reason: describeError(error) });
    }
  }

  #told(): string {
    const { url = null, workerId, host } = this.#options;
    return JSON.stringify({ url, worker_id: workerId, host });
  }
}

function isLoopbackUrl(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
}
