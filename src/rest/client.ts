/** A client of the REST interface, for the command line. It speaks to any Kafka Connect worker. */
import { describeError, type ErrorCode, TributaryError } from '../base/errors.ts';
import type { ConfigMap } from '../wire/connect/connector-config.ts';
import type { ConnectorInfo, TaskInfo } from '../wire/connect/connector-info.ts';
import type { ConnectorOffsets } from '../wire/connect/connector-offsets.ts';
import type { ConnectorStateInfo } from '../wire/connect/connector-state-info.ts';
import type { InitialState } from '../wire/connect/create-request.ts';
import { parseErrorBody } from '../wire/connect/error-body.ts';
import type { HealthInfo, ServerInfo } from '../wire/connect/server-info.ts';

export type { ConfigMap, ConnectorInfo, ConnectorOffsets, ConnectorStateInfo, InitialState, ServerInfo, TaskInfo };

export interface ExpandedConnector {
  readonly info: ConnectorInfo;
  readonly status: ConnectorStateInfo;
}

export interface PluginInfo {
  readonly class: string;
  readonly type: string;
  readonly version?: string;
}

/** One option of a plugin, as validation and `GET …/config` show it. */
export interface OptionInfo {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly default_value: string | null;
  readonly importance: string;
  readonly documentation: string;
}

export interface Validation {
  readonly name: string;
  readonly error_count: number;
  readonly configs: readonly { readonly value: { readonly name: string; readonly errors: readonly string[] } }[];
}

export interface LoggerInfo {
  readonly level: string;
  readonly last_modified?: number | null;
}

/** Every call can give CONNECTION_FAILED, NOT_FOUND, CONFLICT, CONFIG_INVALID (400) and BROKER_REJECTED (all other refusals). */
export interface ConnectClient {
  readonly url: string;
  info(): Promise<ServerInfo>;
  health(): Promise<HealthInfo>;
  names(): Promise<readonly string[]>;
  /** All connectors by name; one that vanished meanwhile is missing. */
  connectors(): Promise<Readonly<Record<string, ExpandedConnector>>>;
  connector(name: string): Promise<ConnectorInfo>;
  status(name: string): Promise<ConnectorStateInfo>;
  tasks(name: string): Promise<readonly TaskInfo[]>;
  topics(name: string): Promise<readonly string[]>;
  create(name: string, config: ConfigMap, initialState?: InitialState): Promise<ConnectorInfo>;
  putConfig(name: string, config: ConfigMap): Promise<ConnectorInfo>;
  /** null takes a key away. */
  patchConfig(name: string, patch: ConfigMap): Promise<ConnectorInfo>;
  delete(name: string): Promise<void>;
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  stop(name: string): Promise<void>;
  restart(name: string, options?: { readonly includeTasks?: boolean; readonly onlyFailed?: boolean }): Promise<void>;
  restartTask(name: string, task: number): Promise<void>;
  offsets(name: string): Promise<ConnectorOffsets>;
  /** The connector must be stopped, for both; the answer is a sentence. */
  setOffsets(name: string, offsets: unknown): Promise<string>;
  resetOffsets(name: string): Promise<string>;
  plugins(connectorsOnly: boolean): Promise<readonly PluginInfo[]>;
  plugin(name: string): Promise<readonly OptionInfo[]>;
  validate(plugin: string, config: ConfigMap): Promise<Validation>;
  loggers(): Promise<Readonly<Record<string, LoggerInfo>>>;
  logger(name: string): Promise<LoggerInfo>;
  /** Names that changed; of the whole cluster nothing is told. */
  setLogger(name: string, level: string, scope: 'worker' | 'cluster'): Promise<readonly string[] | undefined>;
}

export interface ClientOptions {
  /** Of every request: who calls. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bounds each call, default 90 s as Connect's own. */
  readonly timeoutMs?: number;
}

