/** The configuration as the task uses it. What validation lets pass, as the original does, and cannot run fails here. */
import { TributaryError } from '../../base/errors.ts';
import { parse, type RawConfig } from '../../config/config-def.ts';
import { basicAuth, type HeaderPair } from '../../net/endpoint.ts';
import { headerProblem } from '../../net/header.ts';
import { type HttpTarget, httpTarget } from '../../net/http-url.ts';
import type { OAuth2Client } from '../../net/oauth2.ts';
import type { TlsSettings } from '../../net/tls-trust.ts';
import type { QueueSettings } from '../../source/bounded-queue.ts';
import type { Policy } from './policy.ts';
import { config, headerPrefix, paramPrefix, type SseConfig } from './spec.ts';

export interface Settings {
  readonly target: HttpTarget;
  readonly topic: string;
  /** Headers of the request, authorization included, without those that differ from one request to the next. */
  readonly headers: readonly HeaderPair[];
  /** Where a stream begins that nothing is known of: `http.header.Last-Event-ID`. */
  readonly firstEventId: string | null;
  readonly resumes: boolean;
  readonly oauth2: OAuth2Client | null;
  readonly proxy: string | null;
  readonly tls: TlsSettings;
  readonly policy: Policy;
  readonly limits: { readonly requestsPerSecond: number | null; readonly maxConcurrent: number | null };
  readonly queue: QueueSettings;
  readonly events: EventSettings;
  /** Texts that must not show up anywhere. */
  readonly secrets: readonly string[];
}

export interface EventSettings {
  readonly defaultName: string;
  /** Empty: all. */
  readonly names: readonly string[];
  readonly excluded: readonly string[];
  readonly value: 'struct' | 'data';
  readonly key: 'none' | 'id' | 'event' | 'origin';
  readonly headers: readonly string[];
  readonly origin: string;
  readonly maxBytes: number;
  readonly failsOnOversize: boolean;
  /** null: no records about gaps. */
  readonly gapTopic: string | null;
}

/** The original's, so that servers that know it by its name still do. */
const userAgent = 'KafkaConnectSSE/1.4 (https://github.com/cjmatta/kafka-connect-sse)';
/** Headers that belong to the request itself. */
const ours = new Set(['connection', 'content-length', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'expect']);

export function settingsOf(raw: RawConfig): Settings {
  const values = parse(config, raw);
  const target = httpTarget(withParams(values['sse.uri'], raw), 'sse.uri');
  const given = givenHeaders(raw);
  const firstEventId = given.find(([name]) => name.toLowerCase() === 'last-event-id')?.[1] ?? null;
  const authorization = authorizationOf(values, given, target);
  return {
    target,
    topic: values.topic,
    headers: requestHeaders(values, given, authorization),
    firstEventId,
    resumes: values['sse.resume'] === 'last-event-id',
    oauth2: oauth2Of(values),
    proxy: textOf(values['sse.proxy']),
    tls: {
      prefix: 'sse.tls',
      ca: textOf(values['sse.tls.ca']),
      cert: textOf(values['sse.tls.cert']),
      key: textOf(values['sse.tls.key']),
      passphrase: textOf(values['sse.tls.passphrase']),
      servername: textOf(values['sse.tls.servername']),
      insecure: values['sse.tls.insecure'],
    },
    policy: policyOf(values),
    limits: {
      requestsPerSecond: positive(values['rate.limit.requests.per.second'], 'rate.limit.requests.per.second'),
      maxConcurrent: positive(values['rate.limit.max.concurrent'], 'rate.limit.max.concurrent'),
    },
    queue: {
      maxRecords: values['sse.queue.size'],
      maxBytes: values['sse.queue.bytes'],
      overflow: values['sse.overflow'] as QueueSettings['overflow'],
    },
    events: {
      defaultName: values['sse.event.default.name'],
      names: values['sse.events'],
      excluded: values['sse.events.exclude'],
      value: values['sse.value'] as EventSettings['value'],
      key: values['sse.key'] as EventSettings['key'],
      headers: values['sse.headers'],
      origin: new URL(target.url).origin,
      maxBytes: values['sse.event.max.bytes'],
      failsOnOversize: values['sse.event.oversize'] === 'fail',
      gapTopic: textOf(values['sse.gap.topic']),
    },
    secrets: secretsOf(values, given, raw, authorization),
  };
}

/** Kafka Connect's users leave an option out by an empty value, too. */
function textOf(value: string | null): string | null {
  return value === '' ? null : value;
}

function positive(value: number | null, name: string): number | null {
  if (value === null || value > 0) return value;
  throw new TributaryError('CONFIG_INVALID', `Cannot start with ${name} "${value}": must be greater than 0`);
}

function withParams(uri: string, raw: RawConfig): string {
  const params = prefixed(raw, paramPrefix);
  if (params.length === 0 || !URL.canParse(uri)) return uri;
  const url = new URL(uri);
  for (const [name, value] of params) url.searchParams.append(name, value);
  return url.href;
}

function prefixed(raw: RawConfig, prefix: string): (readonly [string, string])[] {
  return Object.entries(raw)
    .filter(([key]) => key.startsWith(prefix) && key.length > prefix.length)
    .map(([key, value]) => [key.slice(prefix.length), value]);
}

