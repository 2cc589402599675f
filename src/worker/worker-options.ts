import type { Clock, Random } from '../base/clock.ts';
import type { Broker, LocalBroker, ProducerOptions } from '../broker/broker.ts';
import type { RawConfig } from '../config/raw.ts';
import type { Connector } from '../connectors/contract.ts';
import type { ConverterClass } from '../convert/converters.ts';
import type { OutboundPolicy } from '../net/outbound-policy.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { TransformCatalogue } from '../transform/transform.ts';
import type { AskOther } from './cluster/others.ts';
import type { TopicCreation } from './topic-creation.ts';

export interface TableTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor?: number;
}

/** How workers with the same group share connectors and their tasks. */
export interface ShareOptions {
  readonly groupId: string;
  /** The assignment topic: its partitions stand for the work, and are shared out among the workers. */
  readonly topic: string;
  /** Of a topic that has to be made. */
  readonly partitions: number;
  readonly replicationFactor?: number | undefined;
  /** A worker that is silent for that long is replaced. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** Under which a worker that was killed is known again when it comes back. */
  readonly instanceId?: string | undefined;
  /** Of the REST interface, for other workers. */
  readonly url: string | undefined;
  /** Name of this machine: a loopback address is good for workers of the same one. */
  readonly host: string;
  /** Asks another worker whether it hears the group. Absent: a task with a spool goes on until the group itself is heard. */
  readonly askOther?: AskOther;
}

/** Where the spool lies. Whoever opens the broker closes it, behind the worker. */
export interface SpoolSource {
  readonly open: () => Promise<LocalBroker>;
  /** There is one already: what lies in it goes on as soon as the worker starts. */
  readonly isThere: boolean;
}

export interface WorkerOptions {
  readonly broker: Broker;
  /** What can be run: one entry a connector class. */
  readonly connectors: readonly Connector[];
  /** host:port that others reach this worker at, for statuses. */
  readonly workerId: string;
  /** Default: tributary-configs (1 partition), tributary-offsets and tributary-status (1 each). */
  readonly tables?: { readonly config: TableTopic; readonly offset: TableTopic; readonly status: TableTopic };
  /** key.converter, value.converter, header.converter and their prefixed options. Default: text and bytes unchanged. */
  readonly converters?: RawConfig;
  /** What `transforms` and `predicates` may name. Default: those that are built in. */
  readonly transforms?: TransformCatalogue;
  /** What `key.converter` and the others may name. Default: those that are built in. */
  readonly converterClasses?: readonly ConverterClass[];
  readonly topicCreation?: TopicCreation;
  readonly producer?: ProducerOptions;
  /** Default 5 000 ms; Kafka Connect's is 60 000. */
  readonly offsetFlushIntervalMs?: number;
  /** How long one write of source offsets may take before it counts as failed. Default 5 000 ms. */
  readonly offsetFlushTimeoutMs?: number;
  /** Records and offsets of sources in transactions (Kafka Connect's `exactly.once.source.support`). Default false. */
  readonly exactlyOnceSources?: boolean;
  /** Name of the group of workers, for transactional ids. Default `tributary`. */
  readonly groupId?: string;
  /** How long a task may take to write what it has received when it is stopped. Default 5 000 ms. */
  readonly gracefulStopMs?: number;
  /** Off: failed tasks stay failed, as in Kafka Connect. Default on; connectors may set `errors.restart.*`. */
  readonly autoRestart?: boolean;
  /**
   * Replaces references to configuration providers (`${env:NAME}`), just before a connector starts. One that stands for
   * nothing is an error (CONFIG_INVALID), or stays as it is with `keep`, as Kafka Connect leaves it; what cannot be read
   * is an error (INVALID_CONFIG) then, too.
   */
  readonly resolve?: (config: RawConfig, missing?: 'fail' | 'keep') => RawConfig;
  /** How often it is looked whether something else stands behind references of what runs. Default 10 000 ms. */
  readonly referencesEveryMs?: number;
  /** Where a connector with this configuration (as it is stored) may connect to. Default: everywhere. */
  readonly outbound?: (connector: string, config: RawConfig) => OutboundPolicy;
  /** Why the worker is not healthy although all of its own is well: a source that has gone silent. */
  readonly trouble?: () => string | undefined;
  /** Takes known secrets out of what errors and connectors say of themselves, before it stands in a status. */
  readonly redact?: (text: string) => string;
  /** Absent: the worker shares with nobody. */
  readonly share?: ShareOptions;
  /** Producers of its tasks fence those that did the same work before, on a broker that others can write to. */
  readonly isFenced?: boolean;
  /** For connectors that want what they receive synced on this machine before it goes on (docs/spool.md). */
  readonly spool?: SpoolSource;
  /** Told of levels that somebody set for the loggers of all workers. */
  readonly onLoggerLevel?: (logger: string, level: string) => void;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
}

export const defaultGracefulStopMs = 5_000;

export const defaultTables = {
  config: { topic: 'tributary-configs', partitions: 1 },
  offset: { topic: 'tributary-offsets', partitions: 1 },
  status: { topic: 'tributary-status', partitions: 1 },
} as const;
