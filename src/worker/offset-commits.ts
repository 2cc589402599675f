/** Source offsets on their way into the table: those behind acknowledged records, the newest of each source partition. */
import { sleep, withTimeout } from '../base/abort.ts';
import { describeError, TributaryError } from '../base/errors.ts';
import type { Producer } from '../broker/broker.ts';
import type { SourceBatch, SourceMap } from '../connectors/contract.ts';
import type { Log } from '../telemetry/log.ts';
import type { Counter } from '../telemetry/metrics.ts';
import type { OffsetTable } from './offset-table.ts';

export interface OffsetCommitsOptions {
  readonly connector: string;
  readonly offsets: OffsetTable;
  readonly commits: Counter;
  readonly failures: Counter;
  readonly log: Log;
  /** How long one write may take: offsets are as old as that at most, and a table that hangs shows. */
  readonly timeoutMs: number;
  /** False where another worker may run the task by now: its offsets count then. */
  readonly mayCommit: () => boolean;
  /** With the epoch of the task, so that Kafka refuses what is on its way when another worker takes the task over. */
  readonly by?: Producer | undefined;
}

export class OffsetCommits {
  readonly #options: OffsetCommitsOptions;
  #waiting = new Map<string, { readonly partition: SourceMap; readonly offset: SourceMap }>();
  readonly #partitionNames = new WeakMap<SourceMap, string>();

  constructor(options: OffsetCommitsOptions) {
    this.#options = options;
  }

  /** The records of this batch, and of all before it, are stored. */
  acknowledged({ partition, offset }: Pick<SourceBatch, 'partition' | 'offset'>): void {
    if (offset !== undefined) this.#waiting.set(this.#nameOf(partition), { partition, offset });
  }

  async storeRegularly(intervalMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(intervalMs, signal);
      if (signal.aborted) return; // the end of the task stores them itself
      await this.store().catch((error: unknown) => {
        this.#options.log.warn('offset_commit_failed', { reason: describeError(error) });
      });
    }
  }

  /** Resolves when everything acknowledged before the call is in the table. What cannot be stored is tried next time. */
  async store(): Promise<void> {
    if (this.#waiting.size === 0) return;
    const taken = this.#waiting;
    this.#waiting = new Map();
    try {
      const { offsets, connector, timeoutMs, mayCommit, by } = this.#options;
      if (!mayCommit()) throw fencedError(connector);
      // A write that took too long may still take place: it stands before the next one, which is newer.
      await withTimeout(offsets.put(connector, [...taken.values()], by), timeoutMs, 'Storing the offsets');
      this.#options.commits.value++;
    } catch (error) {
      this.#options.failures.value++;
      for (const [name, position] of taken) if (!this.#waiting.has(name)) this.#waiting.set(name, position);
      throw error;
    }
  }

  /** Batches of one source share their partition object, so its text is made once. */
  #nameOf(partition: SourceMap): string {
    let name = this.#partitionNames.get(partition);
    if (name === undefined) {
      name = JSON.stringify(partition);
      this.#partitionNames.set(partition, name);
    }
    return name;
  }
}

function fencedError(connector: string): TributaryError {
  return new TributaryError(
    'PRODUCER_FENCED',
    `Cannot store offsets of connector "${connector}": another worker may run this task by now`,
  );
}
