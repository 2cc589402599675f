/** The body of `POST /connectors`. */
import { type ConfigMap, kindOf, parseConfigMap } from './connector-config.ts';

export type InitialState = 'RUNNING' | 'PAUSED' | 'STOPPED';

export interface CreateRequest {
  /** Without blanks around it; empty where there is none. */
  readonly name: string;
  /** Without `name`, unless the request had it there. */
  readonly config: ConfigMap;
  readonly initialState: InitialState;
}

export type CreateResult =
  | { readonly ok: true; readonly request: CreateRequest }
  | { readonly ok: false; readonly problem: string };

const members = ['name', 'config', 'initial_state'];
const states: readonly InitialState[] = ['RUNNING', 'PAUSED', 'STOPPED'];

export function parseCreateRequest(body: unknown): CreateResult {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return bad(`Cannot create a connector: the body must be a JSON object, not ${kindOf(body)}`);
  }
  const { name = null, config: raw, initial_state: state = null } = body as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(body).find((member) => !members.includes(member));
  if (unknown !== undefined) {
    return bad(`Cannot create a connector: unknown member "${unknown}", there are ${members.join(', ')}`);
  }
  if (typeof name === 'object' && name !== null) {
    return bad(`Cannot create a connector: "name" must be text, not ${kindOf(name)}`);
  }
  if (raw === undefined || raw === null) return bad('Cannot create a connector: "config" is missing');
  const config = parseConfigMap(raw);
  if (!config.ok) return config;
  const initialState = state === null ? 'RUNNING' : states.find((known) => known === String(state).toUpperCase());
  if (initialState === undefined) {
    return bad(`Cannot create a connector with initial_state "${String(state)}": must be ${states.join(', ')}`);
  }
  return {
    ok: true,
    request: { name: name === null ? '' : String(name).trim(), config: config.config, initialState },
  };
}

function bad(problem: string): CreateResult {
  return { ok: false, problem };
}
