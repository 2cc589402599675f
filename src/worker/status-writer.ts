/**
 * Statuses on their way into their table: written in order, in the background, so that nothing waits for them; the last
 * one of a thing counts, so what has not been written yet is replaced. A status that cannot be written is logged.
 */
import { describeError } from '../base/errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Status, StatusTable } from './status-table.ts';

export interface StatusWriter {
  /** As stored, by whichever worker. */
  connector(name: string): Status | undefined;
  task(name: string, task: number): Status | undefined;
  /** Numbers of the tasks that have a status. */
  tasks(name: string): readonly number[];
  putConnector(name: string, status: Status): void;
  putTask(name: string, task: number, status: Status): void;
  removeTask(name: string, task: number): void;
  remove(name: string): void;
  /** Resolves when all that was handed in is written. */
  settled(): Promise<void>;
}

export function statusWriter(table: StatusTable, log: Log): StatusWriter {
  const waiting = new Map<string, () => Promise<void>>();
  let writing: Promise<void> | undefined;

  const writeAll = async (): Promise<void> => {
    for (let [key, write] = next(); key !== undefined && write !== undefined; [key, write] = next()) {
      waiting.delete(key);
      await write().catch((error: unknown) =>
        log.warn('status_not_written', { status: key, reason: describeError(error) }),
      );
    }
    writing = undefined;
  };
  const next = (): [string?, (() => Promise<void>)?] => waiting.entries().next().value ?? [];
  const put = (key: string, write: () => Promise<void>): void => {
    waiting.delete(key);
    waiting.set(key, write);
    writing ??= writeAll();
  };

  return {
    connector: (name) => table.connector(name),
    task: (name, task) => table.task(name, task),
    tasks: (name) => table.tasks(name),
    putConnector: (name, status) => put(`connector ${name}`, () => table.putConnector(name, status)),
    putTask: (name, task, status) => put(`task ${name}-${task}`, () => table.putTask(name, task, status)),
    removeTask: (name, task) => put(`task ${name}-${task}`, () => table.removeTask(name, task)),
    remove: (name) => put(`connector ${name}`, () => table.remove(name)),
    settled: () => writing ?? Promise.resolve(),
  };
}
