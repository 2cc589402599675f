/** The configuration as the task uses it. What validation lets pass, as the original does, and cannot run fails here. */
import { TributaryError } from '../../base/errors.ts';
import { parse, type RawConfig } from '../../config/config-def.ts';
import type { HeaderPair } from '../../net/endpoint.ts';
import type { TlsSettings } from '../../net/tls-trust.ts';
import type { QueueSettings } from '../../source/bounded-queue.ts';
import type { AnswerSettings } from './answers.ts';
import { type BackfillSettings, backfillOf, backfillSecrets } from './backfill-options.ts';
import { parseHeaders } from './headers.ts';
import { type Pointer, parsePointer } from './json-pointer.ts';
import { splitJsonArray } from './json-scan.ts';
import type { NumberingSettings } from './numbering.ts';
import { numberingOf } from './numbering-settings.ts';
import type { Policy } from './policy.ts';
import { config, headerPrefix, type WebSocketConfig } from './spec.ts';
import { type Target, targetOf } from './url.ts';

export interface Settings {
  readonly url: string;
  readonly target: Target;
  readonly topic: string;
  /** Headers of the upgrade request that the configuration asks for, authorization included. */
  readonly headers: readonly HeaderPair[];
  readonly skippedHeaders: readonly number[];
  readonly subprotocols: readonly string[];
  readonly subprotocolRequired: boolean;
  readonly compression: boolean;
  readonly proxy: string | null;
  /** Sent in this order on every open. */
  readonly subscriptions: readonly string[];
  /** What makes the end of a subscription of its message; null: nobody knows. */
  readonly unsubscription: { readonly from: string; readonly to: string } | null;
  /** What the server says to them; null: nobody can tell. */
  readonly answers: (AnswerSettings & { readonly refused: 'reconnect' | 'fail' | 'keep' }) | null;
  readonly heartbeat: string | null;
  readonly policy: Policy;
  readonly queue: QueueSettings;
  readonly messages: MessageSettings;
  /** null: what is missing is not asked for. */
  readonly backfill: BackfillSettings | null;
  readonly maxMessageBytes: number;
  readonly tls: TlsSettings;
  /** The same for the second server, where there is one. */
  readonly redundant: Settings | null;
  /** Texts that must not show up anywhere. */
  readonly secrets: readonly string[];
}

export interface MessageSettings {
  readonly binary: 'bytes' | 'text' | 'drop';
  readonly encoding: 'none' | 'gzip' | 'deflate' | 'auto';
  readonly maxBytes: number;
  readonly key: Pointer | null;
  readonly heartbeatReply: RegExp | null;
  readonly numbering: NumberingSettings;
}

export function settingsOf(raw: RawConfig): Settings {
  const values = parse(config, raw);
  const redundant = redundantOf(raw, values);
  const maxRecords = atLeast(values, 'websocket.message.queue.size', 1);
  atLeast(values, 'websocket.connection.timeout.ms', 0);
  const url = values['websocket.url'];
  const target = targetOf(url);
  const { headers, skipped } = parseHeaders(values['websocket.headers'], singleHeaders(raw));
  const maxBytes = values['websocket.message.max.bytes'];
  const pattern = textOf(values['websocket.heartbeat.reply.pattern']);
  const pointer = values['websocket.key.pointer'];
  const heartbeat = textOf(values['websocket.heartbeat.message']);
  const numbering = numberingOf(values);
  const backfill = backfillOf(raw, values, numbering.sequence);
  const offered = headers.find(([name]) => name.toLowerCase() === 'sec-websocket-protocol')?.[1].split(/\s*,\s*/) ?? [];
  return {
    url,
    target,
    topic: values['kafka.topic'],
    headers: withAuthorization(
      headers.filter(([name]) => name.toLowerCase() !== 'sec-websocket-protocol'),
      values['websocket.auth.token'],
      target,
    ),
    skippedHeaders: skipped,
    subprotocols: [...new Set([...values['websocket.subprotocols'], ...offered])],
    subprotocolRequired: values['websocket.subprotocols.required'],
    compression: values['websocket.compression'],
    proxy: textOf(values['websocket.proxy']),
    subscriptions: subscriptionsOf(values),
    unsubscription: unsubscriptionOf(textOf(values['websocket.unsubscription.replace'])),
    answers: answersOf(values),
    heartbeat,
    policy: policyOf(values, heartbeat !== null),
    queue: {
      maxRecords,
      maxBytes: values['websocket.message.queue.bytes'],
      overflow: values['websocket.overflow'] as QueueSettings['overflow'],
    },
    messages: {
      binary: values['websocket.binary'] as MessageSettings['binary'],
      encoding: values['websocket.payload.encoding'] as MessageSettings['encoding'],
      maxBytes,
      key: pointer === null ? null : parsePointer(pointer),
      heartbeatReply: pattern === null ? null : new RegExp(pattern, 'u'),
      numbering,
    },
    backfill,
    maxMessageBytes: maxBytes,
    tls: {
      prefix: 'websocket.tls',
      ca: textOf(values['websocket.tls.ca']),
      cert: textOf(values['websocket.tls.cert']),
      key: textOf(values['websocket.tls.key']),
      passphrase: textOf(values['websocket.tls.passphrase']),
      servername: textOf(values['websocket.tls.servername']),
      insecure: values['websocket.tls.insecure'],
    },
    redundant,
    secrets: [
      ...secretsOf(values, headers),
      ...(backfill === null ? [] : backfillSecrets(backfill)),
      ...(redundant?.secrets ?? []),
    ],
  };
}

