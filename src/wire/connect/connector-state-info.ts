/** Answers about how a connector is doing: `GET /connectors/{c}/status`, `…/tasks/{n}/status`. */
import type { ConnectorType } from './connector-info.ts';

export type ConnectorStateName = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING';

export interface StateInfo {
  readonly state: ConnectorStateName;
  readonly worker_id: string;
  /** null while nothing has been started that could have one. */
  readonly version: string | null;
  /** Absent while there is nothing to say: clients take its presence for a failure. */
  readonly trace?: string;
}

export interface TaskStateInfo extends StateInfo {
  readonly id: number;
  /** Not of Connect: what the connector says of itself (`reconnecting: connection refused`), absent while all is well. */
  readonly detail?: string;
}

export interface ConnectorStateInfo {
  readonly name: string;
  readonly connector: StateInfo;
  /** In the order of their numbers. */
  readonly tasks: readonly TaskStateInfo[];
  readonly type: ConnectorType;
}

export interface StateSource {
  readonly state: ConnectorStateName;
  readonly workerId: string;
  readonly version: string | null;
  readonly trace: string | null;
}

export function stateInfo({ state, workerId, version, trace }: StateSource): StateInfo {
  return { state, worker_id: workerId, version, ...(trace === null || trace === '' ? {} : { trace }) };
}

export function taskStateInfo(id: number, source: StateSource & { readonly detail?: string }): TaskStateInfo {
  return { id, ...stateInfo(source), ...(source.detail === undefined ? {} : { detail: source.detail }) };
}
