/** What the REST interface asks of the worker. Names of connectors are texts as people wrote them. */
import type { RawConfig } from '../config/raw.ts';

export interface RestWorker {
  clusterId(): Promise<string>;
  health(): WorkerHealth;

  /** Connectors there are, in the order of their names. */
  connectorNames(): readonly string[];
  connector(name: string): ConnectorView | undefined;
  status(name: string): ConnectorStatus | undefined;
  /** Offsets committed so far: of a source those stored, of a sink those of its consumer group. NOT_FOUND. */
  offsets(name: string): Promise<readonly OffsetView[]>;
  /** Options of this configuration whose values nobody may see; empty where its class is unknown. */
  secretKeys(config: RawConfig): ReadonlySet<string>;

  /**
   * Resolves when the configuration is stored; its tasks start by themselves. CONFIG_INVALID with every problem in its
   * text (checked first), ALREADY_EXISTS.
   */
  create(name: string, config: RawConfig, initialState: 'RUNNING' | 'PAUSED' | 'STOPPED'): Promise<void>;
  /** Replaces the configuration, or creates the connector where there is none. CONFIG_INVALID. */
  put(name: string, config: RawConfig): Promise<'created' | 'updated'>;
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

export interface WorkerHealth {
  readonly state: 'healthy' | 'starting' | 'unhealthy';
  /** Why it is not healthy. */
  readonly reason?: string;
}

export interface ConnectorView {
  readonly name: string;
  readonly type: 'source' | 'sink' | 'unknown';
  /** As it was written, `name` included; references to secrets are not resolved. */
  readonly config: RawConfig;
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

export interface RestartOptions {
  readonly includeTasks: boolean;
  readonly onlyFailed: boolean;
}