/** `http.header.<Name>`. CONFIG_INVALID for what must not reach the wire; it names the header, never its value. */
function givenHeaders(raw: RawConfig): HeaderPair[] {
  const headers = new Map<string, HeaderPair>();
  for (const [name, text] of prefixed(raw, headerPrefix)) {
    const value = text.trim();
    const isOurs = ours.has(name.toLowerCase()) ? 'it belongs to the request itself' : undefined;
    const problem = headerProblem(name, value) ?? isOurs;
    if (problem !== undefined) {
      throw new TributaryError(
        'CONFIG_INVALID',
        `Cannot send header ${JSON.stringify(headerPrefix + name)}: ${problem}`,
      );
    }
    headers.set(name.toLowerCase(), [name, value]);
  }
  return [...headers.values()];
}

/** A token counts most, then basic authentication, then a header, then user and password of the URL. */
function authorizationOf(values: SseConfig, given: readonly HeaderPair[], target: HttpTarget): string | null {
  const token = textOf(values['sse.auth.token']);
  if (token !== null) {
    if (/[^\x20-\x7e]/.test(token))
      throw new TributaryError('CONFIG_INVALID', 'Cannot send sse.auth.token: must be printable ASCII on one line');
    return `Bearer ${token}`;
  }
  if (values['http.basic.auth']) {
    return basicAuth(values['http.basic.auth.username'] ?? '', values['http.basic.auth.password'] ?? '');
  }
  const header = given.find(([name]) => name.toLowerCase() === 'authorization');
  return header?.[1] ?? target.basicAuth;
}

function requestHeaders(values: SseConfig, given: readonly HeaderPair[], authorization: string | null): HeaderPair[] {
  const encodings = values['compression.enabled'] ? 'gzip, deflate, br, zstd' : 'identity';
  const own: HeaderPair[] = [
    ['Accept', 'text/event-stream'],
    ['Accept-Encoding', encodings],
    ['Cache-Control', 'no-store'],
    ['User-Agent', userAgent],
  ];
  const theirs = given.filter(([name]) => !/^(authorization|last-event-id)$/i.test(name));
  const names = new Set(theirs.map(([name]) => name.toLowerCase()));
  return [
    ...own.filter(([name]) => !names.has(name.toLowerCase())),
    ...theirs,
    ...(authorization === null ? [] : [['Authorization', authorization] as const]),
  ];
}

function oauth2Of(values: SseConfig): OAuth2Client | null {
  const tokenUrl = textOf(values['sse.oauth2.token.url']);
  if (tokenUrl === null) return null;
  const id = textOf(values['sse.oauth2.client.id']);
  if (id === null) {
    throw new TributaryError('CONFIG_INVALID', 'Cannot start with sse.oauth2.token.url without sse.oauth2.client.id');
  }
  return {
    target: httpTarget(tokenUrl, 'sse.oauth2.token.url'),
    id,
    secret: values['sse.oauth2.client.secret'] ?? '',
    scope: textOf(values['sse.oauth2.scope']),
    audience: textOf(values['sse.oauth2.audience']),
    auth: values['sse.oauth2.client.auth'] as OAuth2Client['auth'],
  };
}

function policyOf(values: SseConfig): Policy {
  return {
    maxAttempts: values['retry.max.attempts'],
    backoff: { baseMs: values['retry.backoff.initial.ms'], maxMs: values['retry.backoff.max.ms'], jitter: 0.25 },
    stableMs: values['sse.reconnect.stable.ms'],
    connectTimeoutMs: values['sse.connection.timeout.ms'],
    responseTimeoutMs: values['sse.response.timeout.ms'],
    heartbeatTimeoutMs: values['sse.heartbeat.timeout.ms'],
    idleTimeoutMs: values['sse.idle.timeout.ms'],
    maxRedirects: values['sse.redirects.max'],
    fatalStatuses: new Set(values['sse.fatal.http.statuses'].map(Number)),
  };
}

const secretName = /auth|cookie|token|key|secret|pass|sign|credential/i;

function secretsOf(
  values: SseConfig,
  given: readonly HeaderPair[],
  raw: RawConfig,
  authorization: string | null,
): string[] {
  const userInfo = [values['sse.uri'], values['sse.proxy'] ?? '', values['sse.oauth2.token.url'] ?? ''].flatMap(
    (text) => /\/\/([^/?#]*)@/.exec(text)?.[1] ?? [],
  );
  const query = [...new URLSearchParams(/\?([^#]*)/.exec(values['sse.uri'])?.[1] ?? '').entries()];
  return [
    ...userInfo.flatMap((text) => [text, ...text.split(':').slice(1)]),
    ...[...query, ...prefixed(raw, paramPrefix), ...given]
      .filter(([name]) => secretName.test(name))
      .flatMap(([, value]) => [value, encodeURIComponent(value)]),
    authorization ?? '',
    authorization?.replace(/^\S+ /, '') ?? '',
    values['http.basic.auth.password'] ?? '',
    values['sse.oauth2.client.secret'] ?? '',
    values['sse.tls.passphrase'] ?? '',
  ].filter((secret) => secret !== '');
}
