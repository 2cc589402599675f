import { TributaryError } from '../../base/errors.ts';
import { basicAuth, type Endpoint, maskUrl } from '../../net/endpoint.ts';
import { parseJavaUri } from './java-uri.ts';

/** Where to connect to. */
export interface Target extends Endpoint {
  /** Path and query as written; only characters beyond ASCII are escaped. */
  readonly path: string;
  /** Value of an Authorization header for the user name and password of the URL. */
  readonly basicAuth: string | null;
}

/** The validator of `websocket.url`, with the texts of the original. */
export function urlProblem(value: string | null): string | undefined {
  if (value === null) return 'WebSocket URL cannot be null';
  if (value.trim() === '') return 'WebSocket URL cannot be empty';
  const parsed = parseJavaUri(value);
  if (!parsed.ok) {
    const at = parsed.index < 0 ? '' : ` at index ${parsed.index}`;
    return `Invalid WebSocket URL syntax: ${parsed.problem}${at}: ${value}`;
  }
  const { scheme, host } = parsed.uri;
  if (scheme === null) return 'WebSocket URL must have a scheme (ws:// or wss://)';
  if (!/^wss?$/i.test(scheme)) return `WebSocket URL must use ws:// or wss:// scheme, got: ${scheme}`;
  return host === null || host === '' ? 'WebSocket URL must have a valid host' : undefined;
}

/** The target of a URL that `urlProblem` accepts. A port beyond 65535 passes there, as in the original, and fails here. */
export function targetOf(url: string): Target {
  const parsed = parseJavaUri(url);
  const problem = urlProblem(url);
  if (!parsed.ok || problem !== undefined)
    throw new TributaryError('CONFIG_INVALID', `Cannot connect to "${maskUrl(url)}": ${problem}`);
  const { scheme, userInfo, host, port, path, query } = parsed.uri;
  const secure = scheme!.toLowerCase() === 'wss';
  if (port > 65_535 || port === 0)
    throw new TributaryError('CONFIG_INVALID', `Cannot connect to "${maskUrl(url)}": port must be from 1 to 65535`);
  return {
    secure,
    host: host!.replace(/^\[|\]$/g, '').replace(/^([0-9a-fA-F:.]+%)25/, '$1'),
    port: port === -1 ? (secure ? 443 : 80) : port,
    path: escapeNonAscii(`${path === '' || path === null ? '/' : path}${query === null ? '' : `?${query}`}`),
    basicAuth: userInfo === null ? null : userInfoAuth(userInfo),
  };
}

function userInfoAuth(userInfo: string): string {
  const colon = userInfo.indexOf(':');
  const [user, password] = colon === -1 ? [userInfo, ''] : [userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  return basicAuth(decodeURIComponent(user), decodeURIComponent(password));
}

function escapeNonAscii(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: everything that is not ASCII
  return text.replace(/[^\x00-\x7f]+/gu, (part) => encodeURIComponent(part.toWellFormed()));
}
