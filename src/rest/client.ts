/** A client of the REST interface, for the command line. It speaks to any Kafka Connect worker. */
import { describeError, type ErrorCode, TributaryError } from '../base/errors.ts';
import type { ConfigMap } from '../wire/connect/connector-config.ts';
import type { ConnectorInfo, TaskInfo } from '../wire/connect/connector-info.ts';
import type { ConnectorOffsets } from '../wire/connect/connector-offsets.ts';
import type { ConnectorStateInfo } from '../wire/connect/connector-state-info.ts';
import type { InitialState } from '../wire/connect/create-request.ts';
import { parseErrorBody } from '../wire/connect/error-body.ts';
import type { HealthInfo, ServerInfo } from '../wire/connect/server-info.ts';

export interface ExpandedConnector {
  readonly info: ConnectorInfo;
  readonly status: ConnectorStateInfo;
}

/** Every call can give CONNECTION_FAILED, NOT_FOUND, CONFLICT, CONFIG_INVALID (400) and BROKER_REJECTED (all other refusals). */
export interface ConnectClient {
  readonly url: string;
  info(): Promise<ServerInfo>;
  health(): Promise<HealthInfo>;
  /** All connectors by name; one that vanished meanwhile is missing. */
  connectors(): Promise<Readonly<Record<string, ExpandedConnector>>>;
  connector(name: string): Promise<ConnectorInfo>;
  status(name: string): Promise<ConnectorStateInfo>;
  tasks(name: string): Promise<readonly TaskInfo[]>;
  offsets(name: string): Promise<ConnectorOffsets>;
  create(name: string, config: ConfigMap, initialState?: InitialState): Promise<ConnectorInfo>;
  putConfig(name: string, config: ConfigMap): Promise<ConnectorInfo>;
  delete(name: string): Promise<void>;
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  stop(name: string): Promise<void>;
  restart(name: string, options?: { readonly includeTasks?: boolean; readonly onlyFailed?: boolean }): Promise<void>;
  restartTask(name: string, task: number): Promise<void>;
}

/** `url` is where the worker listens: `http://127.0.0.1:8083`. `timeoutMs` bounds each call, default 90 s as Connect's own. */
export function connectClient(url: string, timeoutMs = 90_000): ConnectClient {
  const base = url.replace(/\/+$/, '');
  const at = (name: string, rest = ''): string => `/connectors/${encodeURIComponent(name)}${rest}`;
  const get = async <T>(path: string): Promise<T> => (await call(base, 'GET', path, undefined, timeoutMs)) as T;
  const send = (method: string, path: string, body?: unknown): Promise<unknown> =>
    call(base, method, path, body, timeoutMs);
  const act = async (method: string, path: string): Promise<void> => void (await send(method, path));

  return {
    url: base,
    info: () => get('/'),
    health: () => get('/health'),
    connectors: () => get('/connectors?expand=status&expand=info'),
    connector: (name) => get(at(name)),
    status: (name) => get(at(name, '/status')),
    tasks: (name) => get(at(name, '/tasks')),
    offsets: (name) => get(at(name, '/offsets')),
    create: async (name, config, state) =>
      (await send('POST', '/connectors', { name, config, initial_state: state })) as ConnectorInfo,
    putConfig: async (name, config) => (await send('PUT', at(name, '/config'), config)) as ConnectorInfo,
    delete: (name) => act('DELETE', at(name)),
    pause: (name) => act('PUT', at(name, '/pause')),
    resume: (name) => act('PUT', at(name, '/resume')),
    stop: (name) => act('PUT', at(name, '/stop')),
    restart: (name, { includeTasks = false, onlyFailed = false } = {}) =>
      act('POST', at(name, `/restart?includeTasks=${includeTasks}&onlyFailed=${onlyFailed}`)),
    restartTask: (name, task) => act('POST', at(name, `/tasks/${task}/restart`)),
  };
}

async function call(base: string, method: string, path: string, body: unknown, timeoutMs: number): Promise<unknown> {
  let status: number;
  let text: string;
  try {
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
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
  const refused = parseErrorBody(parsed);
  throw new TributaryError(codeOf(status), refused?.message ?? `${base} answered HTTP ${status} to ${method} ${path}`);
}

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
  if (status === 404) return 'NOT_FOUND';
  return status === 409 ? 'CONFLICT' : 'BROKER_REJECTED';
}
