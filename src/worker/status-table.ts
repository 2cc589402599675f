/**
 * How what runs is doing, in the topic, keys and values that Kafka Connect uses: `status-connector-<c>` and
 * `status-task-<c>-<n>` hold `{"state","trace","worker_id","generation"}`. Two fields are ours, which its readers pass over:
 * `version` of the connector, and `clean`, which a task's entry has once the task ended with everything written.
 */
import { parseObject } from './json.ts';
import type { Table } from './table.ts';

export type State = 'UNASSIGNED' | 'RUNNING' | 'PAUSED' | 'STOPPED' | 'FAILED' | 'RESTARTING';

export interface Status {
  readonly state: State;
  /** The reason first, then the stack; null while all is well. */
  readonly trace: string | null;
  readonly workerId: string;
  readonly version: string | null;
  /** Of a task: true once it ended with everything it had received written, false while it may hold more. */
  readonly clean?: boolean;
}

export interface StatusTable {
  connector(name: string): Status | undefined;
  task(name: string, task: number): Status | undefined;
  /** Numbers of the tasks that have a status. */
  tasks(name: string): readonly number[];
  putConnector(name: string, status: Status): Promise<void>;
  putTask(name: string, task: number, status: Status): Promise<void>;
  /** Forgets the connector and all its tasks. */
  remove(name: string): Promise<void>;
  removeTask(name: string, task: number): Promise<void>;
}

export function statusTable(table: Table): StatusTable {
  /** Of hundreds of connectors one after the other, at each change of what is whose: nothing is made of keys of others. */
  const tasksOf = (name: string): number[] => {
    const prefix = `status-task-${name}-`;
    const tasks: number[] = [];
    for (const key of table.entries.keys()) {
      const number = key.startsWith(prefix) ? key.slice(prefix.length) : '';
      if (/^\d+$/.test(number)) tasks.push(Number(number));
    }
    return tasks;
  };
  return {
    connector: (name) => read(table.entries.get(`status-connector-${name}`)),
    task: (name, task) => read(table.entries.get(`status-task-${name}-${task}`)),
    tasks: tasksOf,
    putConnector: (name, status) => table.put([[`status-connector-${name}`, write(status)]]),
    putTask: (name, task, status) => table.put([[`status-task-${name}-${task}`, write(status)]]),
    async remove(name) {
      const tasks = tasksOf(name).map((task) => [`status-task-${name}-${task}`, null] as const);
      await table.put([[`status-connector-${name}`, null], ...tasks]);
    },
    removeTask: (name, task) => table.put([[`status-task-${name}-${task}`, null]]),
  };
}

function write({ state, trace, workerId, version, clean }: Status): string {
  return JSON.stringify({
    state,
    trace,
    worker_id: workerId,
    generation: 1,
    version,
    ...(clean === undefined ? {} : { clean }),
  });
}

function read(text: string | undefined): Status | undefined {
  const entry = parseObject(text);
  if (entry === undefined) return undefined;
  return {
    state: entry['state'] as State,
    trace: (entry['trace'] as string | undefined) ?? null,
    workerId: String(entry['worker_id'] ?? ''),
    version: (entry['version'] as string | undefined) ?? null,
    ...(typeof entry['clean'] === 'boolean' ? { clean: entry['clean'] } : {}),
  };
}

/** Whose status an entry of this key is; undefined where it is none of a task. */
export function taskOfStatus(key: string): { readonly connector: string; readonly task: number } | undefined {
  const [, connector, task] = /^status-task-(.+)-(\d+)$/s.exec(key) ?? [];
  return connector === undefined ? undefined : { connector, task: Number(task) };
}

/** Who tells by this entry that it has given up what it did; undefined where nobody does. */
export function givenUpBy(entry: string | null): string | undefined {
  if (entry === null || !entry.includes('UNASSIGNED')) return undefined; // nearly all of them
  const status = read(entry);
  return status?.state === 'UNASSIGNED' ? status.workerId : undefined;
}
