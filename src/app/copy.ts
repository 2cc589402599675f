/** `tributary copy`: one connector, no REST interface, and a configuration made of the command line. */
import { TributaryError } from '../base/errors.ts';
import type { Io } from '../cli/io.ts';
import { checkBrokerAddress } from './broker-factory.ts';
import { connectorProblems } from './config/connector-problems.ts';
import { loadYaml } from './config/load-config.ts';
import { configError } from './config/problem.ts';
import { loadConnectors } from './connectors.ts';
import { run } from './start.ts';

export interface CopyOptions {
  readonly url: string;
  readonly topic: string;
  readonly send: readonly string[];
  readonly header: readonly string[];
  readonly set: readonly string[];
  readonly broker: string | undefined;
  readonly config: string | undefined;
}

const name = 'copy';

export async function startCopy(options: CopyOptions, io: Io): Promise<number> {
  const overrides = options.broker === undefined ? {} : { broker: checkBrokerAddress(options.broker) };
  const connectors = await loadConnectors();
  const loaded = loadYaml(options.config, overrides, { env: io.env, connectors });
  const connector = { name, config: connectorConfig(options) };
  const { problems } = connectorProblems(connector, {
    file: 'command line',
    connectors,
    providers: { env: io.env, folder: '.' },
    lineOf: () => undefined,
    shownPrefix: '',
    unknown: 'error',
  });
  if (problems.length > 0) throw configError(problems);
  const config = loaded.config && {
    ...loaded.config,
    rest: undefined,
    connectors: [connector],
    // Tables of its own, so that it neither runs the connectors of others nor leaves one behind for them.
    worker: { ...loaded.config.worker, tables: copyTables(options.topic) },
  };
  return run({ ...loaded, config }, false, io);
}

function connectorConfig({ url, topic, send, header, set }: CopyOptions): Record<string, string> {
  const entries = set.map((text): [string, string] => {
    const at = text.indexOf('=');
    if (at <= 0) throw new TributaryError('USAGE', `Cannot use "${text}" for "--set": must be KEY=VALUE.`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return {
    'connector.class': 'websocket',
    'websocket.url': url,
    'kafka.topic': topic,
    ...(send.length === 0 ? {} : { 'websocket.subscription.messages': JSON.stringify(send) }),
    ...(header.length === 0 ? {} : { 'websocket.headers': header.join(',') }),
    ...Object.fromEntries(entries),
  };
}

function copyTables(topic: string) {
  const table = (part: string) => ({ topic: `tributary-copy-${topic}-${part}`.slice(0, 249), partitions: 1 });
  return { config: table('configs'), offset: table('offsets'), status: table('status') };
}
