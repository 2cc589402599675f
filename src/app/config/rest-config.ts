/** The REST interface as configured: where it listens, how, and who may ask. Of our own file and of Kafka Connect's alike. */
import { hostname } from 'node:os';
import { isError } from '../../base/errors.ts';
import { usualMethods } from '../../rest/access/cors.ts';
import { parseResponseHeaders, type ResponseHeader } from '../../rest/access/response-headers.ts';
import { isLoopback } from '../../rest/listen.ts';
import type { ListenerSettings, ListenerTls, RestSettings } from './app-config.ts';
import { accountsOf } from './rest-accounts.ts';

/** What a file says, with references resolved; problems find their line by the key. */
export interface RestKeys {
  /** Without blanks around it; undefined where it is missing or empty. */
  text(key: string): string | undefined;
  has(key: string): boolean;
  startingWith(prefix: string): readonly string[];
  problem(key: string, message: string): void;
}

export interface RestForm {
  /** Key of the listeners, and what the command line says in its place. */
  readonly listenKey: 'listeners' | 'worker.listen';
  readonly listen: string | undefined;
  readonly portOption: string;
  readonly maskSecrets: boolean;
  readonly statusDetail: boolean;
  readonly topicTracking: 'on' | 'without-reset' | 'off';
  /** How a line of this file is written. */
  readonly line: (key: string, value: string) => string;
  /** Certificate and key of https:// listeners; undefined where it has said what is wrong. */
  readonly tls: () => ListenerTls | undefined;
}

const defaultListen = '127.0.0.1:8083';

/** undefined where there are problems; they have been told. */
export function restSettingsOf(keys: RestKeys, form: RestForm): RestSettings | undefined {
  const listeners = listenersOf(keys, form);
  const accounts = accountsOf(keys);
  if (listeners === undefined || listeners.length === 0) return undefined;
  const open = listeners.filter(({ host }) => !isLoopback(host));
  const asksWho = accounts.users.length + accounts.tokens.length > 0;
  const anybody = asksWho ? undefined : open.find(({ tls }) => tls?.clientAuth !== 'required');
  if (anybody !== undefined && !isTrue(keys.text('rest.anonymous'))) {
    keys.problem(
      form.listenKey,
      `"${shownAddress(anybody)}" is not loopback, and REST has no authentication: add the line "${form.line('rest.anonymous', 'true')}" if that is meant, give users ("rest.users.NAME.password" and "rest.users.NAME.role"), or listen on 127.0.0.1:${anybody.port}`,
    );
  }
  const origins = listOf(keys.text('access.control.allow.origin'));
  const methods = listOf(keys.text('access.control.allow.methods'));
  return {
    listeners,
    ...advertisedOf(keys, listeners),
    maskSecrets: form.maskSecrets,
    statusDetail: form.statusDetail,
    topicTracking: form.topicTracking,
    isAnonymous: anybody !== undefined,
    portOption: form.portOption,
    access: {
      accounts,
      openPaths: listOf(keys.has('rest.public.paths') ? (keys.text('rest.public.paths') ?? '') : '/health'),
      hosts: [...listOf(keys.text('rest.allowed.hosts')), ...listOf(keys.text('rest.advertised.host.name'))],
      cors: { origins, methods: methods.length === 0 ? usualMethods : methods.map((word) => word.toUpperCase()) },
      responseHeaders: responseHeadersOf(keys),
      secretsMasked: form.maskSecrets,
    },
  };
}

function listenersOf(keys: RestKeys, form: RestForm): ListenerSettings[] | undefined {
  const { listenKey } = form;
  const texts = listOf(form.listen ?? keys.text(listenKey) ?? defaultListen);
  const admin = keys.has('admin.listeners') ? listOf(keys.text('admin.listeners')) : undefined;
  let tls: ListenerTls | undefined;
  const read = (key: string, text: string, serves: ListenerSettings['serves']): ListenerSettings | undefined => {
    const address = parseAddress(text);
    if (address === undefined) {
      keys.problem(key, `cannot use "${text}": must be HOST:PORT, http://HOST:PORT or https://HOST:PORT`);
      return undefined;
    }
    const { host, port, isTls } = address;
    if (!isTls) return { host, port, tls: undefined, serves };
    tls ??= form.tls();
    return tls === undefined ? undefined : { host, port, tls, serves };
  };
  const main = texts.map((text) => {
    const isShared = admin === undefined || admin.includes(text);
    return read(listenKey, text, isShared ? 'all' : 'all-but-admin');
  });
  const apart = (admin ?? [])
    .filter((text) => !texts.includes(text))
    .map((text) => read('admin.listeners', text, 'admin'));
  const all = [...main, ...apart];
  return all.every((listener) => listener !== undefined) ? all : undefined;
}

function parseAddress(text: string): { host: string; port: number; isTls: boolean } | undefined {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^:/\s]*):(\d{1,5})\/?$/i.exec(text);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  const host = match[2]!.replace(/^\[|\]$/g, '') || '0.0.0.0';
  return { host, port: Number(match[3]), isTls: match[1]?.toLowerCase() === 'https' };
}

/** What others see of a worker behind a gateway; without it the first listener, by this machine's name if it is every address. */
function advertisedOf(
  keys: RestKeys,
  listeners: readonly ListenerSettings[],
): Pick<RestSettings, 'advertised' | 'isAdvertisedTls'> {
  const wanted = keys.text('rest.advertised.listener')?.toLowerCase();
  const found =
    wanted === undefined
      ? listeners[0]!
      : listeners.find(({ tls }) => (tls === undefined ? 'http' : 'https') === wanted);
  if (found === undefined) {
    keys.problem('rest.advertised.listener', `cannot use "${wanted!}": no listener is of that kind`);
    return { advertised: undefined, isAdvertisedTls: false };
  }
  const isAdvertisedTls = found.tls !== undefined;
  const name = keys.text('rest.advertised.host.name');
  const port = keys.text('rest.advertised.port');
  if (port !== undefined && !/^\d{1,5}$/.test(port)) {
    keys.problem('rest.advertised.port', `cannot use "${port}": must be a port`);
  }
  const isEvery = found.host === '0.0.0.0' || found.host === '::';
  if (name === undefined && port === undefined && wanted === undefined && !isEvery) {
    return { advertised: undefined, isAdvertisedTls };
  }
  return { advertised: `${name ?? (isEvery ? hostname() : found.host)}:${port ?? found.port}`, isAdvertisedTls };
}

function responseHeadersOf(keys: RestKeys): readonly ResponseHeader[] {
  try {
    return parseResponseHeaders(keys.text('response.http.headers.config') ?? '');
  } catch (error) {
    if (!isError(error, 'CONFIG_INVALID')) throw error;
    keys.problem('response.http.headers.config', error.message);
    return [];
  }
}

function shownAddress({ host, port, tls }: ListenerSettings): string {
  return `${tls === undefined ? '' : 'https://'}${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function listOf(text: string | undefined): string[] {
  return (text ?? '').split(',').flatMap((part) => part.trim() || []);
}

function isTrue(text: string | undefined): boolean {
  return text?.toLowerCase() === 'true';
}
