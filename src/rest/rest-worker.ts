/** What the REST interface asks of the worker. Names of connectors are texts as people wrote them. */
import type { ConfigInfos, ConfigKeyInfo } from '../config/config-infos.ts';
import type { RawConfig, RawConfigWithNulls } from '../config/raw.ts';

export interface RestWorker {
  clusterId(): Promise<string>;
  health(): WorkerHealth;
  /** Why nothing can be changed yet; undefined once Kafka has answered. */
  waitsForKafka?(): string | undefined;

  /** How it hears this group of workers; undefined where it is not one of it. */
  hearing?(group: { readonly groupId: string; readonly clusterId: string }): GroupHearing | undefined;

  /** Which worker answers requests that change connectors. */
  leader(): Leader;
  /** Resolves when what other workers have changed before can be read here. */
  caughtUp(): Promise<void>;
  /** Sets the level of a logger on all workers, this one included. */
  setClusterLogLevel(logger: string, level: string): Promise<void>;

  /** Connectors there are, in the order of their names. */
  connectorNames(): readonly string[];
  connector(name: string): ConnectorView | undefined;
  status(name: string): ConnectorStatus | undefined;
  /** Offsets committed so far: of a source those stored, of a sink those of its consumer group. NOT_FOUND. */
  offsets(name: string): Promise<readonly OffsetView[]>;
  /** Options of this configuration whose values nobody may see; empty where its class is unknown. */
  secretKeys(config: RawConfigWithNulls): ReadonlySet<string>;
  /** Topics written to since they were last forgotten; none of a connector that there is not. */
  topics(name: string): readonly string[];
  resetTopics(name: string): Promise<void>;
  /** Everything that a configuration may name. */
  plugins(): readonly PluginView[];
  /** A plugin's own options; undefined where nothing has that name. */
  pluginConfig(name: string): readonly ConfigKeyInfo[] | undefined;
  /** CONFIG_INVALID where no connector can be told by it, INVALID_CONFIG where it cannot be read. */
  validate(config: RawConfigWithNulls): ConfigInfos;

  /**
   * Resolves when the configuration is stored; its tasks start by themselves. CONFIG_INVALID with every problem in its
   * text (checked first), ALREADY_EXISTS.
   */
  create(name: string, config: RawConfigWithNulls, initialState: 'RUNNING' | 'PAUSED' | 'STOPPED'): Promise<void>;
  /** Replaces the configuration, or creates the connector where there is none. CONFIG_INVALID. */
  put(name: string, config: RawConfigWithNulls): Promise<'created' | 'updated'>;
  /** Replaces the configuration by what `change` makes of it. NOT_FOUND, CONFIG_INVALID. */
  patch(name: string, change: (config: RawConfigWithNulls) => RawConfigWithNulls): Promise<void>;
  /**
   * Changes stored offsets of a stopped connector; null deletes one. True where the connector confirms that nothing else is
   * to be done. NOT_FOUND, USAGE where it is not stopped, CONFIG_INVALID where the connector refuses them.
   */
  alterOffsets(name: string, changes: readonly OffsetChangeView[]): Promise<boolean>;
  /** Deletes them all; as alterOffsets. */
  resetOffsets(name: string): Promise<boolean>;
  /** Offsets stay. NOT_FOUND, as all that follow. */
  delete(name: string): Promise<void>;
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  stop(name: string): Promise<void>;
  /**
   * Starts anew what the options name, and gives the status with RESTARTING where that happens. A connector that cannot be
   * started is an error where nothing but the connector was asked for.
   */
  restart(name: string, options: RestartOptions): Promise<ConnectorStatus>;
  restartTask(name: string, task: number): Promise<void>;
}

export type Leader =
  | { readonly kind: 'self' }
  | { readonly kind: 'other'; readonly url: string }
  /** It can be reached on its own machine alone. */
  | { readonly kind: 'elsewhere'; readonly url: string; readonly host: string }
  /** The work is being shared out, or the leader has not told its address yet; `reason`: this worker leads, and cannot begin to. */
  | { readonly kind: 'unknown'; readonly reason?: string };

export interface WorkerHealth {
  readonly state: 'healthy' | 'starting' | 'unhealthy';
  /** Why it is not healthy. */
  readonly reason?: string;
}

export interface GroupHearing {
  readonly agoMs: number;
  /** Up to then, without a silence. */
  readonly forMs: number;
}

export interface ConnectorView {
  readonly name: string;
  readonly type: 'source' | 'sink' | 'unknown';
  /** As it was written, `name` included; references to secrets are not resolved. */
  readonly config: RawConfigWithNulls;
  /** Configurations of the tasks, `task.class` included; none while the connector is stopped. */
  readonly tasks: readonly RawConfig[];
}

export interface PartStatus {
  readonly state: 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING';
  readonly workerId: string;
  readonly version: string | null;
  /** The reason first, then the stack; null while all is well. */
  readonly trace: string | null;
}

export interface TaskStatus extends PartStatus {
  readonly task: number;
  /** What the connector says of itself (`reconnecting: connection refused`); undefined while all is well. */
  readonly detail?: string;
}

export interface ConnectorStatus {
  readonly name: string;
  readonly type: 'source' | 'sink' | 'unknown';
  readonly connector: PartStatus;
  /** In the order of their numbers. */
  readonly tasks: readonly TaskStatus[];
}

export interface OffsetView {
  readonly partition: Readonly<Record<string, unknown>>;
  readonly offset: Readonly<Record<string, unknown>>;
}

export interface OffsetChangeView {
  readonly partition: Readonly<Record<string, unknown>> | null;
  readonly offset: Readonly<Record<string, unknown>> | null;
}

export interface PluginView {
  readonly className: string;
  readonly kind: 'source' | 'sink' | 'transformation' | 'predicate' | 'converter' | 'header_converter';
  readonly version: string;
  /** Every name it answers to. */
  readonly names: readonly string[];
}

export interface RestartOptions {
  readonly includeTasks: boolean;
  readonly onlyFailed: boolean;
}