/** `url` is where the worker listens: `http://127.0.0.1:8083`. */
export function connectClient(url: string, options: ClientOptions = {}): ConnectClient {
  const base = url.replace(/\/+$/, '');
  const at = (name: string, rest = ''): string => `/connectors/${encodeURIComponent(name)}${rest}`;
  const get = async <T>(path: string): Promise<T> => (await call(base, 'GET', path, undefined, options)) as T;
  const send = (method: string, path: string, body?: unknown): Promise<unknown> =>
    call(base, method, path, body, options);
  const act = async (method: string, path: string): Promise<void> => void (await send(method, path));
  const told = (answer: unknown): string => (answer as { readonly message: string }).message;
  const plugin = (name: string): string => `/connector-plugins/${encodeURIComponent(name)}/config`;
  const logger = (name: string): string => `/admin/loggers/${encodeURIComponent(name)}`;

  return {
    url: base,
    info: () => get('/'),
    health: () => get('/health'),
    names: () => get('/connectors'),
    connectors: () => get('/connectors?expand=status&expand=info&detail=true'),
    connector: (name) => get(at(name)),
    status: (name) => get(at(name, '/status?detail=true')),
    tasks: (name) => get(at(name, '/tasks')),
    topics: async (name) => (await get<Record<string, { topics: string[] }>>(at(name, '/topics')))[name]?.topics ?? [],
    create: async (name, config, state) =>
      (await send('POST', '/connectors', { name, config, initial_state: state })) as ConnectorInfo,
    putConfig: async (name, config) => (await send('PUT', at(name, '/config'), config)) as ConnectorInfo,
    patchConfig: async (name, patch) => (await send('PATCH', at(name, '/config'), patch)) as ConnectorInfo,
    delete: (name) => act('DELETE', at(name)),
    pause: (name) => act('PUT', at(name, '/pause')),
    resume: (name) => act('PUT', at(name, '/resume')),
    stop: (name) => act('PUT', at(name, '/stop')),
    restart: (name, { includeTasks = false, onlyFailed = false } = {}) =>
      act('POST', at(name, `/restart?includeTasks=${includeTasks}&onlyFailed=${onlyFailed}`)),
    restartTask: (name, task) => act('POST', at(name, `/tasks/${task}/restart`)),
    offsets: (name) => get(at(name, '/offsets')),
    setOffsets: async (name, offsets) => told(await send('PATCH', at(name, '/offsets'), offsets)),
    resetOffsets: async (name) => told(await send('DELETE', at(name, '/offsets'))),
    plugins: (connectorsOnly) => get(`/connector-plugins?connectorsOnly=${connectorsOnly}`),
    plugin: (name) => get(plugin(name)),
    validate: async (name, config) => (await send('PUT', `${plugin(name)}/validate`, config)) as Validation,
    loggers: () => get('/admin/loggers'),
    logger: (name) => get(logger(name)),
    setLogger: async (name, level, scope) =>
      (await send('PUT', `${logger(name)}?scope=${scope}`, { level })) as readonly string[] | undefined,
  };
}

async function call(
  base: string,
  method: string,
  path: string,
  body: unknown,
  { headers, timeoutMs = 90_000 }: ClientOptions,
): Promise<unknown> {
  let status: number;
  let text: string;
  try {
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: {
        accept: 'application/json',
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = answer.status;
    text = await answer.text();
  } catch (error) {
    throw new TributaryError('CONNECTION_FAILED', `Cannot reach ${base}: ${describeError(error)}`, { cause: error });
  }
  const parsed = parse(text);
  if (status >= 200 && status < 300) return parsed;
  const refused = parseErrorBody(parsed)?.message ?? `${base} answered HTTP ${status} to ${method} ${path}`;
  throw new TributaryError(codeOf(status), status === 401 ? `${refused}. ${loginHint}` : refused);
}

const loginHint = 'Give --user NAME:PASSWORD or --token TOKEN, or set TRIBUTARY_USER or TRIBUTARY_TOKEN';

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no JSON: what answered is no worker, the status has to do
  }
}

function codeOf(status: number): ErrorCode {
  if (status === 400) return 'CONFIG_INVALID';
  if (status === 401) return 'AUTHENTICATION_FAILED';
  if (status === 403) return 'AUTHORIZATION_FAILED';
  if (status === 404) return 'NOT_FOUND';
  return status === 409 ? 'CONFLICT' : 'BROKER_REJECTED';
}
