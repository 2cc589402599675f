/** What a restart touches, as Kafka Connect's options say it. Pure. */
import type { ConnectorStatus, RestartOptions } from './worker-view.ts';

export interface RestartPlan {
  /** The connector is part of it. */
  readonly connector: boolean;
  /** It had failed: it is made anew, with all its tasks. */
  readonly connectorFailed: boolean;
  readonly tasks: readonly number[];
}

export function restartPlan(
  status: ConnectorStatus | undefined,
  { includeTasks, onlyFailed }: RestartOptions,
): RestartPlan {
  const connectorFailed = status?.connector.state === 'FAILED';
  const wanted = (status?.tasks ?? []).filter(({ state }) => includeTasks && (!onlyFailed || state === 'FAILED'));
  return { connector: !onlyFailed || connectorFailed, connectorFailed, tasks: wanted.map(({ task }) => task) };
}

/** As it is shown to whoever asked: what is restarted says so. */
export function asRestarting(status: ConnectorStatus, plan: RestartPlan): ConnectorStatus {
  return {
    ...status,
    connector: plan.connector ? { ...status.connector, state: 'RESTARTING' } : status.connector,
    tasks: status.tasks.map((task) => (plan.tasks.includes(task.task) ? { ...task, state: 'RESTARTING' } : task)),
  };
}
