/** What a configuration makes: the connector it names, and the configurations of its tasks. */
import { TributaryError } from '../base/errors.ts';
import { parse, type RawConfig, type RawConfigWithNulls } from '../config/config-def.ts';
import type { Connector } from '../connectors/contract.ts';
import type { Log } from '../telemetry/log.ts';
import { connectorProducer, idleClientKeys } from './client-overrides.ts';
import { frameworkConfig } from './framework-config.ts';
import { findConnector } from './plugins.ts';
import { taskClassOf } from './task-factory.ts';
import { topicGroups } from './topic-creation.ts';
import { unknownConnectorKeys } from './unknown-keys.ts';
import { checkConnectorConfig } from './validation.ts';
import type { WorkerOptions } from './worker-options.ts';

export interface MadeConnector {
  readonly connector: Connector;
  readonly taskConfigs: readonly RawConfig[];
}

/** CONFIG_INVALID with every problem; what has no effect is told to the log. */
export function makeConnector(
  name: string,
  given: RawConfigWithNulls,
  stored: RawConfig,
  options: WorkerOptions,
  log: Log,
): MadeConnector {
  requireTexts(given);
  // A reference that stands for nothing fails the task that would use it, as in Kafka Connect: the connector is there.
  const config = options.resolve?.(stored, 'keep') ?? stored;
  const values = checkConnectorConfig(name, stored, config, options);
  const connector = findConnector(options.connectors, config['connector.class'] ?? '');
  for (const { key, reason } of unknownConnectorKeys(config, connector, values)) {
    log.warn('unknown_key', { key, hint: reason });
  }
  // Its tasks read these again: what is wrong with them is known before there are any.
  topicGroups(config);
  for (const { key, reason } of connectorProducer(config).warnings)
    log.warn('idle_key', { key: `producer.override.${key}`, reason });
  for (const key of idleClientKeys(config)) log.warn('idle_key', { key, reason: 'it has no meaning here' });
  const { 'tasks.max': max, 'tasks.max.enforce': enforced } = parse(frameworkConfig, config);
  const taskClass = taskClassOf(connector);
  const taskConfigs = atMost(name, max, enforced, connector.tasks(config, max), log).map((task) => ({
    ...withReferences(task, config, stored),
    'task.class': taskClass,
  }));
  return { connector, taskConfigs };
}

function atMost(
  name: string,
  max: number,
  enforced: boolean,
  taskConfigs: readonly RawConfig[],
  log: Log,
): readonly RawConfig[] {
  if (taskConfigs.length <= max) return taskConfigs;
  if (enforced) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `Cannot start connector "${name}": it makes ${taskConfigs.length} tasks, and tasks.max allows ${max}; ` +
        'tasks.max.enforce=false lets it have them',
    );
  }
  log.warn('tasks_max_exceeded', { tasks: taskConfigs.length, tasks_max: max });
  return taskConfigs;
}

/** Connect stores a null and fails at the start; what it would mean nobody can tell. */
function requireTexts(config: RawConfigWithNulls): void {
  const key = Object.keys(config).find((name) => config[name] === null);
  if (key === undefined) return;
  throw new TributaryError(
    'CONFIG_INVALID',
    `Cannot start with null as the value of "${key}": give it a text, or leave it out`,
  );
}

/** A task's configuration as it may be stored and shown: with the references that its values came from. */
function withReferences(task: RawConfig, resolved: RawConfig, stored: RawConfig): RawConfig {
  return Object.fromEntries(
    Object.entries(task).map(([key, value]) => [key, value === resolved[key] ? (stored[key] ?? value) : value]),
  );
}
