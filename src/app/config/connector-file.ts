/** Connector files of Kafka Connect: `.properties`, `{name, config}` JSON, or a flat JSON map. */
import { parseProperties } from '../../config/properties.ts';
import { isRecord } from '../../config/raw.ts';
import type { NamedConnector } from './app-config.ts';
import type { ConfigProblem } from './problem.ts';

export interface ConnectorFile {
  /** undefined where there are problems. */
  readonly connector: NamedConnector | undefined;
  readonly problems: readonly ConfigProblem[];
  lineOf(key: string): number | undefined;
}

export function readConnectorFile(file: string, text: string): ConnectorFile {
  return /\.json$/i.test(file) ? readJson(file, text) : readProperties(file, text);
}

function readProperties(file: string, text: string): ConnectorFile {
  const parsed = parseProperties(text);
  if (!parsed.ok) return failed({ file, line: parsed.line, message: parsed.problem });
  const lines = new Map(parsed.properties.map(({ key, line }) => [key, line]));
  const config = Object.fromEntries(parsed.properties.map(({ key, value }) => [key, value]));
  return withName(file, config, config['name'], (key) => lines.get(key), undefined);
}

function readJson(file: string, text: string): ConnectorFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // The parser's text shows a piece of the file, which may be a secret: only the place is taken from it.
    const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    const line = position === undefined ? undefined : text.slice(0, Number(position)).split('\n').length;
    return failed({ file, line, message: 'this is no JSON' });
  }
  if (!isRecord(json)) return failed({ file, message: 'must be {"name": …, "config": {…}} or a map of keys' });
  const inner = json['config'];
  const isWrapped = isRecord(inner);
  const lineOf = (key: string): number | undefined => lineOfKey(text, key);
  const config: Record<string, string> = {};
  for (const [key, value] of Object.entries(isWrapped ? inner : json)) {
    if (value === null) continue;
    if (typeof value === 'object')
      return failed({ file, line: lineOf(key), key, message: 'must be text, a number, true or false' });
    config[key] = String(value);
  }
  if (isWrapped) {
    const unknown = Object.keys(json).find((key) => !['name', 'config', 'initial_state'].includes(key));
    if (unknown !== undefined)
      return failed({ file, line: lineOf(unknown), key: unknown, message: 'unknown member beside "config"' });
    const state = json['initial_state'];
    const known = (['RUNNING', 'PAUSED', 'STOPPED'] as const).find((name) => name === String(state).toUpperCase());
    if (state !== undefined && known === undefined) {
      return failed({
        file,
        line: lineOf('initial_state'),
        key: 'initial_state',
        message: 'must be RUNNING, PAUSED or STOPPED',
      });
    }
    return withName(file, config, json['name'] ?? config['name'], lineOf, known);
  }
  return withName(file, config, config['name'], lineOf, undefined);
}

function withName(
  file: string,
  config: Record<string, string>,
  name: unknown,
  lineOf: (key: string) => number | undefined,
  initialState: NamedConnector['initialState'],
): ConnectorFile {
  if (typeof name !== 'string' || name.trim() === '') {
    return failed({ file, key: 'name', message: 'Missing required configuration "name" which has no default value.' });
  }
  const connector = { name: name.trim(), config, ...(initialState === undefined ? {} : { initialState }) };
  return { connector, problems: [], lineOf };
}

function failed(problem: ConfigProblem): ConnectorFile {
  return { connector: undefined, problems: [problem], lineOf: () => undefined };
}

function lineOfKey(text: string, key: string): number | undefined {
  const at = text.search(new RegExp(`${JSON.stringify(key).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*:`));
  return at < 0 ? undefined : text.slice(0, at).split('\n').length;
}
