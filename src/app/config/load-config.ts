/** Configuration files of every kind, read and checked whole, connectors included. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { describeError, TributaryError } from '../../base/errors.ts';
import type { Connector } from '../../connectors/contract.ts';
import type { ValidationContext } from '../../worker/validation.ts';
import type { AppConfig, NamedConnector } from './app-config.ts';
import { providersInFile, readConnectConfig } from './connect-config.ts';
import { readConnectorFile } from './connector-file.ts';
import { type ConnectorCheck, connectorProblems, type FoundProblems } from './connector-problems.ts';
import { type ConfigProblem, configError } from './problem.ts';
import type { ConfigProviders } from './providers.ts';
import type { SqlApplication } from './sql-applications.ts';
import { type Overrides, readYamlConfig } from './yaml-config.ts';

export interface Loaded<T> {
  /** undefined where there are problems. */
  readonly config: T | undefined;
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

export interface LoadOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Told of each value that a reference stood for. */
  readonly onResolved?: (key: string, value: string) => void;
  readonly connectors: readonly Connector[];
  readonly transforms?: ValidationContext['transforms'];
  readonly converterClasses?: ValidationContext['converterClasses'];
  /** Of the worker file that the connector files stand beside. */
  readonly providers?: ConfigProviders | undefined;
}

/** `file` undefined: all defaults, with the environment and the command line. */
export function loadYaml(file: string | undefined, overrides: Overrides, options: LoadOptions): Loaded<AppConfig> {
  const shown = file ?? 'tributary.yaml';
  const text = file === undefined ? '' : readFile(file);
  const { config, problems, warnings, applications, lineOf } = readYamlConfig(
    shown,
    text,
    options.env,
    overrides,
    options.onResolved,
  );
  if (config === undefined) return { config, problems, warnings };
  const found = config.connectors.map((connector) => {
    const script = applications.find(({ name }) => name === connector.name);
    const check = {
      ...known(options),
      providers: { env: options.env, folder: config.folder, onResolved: options.onResolved },
      unknown: 'error' as const,
      exactlyOnceSources: config.worker.exactlyOnceSources,
    };
    if (script !== undefined) return problemsOfScript(script, shown, check);
    return connectorProblems(connector, {
      ...check,
      file: shown,
      lineOf: (key) => lineOf(connector.name, key),
      shownPrefix: `connectors.${connector.name}.`,
    });
  });
  return combined(config, [{ problems: [], warnings }, ...found]);
}

/** The place that counts is the one in the script; for a setting beside its name that in the configuration file. */
function problemsOfScript(
  { name, file, config, lineOf }: SqlApplication,
  configuration: string,
  check: Omit<ConnectorCheck, 'file' | 'lineOf' | 'shownPrefix'>,
): FoundProblems {
  const connector = { name, config };
  const { problems, warnings } = connectorProblems(connector, {
    ...check,
    file,
    lineOf: () => undefined,
    shownPrefix: '',
  });
  return {
    problems: problems.map((problem) => {
      const line = / at line (\d+), column /.exec(problem.message)?.[1];
      if (line !== undefined) return { file, line: Number(line), message: problem.message };
      const setIn = problem.key === undefined ? undefined : lineOf(problem.key);
      return setIn === undefined
        ? problem
        : { ...problem, file: configuration, line: setIn, key: `sql.${problem.key}` };
    }),
    warnings,
  };
}

export interface ConnectFiles {
  /** undefined: the environment alone says what the worker is (CONNECT_…). */
  readonly worker: string | undefined;
  readonly connectors: readonly string[];
  readonly broker?: string;
  readonly listen?: string;
}

/** A worker file of Kafka Connect with connector files. */
export function loadConnect(files: ConnectFiles, options: LoadOptions): Loaded<AppConfig> {
  const text = files.worker === undefined ? '' : readFile(files.worker);
  const withProviders = { ...options, providers: providersInFile(text, options.env) };
  const read = files.connectors.map((each) => loadConnector(each, 'warning', withProviders));
  const connectors = read.flatMap(({ config }) => config ?? []);
  const file = files.worker ?? 'environment';
  const worker = readConnectConfig(file, text, connectors, {
    env: options.env,
    broker: files.broker,
    listen: files.listen,
    hostname: hostname(),
    onResolved: options.onResolved,
  });
  const twice = connectors.find(({ name }, i) => connectors.findIndex((other) => other.name === name) !== i);
  const more: ConfigProblem[] =
    twice === undefined ? [] : [{ file, message: `two connector files have the name "${twice.name}"` }];
  return combined(worker.config, [worker, ...read, { problems: more, warnings: [] }]);
}

export function loadConnector(
  file: string,
  unknown: 'error' | 'warning',
  options: LoadOptions,
): Loaded<NamedConnector> {
  const { connector, problems, lineOf } = readConnectorFile(file, readFile(file));
  if (connector === undefined) return { config: undefined, problems, warnings: [] };
  const { env, providers: configured, onResolved } = options;
  const providers = { env, folder: dirname(file), providers: configured, onResolved };
  // Which worker will run it is not known here: whether it gives exactly-once delivery, that one says at its start.
  const exactlyOnceSources = true;
  const check = {
    file,
    ...known(options),
    providers,
    lineOf,
    shownPrefix: '',
    unknown,
    exactlyOnceSources,
  };
  return combined(connector, [connectorProblems(connector, check)]);
}

/** The configuration, or CONFIG_INVALID with all that is wrong. */
export function accepted<T>({ config, problems }: Loaded<T>): T {
  if (config === undefined || problems.length > 0) throw configError(problems);
  return config;
}

/** NOT_FOUND in a sentence, for a file that the user named. */
export function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason =
      code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : describeError(error);
    throw new TributaryError('NOT_FOUND', `Cannot read "${file}": ${reason}`);
  }
}

function combined<T>(
  config: T | undefined,
  found: readonly { readonly problems: readonly ConfigProblem[]; readonly warnings: readonly ConfigProblem[] }[],
): Loaded<T> {
  const problems = found.flatMap((part) => part.problems);
  const warnings = found.flatMap((part) => part.warnings);
  return { config: problems.length > 0 ? undefined : config, problems, warnings };
}

/** What configurations may name. */
function known({ connectors, transforms, converterClasses }: LoadOptions): ValidationContext {
  return { connectors, transforms, converterClasses };
}
