/** How a connector is doing: of what runs here from the runners, which know more, of the rest from the table. */
import type { Ownership } from './cluster/ownership.ts';
import type { ConnectorRunner } from './connector-runner.ts';
import type { StatusWriter } from './status-writer.ts';
import type { PartStatus, TaskStatus } from './worker-view.ts';

export interface StatusSources {
  readonly ownership: Pick<Ownership, 'owns'>;
  readonly statuses: Pick<StatusWriter, 'connector' | 'task'>;
  readonly workerId: string;
}

/** undefined where nobody has told anything yet. `taskCount`: as configured. */
export function connectorStatus(
  name: string,
  runner: ConnectorRunner | undefined,
  taskCount: number,
  sources: StatusSources,
): { readonly connector: PartStatus; readonly tasks: readonly TaskStatus[] } | undefined {
  const { ownership, statuses, workerId } = sources;
  const connector = ownership.owns(name) ? runner && { ...runner.state, workerId } : statuses.connector(name);
  if (connector === undefined) return undefined;
  const tasks: TaskStatus[] = [];
  for (const [task, { runner: run, isLoaded, version }] of runner?.tasks ?? [])
    tasks.push({ task, workerId, version: isLoaded() ? version : null, ...run.state });
  for (let task = 0; task < taskCount; task++) {
    if (ownership.owns(name, task) || runner?.tasks.has(task) === true) continue;
    const told = statuses.task(name, task);
    if (told !== undefined) tasks.push({ task, ...told });
  }
  return { connector, tasks: tasks.sort((a, b) => a.task - b.task) };
}