function redundantOf(raw: RawConfig, values: WebSocketConfig): Settings | null {
  const url = textOf(values['websocket.redundant.url']);
  if (url === null) return null;
  if (values['websocket.dedupe.window'] === 0) {
    const problem = 'websocket.dedupe.window must be at least 1, else each message is written twice';
    throw new TributaryError('CONFIG_INVALID', `Cannot start with websocket.redundant.url: ${problem}`);
  }
  return settingsOf({ ...raw, 'websocket.url': url, 'websocket.redundant.url': '' });
}

function atLeast(
  values: WebSocketConfig,
  name: 'websocket.message.queue.size' | 'websocket.connection.timeout.ms',
  min: number,
): number {
  const value = values[name];
  if (value < min)
    throw new TributaryError('CONFIG_INVALID', `Cannot start with ${name} "${value}": must be at least ${min}`);
  return value;
}

/** Kafka Connect's users leave an option out by an empty value, too. */
function textOf(value: string | null): string | null {
  return value === '' ? null : value;
}

function singleHeaders(raw: RawConfig): HeaderPair[] {
  return Object.entries(raw).flatMap(([key, value]): HeaderPair[] =>
    key.startsWith(headerPrefix) ? [[key.slice(headerPrefix.length), value.trim()]] : [],
  );
}

/** The token takes the place of any Authorization header; user and password of the URL count only without one. */
function withAuthorization(headers: readonly HeaderPair[], token: string | null, target: Target): HeaderPair[] {
  const others = headers.filter(([name]) => name.toLowerCase() !== 'authorization');
  if (token !== null && token !== '') {
    if (/[^\x20-\x7e]/.test(token))
      throw new TributaryError(
        'CONFIG_INVALID',
        'Cannot send websocket.auth.token: must be printable ASCII on one line',
      );
    return [...others, ['Authorization', `Bearer ${token}`]];
  }
  if (others.length === headers.length && target.basicAuth !== null) {
    return [...others, ['Authorization', target.basicAuth]];
  }
  return [...headers];
}

function subscriptionsOf(values: WebSocketConfig): string[] {
  const first = textOf(values['websocket.subscription.message']);
  const more = textOf(values['websocket.subscription.messages']);
  return [...(first === null ? [] : [first]), ...(more === null ? [] : splitJsonArray(more)!)];
}

function unsubscriptionOf(rule: string | null): Settings['unsubscription'] {
  if (rule === null) return null;
  const at = rule.indexOf('=');
  return { from: rule.slice(0, at), to: rule.slice(at + 1) };
}

function answersOf(values: WebSocketConfig): Settings['answers'] {
  const confirmation = textOf(values['websocket.subscription.confirmation.pattern']);
  const refusal = textOf(values['websocket.subscription.refusal.pattern']);
  if (confirmation === null && refusal === null) return null;
  return {
    confirmation: confirmation === null ? null : new RegExp(confirmation, 'u'),
    refusal: refusal === null ? null : new RegExp(refusal, 'u'),
    timeoutMs: values['websocket.subscription.timeout.ms'],
    refused: values['websocket.subscription.refused'] as 'reconnect' | 'fail' | 'keep',
  };
}

function policyOf(values: WebSocketConfig, heartbeat: boolean): Policy {
  return {
    reconnect: values['websocket.reconnect.enabled'],
    maxAttempts: values['websocket.reconnect.max.attempts'],
    backoff: {
      baseMs: values['websocket.reconnect.interval.ms'],
      maxMs: values['websocket.reconnect.backoff.max.ms'],
      jitter: values['websocket.reconnect.jitter'],
    },
    stableMs: values['websocket.reconnect.stable.ms'],
    busyMs: values['websocket.reconnect.busy.ms'],
    connectTimeoutMs: values['websocket.connection.timeout.ms'],
    handshakeTimeoutMs: values['websocket.handshake.timeout.ms'],
    pingIntervalMs: values['websocket.ping.interval.ms'],
    pongTimeoutMs: values['websocket.pong.timeout.ms'],
    idleTimeoutMs: values['websocket.idle.timeout.ms'],
    heartbeatIntervalMs: heartbeat ? values['websocket.heartbeat.interval.ms'] : 0,
    subscriptionTimeoutMs:
      textOf(values['websocket.subscription.confirmation.pattern']) === null
        ? 0
        : values['websocket.subscription.timeout.ms'],
    closeTimeoutMs: 2000,
    maxRedirects: values['websocket.redirects.max'],
    fatalCloseCodes: new Set(values['websocket.fatal.close.codes'].map(Number)),
    fatalStatuses: new Set(values['websocket.fatal.http.statuses'].map(Number)),
    renewal: {
      maxAgeMs: values['websocket.connection.max.age.ms'],
      jitter: values['websocket.connection.max.age.jitter'],
      overlapMs: values['websocket.connection.overlap.ms'],
    },
  };
}

function secretsOf(values: WebSocketConfig, headers: readonly HeaderPair[]): string[] {
  const url = values['websocket.url'];
  const proxy = values['websocket.proxy'];
  const userInfo = [url, proxy ?? ''].flatMap((text) => /\/\/([^/?#]*)@/.exec(text)?.[1] ?? []);
  const query = [...new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? '').entries()];
  return [
    ...userInfo.flatMap((text) => [text, ...text.split(':').slice(1)]),
    ...query.filter(([name]) => /token|key|secret|pass|auth|sign/i.test(name)).map(([, value]) => value),
    ...headers.filter(([name]) => /auth|cookie|token|key|secret|sign/i.test(name)).map(([, value]) => value),
    values['websocket.auth.token'] ?? '',
    values['websocket.tls.passphrase'] ?? '',
  ].filter((secret) => secret !== '');
}
