import { hostname } from 'node:os';
import { parseProperties } from '../../config/properties.ts';
import { pluginsOfWorkerFile, pluginsOfYaml } from '../plugin-paths.ts';
import { readConnectConfig } from './connect-config.ts';
import { type LoadOptions, loadConnector, loadYaml, readFile } from './load-config.ts';
import type { ConfigProblem } from './problem.ts';

export interface Findings {
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** Files of every kind, told apart by their ends; a `.properties` file without `connector.class` is a worker's. */
export async function validateFiles(files: readonly string[], env: NodeJS.ProcessEnv): Promise<Findings> {
  // A worker file among them names the plugins that connector files beside it may use.
  const workerFile = files.find((file) => isProperties(file) && !isConnector(readFile(file)));
  const beside = workerFile === undefined ? await pluginsOfYaml(undefined) : await pluginsOfWorkerFile(workerFile);
  const found: Findings[] = [];
  for (const file of files) {
    const isYaml = !isProperties(file) && !/\.json$/i.test(file);
    found.push(validateFile(file, { env, ...(isYaml ? await pluginsOfYaml(file) : beside) }));
  }
  return {
    problems: found.flatMap(({ problems }) => problems),
    warnings: found.flatMap(({ warnings }) => warnings),
  };
}

function validateFile(file: string, options: LoadOptions): Findings {
  if (/\.json$/i.test(file)) return loadConnector(file, 'warning', options);
  if (!isProperties(file)) return loadYaml(file, {}, options);
  const text = readFile(file);
  return isConnector(text)
    ? loadConnector(file, 'warning', options)
    : readConnectConfig(file, text, [], { env: options.env, hostname: hostname() });
}

function isProperties(file: string): boolean {
  return /\.properties$/i.test(file);
}

function isConnector(text: string): boolean {
  const parsed = parseProperties(text);
  return parsed.ok && parsed.properties.some(({ key }) => key === 'connector.class');
}
