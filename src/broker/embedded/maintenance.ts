/**
 * What happens to old records as time passes: retention by time, and compaction, looked at again and again. Retention by
 * size is the store's, at each append.
 */
import type { Clock } from '../../base/clock.ts';
import { describeError, isError } from '../../base/errors.ts';
import type { Codecs } from '../../record/codecs.ts';
import { compactPartition } from './compaction.ts';
import type { PartitionSize, PartitionState, TopicState } from './protocol.ts';
import type { StoreClient } from './store-client.ts';
import { isCompacted } from './topic-config.ts';
import type { TopicTable } from './topic-table.ts';

export interface MaintenanceSettings {
  readonly client: StoreClient;
  readonly topics: TopicTable;
  readonly codecs: Codecs;
  readonly clock: Clock;
  readonly defaults: { readonly retentionMs?: number };
  readonly intervalMs: number;
  readonly onFailure: (reason: string) => void;
}

const dayMs = 24 * 60 * 60 * 1000;
/** Kafka's defaults. */
export const defaultRetentionMs: number = 7 * dayMs;
const defaultDeleteRetentionMs = dayMs;
const defaultDirtyRatio = 0.5;

export class Maintenance {
  readonly #settings: MaintenanceSettings;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(settings: MaintenanceSettings) {
    this.#settings = settings;
  }

  start(): void {
    const tick = (): void => {
      this.runOnce().catch((error: unknown) => this.#settings.onFailure(describeError(error)));
    };
    this.#timer = setInterval(tick, this.#settings.intervalMs).unref();
  }

  /** Looks at every partition once; a run that is under way ends first. */
  runOnce(): Promise<void> {
    this.#running = this.#running.catch(() => {}).then(() => this.#run()); // its own caller hears of its failure
    return this.#running;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#running.catch(() => {}); // told to its caller
  }

  async #run(): Promise<void> {
    for (const topic of this.#settings.topics.all()) {
      for (const { no } of topic.partitions) {
        const state = this.#settings.client.partition(no);
        if (this.#isClosed) return;
        if (state !== undefined) await this.#maintain(topic, state);
      }
    }
    await this.#settings.client.write({ kind: 'tidy-transactions' });
  }

  async #maintain(topic: TopicState, state: PartitionState): Promise<void> {
    try {
      await this.#expire(topic, state);
      if (isCompacted(topic.config)) await this.#compact(topic, state);
    } catch (error) {
      // The topic may be deleted, or the broker closed, at any moment; all else is somebody's business.
      if (isError(error, 'UNKNOWN_TOPIC') || isError(error, 'BROKER_CLOSED')) return;
      this.#settings.onFailure(`${topic.name}: ${describeError(error)}`);
    }
  }

  async #expire({ config }: TopicState, { no, first, next }: PartitionState): Promise<void> {
    const { client, clock, defaults } = this.#settings;
    if (first === next || !(config['cleanup.policy'] ?? 'delete').includes('delete')) return;
    const retentionMs = Number(config['retention.ms'] ?? defaults.retentionMs ?? defaultRetentionMs);
    if (retentionMs < 0) return;
    await client.write({ kind: 'expire', partition: no, beforeMs: clock.nowMs() - retentionMs });
  }

  async #compact({ config }: TopicState, state: PartitionState): Promise<void> {
    const { client, codecs, clock } = this.#settings;
    const nowMs = clock.nowMs();
    const size = await client.read<PartitionSize>({ kind: 'partition-size', partition: state.no });
    const dirtyRatio = size.bytes === 0 ? 0 : size.dirtyBytes / size.bytes;
    const isDirty = dirtyRatio > 0 && dirtyRatio >= Number(config['min.cleanable.dirty.ratio'] ?? defaultDirtyRatio);
    const isLate = dirtyRatio > 0 && size.oldestDirtyMs <= nowMs - Number(config['max.compaction.lag.ms'] ?? Infinity);
    const hasOldTombstones = size.firstHorizonMs !== null && size.firstHorizonMs <= nowMs;
    if (!isDirty && !isLate && !hasOldTombstones) return;
    const minLagMs = Number(config['min.compaction.lag.ms'] ?? 0);
    const deleteRetentionMs = Number(config['delete.retention.ms'] ?? defaultDeleteRetentionMs);
    await compactPartition({ client, codecs, nowMs, minLagMs, deleteRetentionMs }, state, size.compactedTo);
  }
}
