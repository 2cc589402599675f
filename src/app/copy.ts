/** `tributary copy`: one connector, no REST interface, and a configuration made of the command line. */
import { createHash } from 'node:crypto';
import { TributaryError } from '../base/errors.ts';
import type { Io } from '../cli/io.ts';
import { maskUrl } from '../net/endpoint.ts';
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

/** Positions are kept under it: another stream into the same topic must not go on where this one was. */
function nameOf(url: string): string {
  return /^https?:/i.test(url) ? `copy-${createHash('sha256').update(url).digest('hex').slice(0, 8)}` : 'copy';
}

export async function startCopy(options: CopyOptions, io: Io): Promise<number> {
  const overrides = options.broker === undefined ? {} : { broker: checkBrokerAddress(options.broker) };
  const connectors = await loadConnectors();
  const loaded = loadYaml(options.config, overrides, { env: io.env, connectors });
  const connector = { name: nameOf(options.url), config: connectorConfig(options) };
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
    worker: { ...loaded.config.worker, tables: copyTables(options.topic), share: undefined, isFenced: false },
  };
  return run({ ...loaded, config }, false, io);
}

function connectorConfig({ url, topic, send, header, set }: CopyOptions): Record<string, string> {
  const isStream = /^https?:/i.test(url);
  if (isStream && send.length > 0) {
    throw new TributaryError(
      'USAGE',
      `Cannot use "--send" with "${maskUrl(url)}": nothing can be sent to an event stream.`,
    );
  }
  return {
    ...(isStream ? streamConfig(url, topic, header) : webSocketConfig(url, topic, send, header)),
    ...Object.fromEntries(set.map((text) => pair(text, '=', '--set', 'KEY=VALUE'))),
  };
}

function webSocketConfig(url: string, topic: string, send: readonly string[], header: readonly string[]) {
  return {
    'connector.class': 'websocket',
    'websocket.url': url,
    'kafka.topic': topic,
    ...(send.length === 0 ? {} : { 'websocket.subscription.messages': JSON.stringify(send) }),
    ...(header.length === 0 ? {} : { 'websocket.headers': header.join(',') }),
  };
}

/** As with a WebSocket, what is copied is what the server sends: the data alone, unless --set says otherwise. */
function streamConfig(url: string, topic: string, header: readonly string[]) {
  const headers = header.map((text) => pair(text, ':', '--header', 'NAME:VALUE'));
  return {
    'connector.class': 'sse',
    'sse.uri': url,
    topic,
    'sse.value': 'data',
    ...Object.fromEntries(headers.map(([name, value]) => [`http.header.${name.trim()}`, value.trim()])),
  };
}

function pair(text: string, separator: string, option: string, wanted: string): [string, string] {
  const at = text.indexOf(separator);
  // The value may be a secret: it is not repeated.
  const shown = at === -1 && separator === ':' ? '***' : text;
  if (at <= 0) throw new TributaryError('USAGE', `Cannot use "${shown}" for "${option}": must be ${wanted}.`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function copyTables(topic: string) {
  const table = (part: string) => ({ topic: `tributary-copy-${topic}-${part}`.slice(0, 249), partitions: 1 });
  return { config: table('configs'), offset: table('offsets'), status: table('status') };
}
