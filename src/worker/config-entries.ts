/** What an entry of the configuration topic says, by Kafka Connect's keys: a change that somebody wrote, or a command. */
import { parseObject } from './json.ts';

export type ConfigEntry =
  /** The connector was given a configuration, or was removed. */
  | { readonly kind: 'connector'; readonly name: string; readonly isRemoved: boolean }
  | { readonly kind: 'target'; readonly name: string }
  /** All configurations of its tasks are there. */
  | { readonly kind: 'tasks'; readonly name: string }
  | { readonly kind: 'restart'; readonly name: string; readonly command: RestartCommand }
  | { readonly kind: 'logger'; readonly logger: string; readonly level: string };

export interface RestartCommand {
  readonly includeTasks: boolean;
  readonly onlyFailed: boolean;
  /** This task alone; Kafka Connect's workers, which do not know it, restart what the rest says. */
  readonly task?: number;
}

const prefixes = {
  connector: 'connector-',
  target: 'target-state-',
  tasks: 'commit-',
  restart: 'restart-connector-',
  logger: 'logger-cluster-',
} as const;

/** undefined for what is no change by itself (`task-…`, before its commit), and for what others keep here (session keys). */
export function configEntry(key: string, value: string | null): ConfigEntry | undefined {
  const rest = (prefix: string): string | undefined => (key.startsWith(prefix) ? key.slice(prefix.length) : undefined);
  const restarted = rest(prefixes.restart);
  if (restarted !== undefined) {
    const command = parseObject(value ?? undefined);
    return command && { kind: 'restart', name: restarted, command: restartCommand(command) };
  }
  const connector = rest(prefixes.connector);
  if (connector !== undefined) return { kind: 'connector', name: connector, isRemoved: value === null };
  const target = rest(prefixes.target);
  if (target !== undefined) return { kind: 'target', name: target };
  const tasks = rest(prefixes.tasks);
  if (tasks !== undefined) return { kind: 'tasks', name: tasks };
  const logger = rest(prefixes.logger);
  const level = parseObject(value ?? undefined)?.['level'];
  if (logger !== undefined && typeof level === 'string') return { kind: 'logger', logger, level };
  return undefined;
}

export function restartEntry(name: string, { includeTasks, onlyFailed, task }: RestartCommand): [string, string] {
  const command = { 'include-tasks': includeTasks, 'only-failed': onlyFailed, ...(task === undefined ? {} : { task }) };
  return [`${prefixes.restart}${name}`, JSON.stringify(command)];
}

export function loggerEntry(logger: string, level: string): [string, string] {
  return [`${prefixes.logger}${logger}`, JSON.stringify({ level })];
}

function restartCommand(command: Readonly<Record<string, unknown>>): RestartCommand {
  const task = command['task'];
  return {
    includeTasks: command['include-tasks'] === true,
    onlyFailed: command['only-failed'] === true,
    ...(typeof task === 'number' ? { task } : {}),
  };
}
