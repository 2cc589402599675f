import type { Clock, Random } from '../../base/clock.ts';
import type { Broker, LocalBroker, ProducerOptions } from '../../broker/broker.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { OffsetTable } from '../offset-table.ts';
import type { TopicCreation } from '../topic-creation.ts';

/** Whether Kafka's tables are read. A worker that begins while Kafka is away knows only what it has kept of them. */
export interface TablesRead {
  readonly isDone: boolean;
  readonly done: Promise<void>;
}

export const tablesAreRead: TablesRead = { isDone: true, done: Promise.resolve() };

/** What all that belongs to a spool shares. */
export interface SpoolParts {
  /** On this machine. */
  readonly broker: LocalBroker;
  readonly kafka: Broker;
  /** The workers' offsets, in Kafka. */
  readonly offsets: OffsetTable;
  /** Until then nothing is forwarded, as the positions behind what was forwarded stand there. Default: they are. */
  readonly tablesRead?: TablesRead;
  /** Name in that table under which this spool's positions stand. */
  readonly positionsOf: string;
  /** False where another worker may run the task by now. */
  readonly mayWrite: (connector: string, task: number) => boolean;
  /** Positions of tasks are fenced against those of other workers. */
  readonly isFenced?: boolean;
  /** Monotonic time when that was sent whose answer last said that this worker is one of the group; infinite without a group. */
  readonly heardAtMs?: () => number;
  /** How often positions are stored that have become due. Default and at most 1 s. */
  readonly offsetFlushIntervalMs?: number;
  /** Of this spool: no other one has it. */
  readonly id: string;
  readonly groupId: string;
  readonly producer: ProducerOptions;
  readonly topicCreation: TopicCreation;
  readonly redact: (text: string) => string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
}
