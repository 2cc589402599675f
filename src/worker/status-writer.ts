/**
 * Statuses on their way into their table: written in order, in the background, so that nothing waits for them; the last
 * one of a thing counts, so what has not been written yet is replaced. What waits is written together: a worker that
 * leaves with hundreds of tasks must not take a round trip for each. A status that cannot be written is logged.
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

interface Write {
  readonly key: string;
  readonly begin: () => Promise<void>;
  /** It looks at what the table holds, and must find what was written before it. */
  readonly isAlone: boolean;
}

export function statusWriter(table: StatusTable, log: Log): StatusWriter {
  const waiting = new Map<string, Write>();
  let writing: Promise<void> | undefined;

  const writeAll = async (): Promise<void> => {
    while (waiting.size > 0) {
      // Begun in this order; what comes meanwhile waits for them all.
      const together = nextOf([...waiting.values()]);
      for (const { key } of together) waiting.delete(key);
      await Promise.all(
        together.map(({ key, begin }) =>
          begin().catch((error: unknown) =>
            log.warn('status_not_written', { status: key, reason: describeError(error) }),
          ),
        ),
      );
    }
    writing = undefined;
  };
  const put = (key: string, begin: () => Promise<void>, isAlone = false): void => {
    waiting.delete(key);
    waiting.set(key, { key, begin, isAlone });
    writing ??= writeAll();
  };

  return {
    connector: (name) => table.connector(name),
    task: (name, task) => table.task(name, task),
    tasks: (name) => table.tasks(name),
    putConnector: (name, status) => put(`connector ${name}`, () => table.putConnector(name, status)),
    putTask: (name, task, status) => put(`task ${name}-${task}`, () => table.putTask(name, task, status)),
    removeTask: (name, task) => put(`task ${name}-${task}`, () => table.removeTask(name, task)),
    remove: (name) => put(`connector ${name}`, () => table.remove(name), true),
    settled: () => writing ?? Promise.resolve(),
  };
}

/** All up to one that is written alone; that one where it is the first. */
function nextOf(writes: readonly Write[]): readonly Write[] {
  const end = writes.findIndex(({ isAlone }) => isAlone);
  return end === -1 ? writes : writes.slice(0, Math.max(end, 1));
}
