/** Which plugins a configuration file names: asked before the file is checked, as its connectors may be theirs. */
import { dirname, resolve } from 'node:path';
import { parseProperties } from '../config/properties.ts';
import { readFile } from './config/load-config.ts';
import { readYaml } from './config/yaml-tree.ts';
import { loadPlugins, modulesIn, type Plugins } from './plugins.ts';

/** `plugins` of our own file. Whatever else is wrong with it is said when it is checked. */
export async function pluginsOfYaml(file: string | undefined): Promise<Plugins> {
  const listed = file === undefined ? undefined : readYaml(file, readFile(file)).entries.get('plugins');
  return loadPlugins(listOf(listed?.value), file === undefined ? '.' : dirname(file));
}

/** Modules in `plugin.path` of a worker file of Kafka Connect, or in CONNECT_PLUGIN_PATH, which wins. */
export async function pluginsOfWorkerFile(file: string | undefined, env: NodeJS.ProcessEnv = {}): Promise<Plugins> {
  const parsed = file === undefined ? undefined : parseProperties(readFile(file));
  const written = parsed?.ok ? parsed.properties.findLast(({ key }) => key === 'plugin.path')?.value : undefined;
  const path = env['CONNECT_PLUGIN_PATH'] ?? written;
  const folder = file === undefined ? '.' : dirname(file);
  return loadPlugins(modulesIn(listOf(path).map((part) => resolve(folder, part))), folder);
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
