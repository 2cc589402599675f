import { TributaryError } from '../base/errors.ts';
import { basicAuth, type Endpoint, maskUrl } from './endpoint.ts';

/** An http:// or https:// URL, cut into what a request needs. */
export interface HttpTarget extends Endpoint {
  /** Without user, password and fragment. */
  readonly url: string;
  /** Path and query. */
  readonly path: string;
  /** Value of an Authorization header for the user name and password of the URL. */
  readonly basicAuth: string | null;
}

/** CONFIG_INVALID where it is no such URL; `what` names it. A user and password in it are not shown. */
export function httpTarget(text: string, what: string, base?: string): HttpTarget {
  const parsed = URL.canParse(text, base) ? new URL(text, base) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `Cannot use ${what} "${maskUrl(text)}": must be an http:// or https:// URL`,
    );
  }
  const { username, password, pathname, search, port, hostname } = parsed;
  const secure = parsed.protocol === 'https:';
  parsed.username = parsed.password = parsed.hash = '';
  return {
    secure,
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    path: `${pathname}${search}`,
    url: parsed.href,
    basicAuth: username === '' && password === '' ? null : basicAuth(decoded(username), decoded(password)),
  };
}

/** Whoever writes a lone percent sign means it. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
