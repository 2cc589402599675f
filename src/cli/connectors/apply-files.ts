/** Connectors of files against those of a worker: what is new is created, what differs is put, the rest is left alone. */
import { text as readAll } from 'node:stream/consumers';
import type { NamedConnector } from '../../app/config/app-config.ts';
import { isError, TributaryError } from '../../base/errors.ts';
import type { ConfigMap, ConnectClient } from '../../rest/client.ts';
import { type Io, writeLine } from '../io.ts';
import { forEach } from './connection.ts';

export async function applyFiles(
  client: ConnectClient,
  files: readonly string[],
  isDryRun: boolean,
  io: Io,
): Promise<number> {
  if (files.length === 0) throw new TributaryError('USAGE', 'Which file? Give it with -f.');
  const wanted = new Map<string, NamedConnector>();
  for (const file of files) {
    for (const connector of await connectorsOf(file, io)) {
      if (wanted.has(connector.name)) {
        throw new TributaryError('CONFIG_INVALID', `Two of the files have a connector "${connector.name}".`);
      }
      wanted.set(connector.name, connector);
    }
  }
  if (wanted.size === 0) writeLine(io.stderr, 'There are no connectors in it.');
  return forEach([...wanted.keys()], io, (name) => applyOne(client, wanted.get(name)!, isDryRun));
}

async function applyOne(
  client: ConnectClient,
  { name, config, initialState }: NamedConnector,
  isDryRun: boolean,
): Promise<string> {
  const before = await configOf(client, name);
  const after: ConfigMap = { ...config, name };
  const changes = before === undefined ? [] : changedKeys(before, after);
  if (before !== undefined && changes.length === 0) return `Connector "${name}" is as the file says.`;
  if (isDryRun) {
    await check(client, name, after);
    return before === undefined
      ? `Connector "${name}" would be created.`
      : `Connector "${name}" would be changed: ${changes.join(', ')}.`;
  }
  if (before === undefined) {
    await client.create(name, config, initialState);
    return `Connector "${name}" created.`;
  }
  await client.putConfig(name, after);
  return `Connector "${name}" changed: ${changes.join(', ')}.`;
}

async function configOf(client: ConnectClient, name: string): Promise<ConfigMap | undefined> {
  try {
    return (await client.connector(name)).config;
  } catch (error) {
    if (isError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

async function check(client: ConnectClient, name: string, config: ConfigMap): Promise<void> {
  const className = String(config['connector.class'] ?? '');
  const { configs, error_count: count } = await client.validate(
    className.slice(className.lastIndexOf('.') + 1),
    config,
  );
  if (count === 0) return;
  const problems = configs.flatMap(({ value }) => value.errors.map((error) => `  ${value.name}: ${error}`));
  throw new TributaryError('CONFIG_INVALID', [`Connector "${name}" has ${count} error(s):`, ...problems].join('\n'));
}

/** A value that the worker masks cannot be told apart from ours: it counts as changed, and putting it does no harm. */
function changedKeys(before: ConfigMap, after: ConfigMap): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.filter((key) => String(before[key] ?? '\0') !== String(after[key] ?? '\0'));
}

async function connectorsOf(file: string, io: Io): Promise<readonly NamedConnector[]> {
  const [{ readConnectorFile }, { readFile }, { configError }] = await Promise.all([
    import('../../app/config/connector-file.ts'),
    import('../../app/config/load-config.ts'),
    import('../../app/config/problem.ts'),
  ]);
  const isStdin = file === '-';
  const text = isStdin ? await readAll(io.stdin) : readFile(file);
  if (/\.ya?ml$/i.test(file)) {
    const { readYaml } = await import('../../app/config/yaml-tree.ts');
    const { connectors, problems } = readYaml(file, text);
    if (problems.length > 0) throw configError(problems);
    return [...connectors].map(([name, { entries }]) => ({
      name,
      config: Object.fromEntries([...entries].map(([key, { value }]) => [key, value])),
    }));
  }
  const { connector, problems } = readConnectorFile(isStdin ? 'standard input.json' : file, text);
  if (connector === undefined) throw configError(problems);
  return [connector];
}
