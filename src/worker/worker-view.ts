/** What the worker tells of its connectors. */
import type { RawConfig, RawConfigWithNulls } from '../config/raw.ts';
import type { State } from './status-table.ts';

export interface ConnectorView {
  readonly name: string;
  readonly type: ConnectorType;
  /** As it was given. */
  readonly config: RawConfigWithNulls;
  readonly tasks: readonly RawConfig[];
}

export type ConnectorType = 'source' | 'sink' | 'unknown';

export interface PartStatus {
  readonly state: State;
  readonly workerId: string;
  readonly version: string | null;
  readonly trace: string | null;
  /** What the connector says of itself (`reconnecting: …`), or when what has failed is started again. */
  readonly detail?: string | undefined;
}

export interface TaskStatus extends PartStatus {
  readonly task: number;
}

export interface ConnectorStatus {
  readonly name: string;
  readonly type: ConnectorType;
  readonly connector: PartStatus;
  readonly tasks: readonly TaskStatus[];
}

export interface RestartOptions {
  readonly includeTasks: boolean;
  readonly onlyFailed: boolean;
}
