import { hostname } from 'node:os';
import { parseProperties } from '../../config/properties.ts';
import { loadConnectors } from '../connectors.ts';
import { readConnectConfig } from './connect-config.ts';
import { type LoadOptions, loadConnector, loadYaml, readFile } from './load-config.ts';
import type { ConfigProblem } from './problem.ts';

export interface Findings {
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** Files of every kind, told apart by their ends; a `.properties` file without `connector.class` is a worker's. */
export async function validateFiles(files: readonly string[], env: NodeJS.ProcessEnv): Promise<Findings> {
  const options = { env, connectors: await loadConnectors() };
  const found = files.map((file) => validateFile(file, options));
  return {
    problems: found.flatMap(({ problems }) => problems),
    warnings: found.flatMap(({ warnings }) => warnings),
  };
}

function validateFile(file: string, options: LoadOptions): Findings {
  if (/\.json$/i.test(file)) return loadConnector(file, 'error', options);
  if (!/\.properties$/i.test(file)) return loadYaml(file, {}, options);
  const text = readFile(file);
  const parsed = parseProperties(text);
  const isConnector = parsed.ok && parsed.properties.some(({ key }) => key === 'connector.class');
  return isConnector
    ? loadConnector(file, 'error', options)
    : readConnectConfig(file, text, [], { env: options.env, hostname: hostname() });
}
