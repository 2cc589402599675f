/**
 * What shall run: configurations of connectors and tasks and the state that people asked for, in the topic, keys and values
 * that Kafka Connect uses (KafkaConfigBackingStore), so that its tools, and its own workers, can read it.
 *
 *   connector-<c>      {"properties":{…}}
 *   task-<c>-<n>       {"properties":{…}}
 *   commit-<c>         {"tasks":N}
 *   target-state-<c>   {"state":"STARTED|PAUSED","state.v2":"STARTED|PAUSED|STOPPED"}
 */
import { type RawConfig, type RawConfigWithNulls, withoutNulls } from '../config/raw.ts';
import { loggerEntry, type RestartCommand, restartEntry } from './config-entries.ts';
import { parseObject } from './json.ts';
import type { Table, TableEntry } from './table.ts';

export type TargetState = 'STARTED' | 'PAUSED' | 'STOPPED';

export interface ConfigTable {
  connectors(): readonly string[];
  /** Without the keys that were given a null. */
  connector(name: string): RawConfig | undefined;
  /** As it was given, nulls included: Connect stores them, and no connector starts with one. */
  asGiven(name: string): RawConfigWithNulls | undefined;
  targetState(name: string): TargetState;
  /** Configurations of the tasks as last committed; none while the connector is stopped. */
  tasks(name: string): readonly RawConfig[];
  putConnector(name: string, config: RawConfigWithNulls, target?: TargetState): Promise<void>;
  putTargetState(name: string, target: TargetState): Promise<void>;
  putTasks(name: string, configs: readonly RawConfig[]): Promise<void>;
  remove(name: string): Promise<void>;
  /** Commands that every worker reads. */
  putRestart(name: string, command: RestartCommand): Promise<void>;
  putLoggerLevel(logger: string, level: string): Promise<void>;
}

export interface ConfigWrites {
  /** What people change, all of it or nothing. */
  readonly changes: (entries: readonly TableEntry[]) => Promise<void>;
  /** What the owner of a connector makes of it for all. */
  readonly tasks: (connector: string, entries: readonly TableEntry[]) => Promise<void>;
}

export function configTable(table: Table, writes?: ConfigWrites): ConfigTable {
  const putChanges = writes?.changes ?? ((entries: readonly TableEntry[]) => table.put(entries));
  const putTasks = writes?.tasks ?? ((_connector: string, entries: readonly TableEntry[]) => table.put(entries));

  const properties = (key: string): RawConfigWithNulls | undefined =>
    parseObject(table.entries.get(key))?.['properties'] as RawConfigWithNulls | undefined;

  const taskCount = (name: string): number => {
    const count = parseObject(table.entries.get(`commit-${name}`))?.['tasks'];
    return typeof count === 'number' ? count : 0;
  };

  return {
    connectors() {
      const names: string[] = [];
      for (const key of table.entries.keys())
        if (key.startsWith('connector-')) names.push(key.slice('connector-'.length));
      return names.sort();
    },
    connector(name) {
      const config = properties(`connector-${name}`);
      return config && withoutNulls(config);
    },
    asGiven: (name) => properties(`connector-${name}`),
    targetState(name) {
      const entry = parseObject(table.entries.get(`target-state-${name}`));
      const state = entry?.['state.v2'] ?? entry?.['state'];
      return state === 'PAUSED' || state === 'STOPPED' ? state : 'STARTED';
    },
    tasks(name) {
      const configs: RawConfig[] = [];
      for (let task = 0; task < taskCount(name); task++) {
        const config = properties(`task-${name}-${task}`);
        if (config !== undefined) configs.push(withoutNulls(config));
      }
      return configs;
    },
    async putConnector(name, config, target) {
      // The state first: whoever sees the configuration must not start what shall be stopped.
      const state = target === undefined ? [] : [targetEntry(name, target)];
      await putChanges([...state, [`connector-${name}`, JSON.stringify({ properties: config })]]);
    },
    putTargetState: (name, target) => putChanges([targetEntry(name, target)]),
    async putTasks(name, configs) {
      const entries = configs.map(
        (config, task): TableEntry => [`task-${name}-${task}`, JSON.stringify({ properties: config })],
      );
      const tooMany = Math.max(0, taskCount(name) - configs.length);
      const removed = Array.from(
        { length: tooMany },
        (_, i): TableEntry => [`task-${name}-${configs.length + i}`, null],
      );
      const commit: TableEntry = [`commit-${name}`, JSON.stringify({ tasks: configs.length })];
      // The topic has one partition, as Kafka Connect demands: who reads the commit has read all before it.
      await putTasks(name, [...entries, commit, ...removed]);
    },
    putRestart: (name, command) => putChanges([restartEntry(name, command)]),
    putLoggerLevel: (logger, level) => putChanges([loggerEntry(logger, level)]),
    async remove(name) {
      const tasks = Array.from({ length: taskCount(name) }, (_, task): TableEntry => [`task-${name}-${task}`, null]);
      await putChanges([
        [`connector-${name}`, null],
        [`target-state-${name}`, null],
        [`commit-${name}`, null],
        ...tasks,
      ]);
    },
  };
}

/** An old worker knows no STOPPED: for it the connector is paused. */
function targetEntry(name: string, target: TargetState): TableEntry {
  const state = target === 'STOPPED' ? 'PAUSED' : target;
  return [`target-state-${name}`, JSON.stringify({ state, 'state.v2': target })];
}
