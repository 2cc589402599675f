/**
 * Every option of the WebSocket source connector. The first eleven are those of conduktor's Kafka Connect connector, in its
 * order, with its types, defaults and validation (which checks neither ranges nor headers: what it lets pass and cannot run
 * fails the task at its start, in settings.ts). The rest are ours; they are checked when the configuration is.
 */

import { numbers } from '../../config/checks.ts';
import { type Config, define } from '../../config/config-def.ts';
import { boolean, double, int, list, long, oneOf, password, string } from '../../config/option.ts';
import { token } from '../../net/header.ts';
import { proxyProblem } from '../../net/proxy.ts';
import { backfillOptions } from './backfill-options.ts';
import { parsePointer } from './json-pointer.ts';
import { splitJsonArray } from './json-scan.ts';
import { urlProblem } from './url.ts';

const maxTimerMs = 2 ** 31 - 1;

/** One header of the upgrade request: `websocket.header.NAME`. Unlike in websocket.headers its value may hold commas. */
export const headerPrefix = 'websocket.header.';

const original = {
  'websocket.url': string({
    importance: 'high',
    validate: urlProblem,
    doc: 'Server to connect to, ws:// or wss://. Path and query are sent as written. A user name and password in it are sent as basic authentication, unless a header or token authenticates.',
  }),
  'kafka.topic': string({ importance: 'high', doc: 'Topic that every message is written to.' }),
  'websocket.subscription.message': string({
    default: null,
    doc: 'Text sent as the first frame each time the connection opens, also after a reconnect. Any text; empty sends nothing.',
  }),
  'websocket.reconnect.enabled': boolean({
    default: true,
    doc: 'Connect again when the connection cannot be made or breaks. When false, the task fails with the reason instead.',
  }),
  'websocket.reconnect.interval.ms': long({
    default: 5000,
    doc: 'Wait before the first new attempt. It doubles with each failed attempt; up to 25 % are added at random (websocket.reconnect.jitter).',
  }),
  'websocket.headers': string({
    default: null,
    importance: 'low',
    doc: 'Headers of the upgrade request: name:value pairs between commas. A value may hold colons, but no comma.',
  }),
  'websocket.auth.token': password({
    default: null,
    doc: 'Sent as "Authorization: Bearer <token>", in place of any such header.',
  }),
  'websocket.message.queue.size': int({
    default: 10_000,
    importance: 'low',
    doc: 'Messages held while Kafka is slower than the feed. When it is full, websocket.overflow decides.',
  }),
  'websocket.connection.timeout.ms': long({
    default: 30_000,
    importance: 'low',
    doc: 'Bound for the connection to the server: name lookup, TCP, proxy and TLS. 0: no bound.',
  }),
  'websocket.reconnect.max.attempts': int({
    default: -1,
    doc: 'Failed attempts in a row after which the task fails. 0 or less: no limit.',
  }),
  'websocket.reconnect.backoff.max.ms': long({
    default: 60_000,
    doc: 'Longest wait between attempts, before the random part is added.',
  }),
};

const connection = {
  'websocket.handshake.timeout.ms': long({
    default: 30_000,
    min: 0,
    max: maxTimerMs,
    doc: 'Bound for the answer to the upgrade request once the connection stands. 0: no bound.',
  }),
  'websocket.reconnect.stable.ms': long({
    default: 10_000,
    min: 0,
    max: maxTimerMs,
    importance: 'low',
    doc: 'How long a connection must have lasted for the next wait to begin at websocket.reconnect.interval.ms again.',
  }),
  'websocket.reconnect.jitter': double({
    default: 0.25,
    min: 0,
    max: 1,
    importance: 'low',
    doc: 'Share of a wait that is added at random, so that many clients of one server do not come back together.',
  }),
  'websocket.reconnect.busy.ms': long({
    default: 5000,
    min: 0,
    max: maxTimerMs,
    importance: 'low',
    doc: 'Least wait after the server said that it restarts or is overloaded: close codes 1012 and 1013, statuses 429 and 503. A Retry-After header is obeyed instead (one hour at most).',
  }),
  'websocket.fatal.close.codes': list({
    default: ['1008', '4401', '4403'],
    validate: numbers(1000, 4999, 'close code'),
    doc: 'Close codes that fail the task, with the reason in its status: no retry can help. All others are retried.',
  }),
  'websocket.fatal.http.statuses': list({
    default: ['401', '403'],
    validate: numbers(300, 599, 'HTTP status'),
    doc: 'Answers to the upgrade request that fail the task, with the reason in its status. All others are retried.',
  }),
  'websocket.redirects.max': int({
    default: 5,
    min: 0,
    max: 20,
    importance: 'low',
    doc: 'HTTP redirects followed in one attempt. Headers and the token stay with the configured host and port; a redirect from wss to ws is refused.',
  }),
  'websocket.subprotocols': list({
    default: [],
    validate: (value) => notToken(value)?.(' must be a token of RFC 7230'),
    doc: 'Subprotocols offered to the server, the preferred one first.',
  }),
  'websocket.subprotocols.required': boolean({
    default: false,
    importance: 'low',
    doc: 'A server that chooses none of the subprotocols is not connected to. When false, the connection goes on without one.',
  }),
  'websocket.compression': boolean({
    default: true,
    doc: 'Offer permessage-deflate to the server.',
  }),
  'websocket.proxy': password({
    default: null,
    validate: proxyProblem,
    doc: 'Proxy to connect through: http://, https:// or socks5://, with user:password@ where it wants them; or "environment" for what HTTPS_PROXY (wss), HTTP_PROXY (ws) and NO_PROXY say. By default there is none and the environment is not looked at.',
  }),
};

const succession = {
  'websocket.connection.max.age.ms': long({
    default: 0,
    min: 0,
    max: maxTimerMs,
    doc: 'Make a new connection when this one is so old, for servers that end each at a known age. Both are read for a while, then the older one is closed: nothing is missed. What comes over both is written twice, unless websocket.dedupe.window drops it. 0: never.',
  }),
  'websocket.connection.max.age.jitter': double({
    default: 0.1,
    min: 0,
    max: 1,
    importance: 'low',
    doc: 'Share of websocket.connection.max.age.ms that is taken off at random, so that many connections do not change together.',
  }),
  'websocket.connection.overlap.ms': long({
    default: 1000,
    min: 1,
    max: maxTimerMs,
    importance: 'low',
    doc: 'Least time for which the older connection goes on beside the newer one, from when that is open; and behind the first message over it.',
  }),
  'websocket.redundant.url': string({
    default: null,
    validate: (value) => (value === null || value === '' ? undefined : urlProblem(value)),
    doc: 'A second server with the same messages, connected to all the time: one of the two may fail without a gap. All other options count for both; headers and the token go to both. Needs websocket.dedupe.window.',
  }),
};

const liveness = {
  'websocket.ping.interval.ms': long({
    default: 15_000,
    min: 0,
    max: maxTimerMs,
    doc: 'A ping frame is sent this often. 0: never; then a peer that is silently gone is found only by websocket.idle.timeout.ms.',
  }),
  'websocket.pong.timeout.ms': long({
    default: 10_000,
    min: 1,
    max: maxTimerMs,
    doc: 'Anything must arrive within this time after a ping, or the connection counts as dead. While our own full queue holds the connection back, nothing is expected.',
  }),
  'websocket.idle.timeout.ms': long({
    default: 0,
    min: 0,
    max: maxTimerMs,
    doc: 'Reconnect when no message came for this long although the connection is alive (a lost subscription). Heartbeat replies do not count as messages. 0: off.',
  }),
  'websocket.heartbeat.message': string({
    default: null,
    doc: 'Text sent every websocket.heartbeat.interval.ms, for servers that want a heartbeat of their own protocol.',
  }),
  'websocket.heartbeat.interval.ms': long({
    default: 20_000,
    min: 1,
    max: maxTimerMs,
    doc: 'Time between two heartbeats.',
  }),
  'websocket.heartbeat.reply.pattern': string({
    default: null,
    validate: patternProblem,
    doc: 'Text messages that this regular expression finds are heartbeat replies: counted, not written. Only messages up to 4096 bytes are looked at. Use ^ and $ to match the whole message.',
  }),
};

const messages = {
  'websocket.subscription.messages': string({
    default: null,
    validate: messagesProblem,
    doc: 'Messages sent in order after websocket.subscription.message each time the connection opens: a JSON array. Elements that are strings are sent as their text, others as the JSON they are written in: [{"op":"auth"},{"op":"subscribe","args":["a","b"]}]. One array and not a comma-separated list, because messages hold commas.',
  }),
  'websocket.unsubscription.replace': string({
    default: null,
    validate: (value) =>
      value === null || value === '' || value.indexOf('=') > 0 ? undefined : 'Must be two texts with "=" between them',
    doc: 'How the message of a subscription becomes the one that ends it: FROM=TO, such as subscribe=unsubscribe; each FROM in it is replaced. Then a subscription that is taken out of the configuration is ended over the connection there is. Without it, or where others come in its place, a new connection takes the place of the one there is.',
  }),
  'websocket.subscription.confirmation.pattern': string({
    default: null,
    validate: patternProblem,
    doc: 'Text messages that this regular expression finds say that a subscription was taken. As many must come as subscription messages were sent, within websocket.subscription.timeout.ms, or a new connection is made, backed off: where the server confirms one with several messages, find one of them. They are written as all messages are. Only messages up to 4096 bytes are looked at, and only until all is confirmed.',
  }),
  'websocket.subscription.refusal.pattern': string({
    default: null,
    validate: patternProblem,
    doc: 'Text messages that this regular expression finds say that a subscription was refused: counted, logged, and answered as websocket.subscription.refused says. Looked for in messages up to 4096 bytes, for websocket.subscription.timeout.ms behind each subscription, whatever was confirmed, and longer while confirmations are missing.',
  }),
  'websocket.subscription.refused': string({
    default: 'reconnect',
    validate: oneOf(['reconnect', 'fail', 'keep']),
    doc: 'What a refused subscription does: reconnect (backed off, with the reason in the status), fail the task, or keep the connection for the other subscriptions, with the reason in the status.',
  }),
  'websocket.subscription.timeout.ms': long({
    default: 10_000,
    min: 1,
    max: maxTimerMs,
    doc: 'How long answers to subscriptions are waited for. While our own full queue holds the connection back, nothing is expected.',
  }),
  'websocket.binary': string({
    default: 'bytes',
    validate: oneOf(['bytes', 'text', 'drop']),
    doc: 'Binary messages become records of bytes, or of text (those that are not UTF-8 are dropped and counted), or are dropped and counted.',
  }),
  'websocket.payload.encoding': string({
    default: 'none',
    validate: oneOf(['none', 'gzip', 'deflate', 'auto']),
    doc: 'Compression of the payload of binary messages by the application itself. gzip, deflate (with or without zlib header), or auto: unpacked where the first bytes are those of gzip or zlib. What cannot be unpacked is dropped and counted.',
  }),
  'websocket.message.max.bytes': int({
    default: 16_777_216,
    min: 1,
    max: 512 * 1024 * 1024,
    doc: 'Longest message, after decompression. A longer one ends the connection with code 1009.',
  }),
  'websocket.key.pointer': string({
    default: null,
    validate: pointerProblem,
    doc: 'JSON pointer (RFC 6901) to the record key within the message, such as /data/symbol. Strings are the key as they are, other values as their JSON; where there is none the key is null.',
  }),
  'websocket.overflow': string({
    default: 'block',
    validate: oneOf(['block', 'drop-oldest', 'drop-newest']),
    doc: 'When the queue is full: stop reading, so that the server waits and nothing is lost; or drop the oldest or the newest message, counted.',
  }),
  'websocket.message.queue.bytes': long({
    default: 67_108_864,
    min: 1,
    max: 2 ** 40,
    importance: 'low',
    doc: 'Bytes of messages the queue holds at most, besides their number. One message larger than this is still taken when the queue is empty.',
  }),
};

const order = {
  'websocket.sequence.pointer': string({
    default: null,
    validate: pointerProblem,
    doc: 'JSON pointer to a sequence number within the message, such as /data/seq: a whole number, or a string of digits. Holes between numbers are counted, logged, shown in the status and, with websocket.gap.topic, written. Messages without one pass, and are counted.',
  }),
  'websocket.sequence.channel.pointer': string({
    default: null,
    validate: pointerProblem,
    doc: 'JSON pointer to what the server counts for: a symbol, a channel. Each has numbers of its own. Without it there is one count for all messages.',
  }),
  'websocket.sequence.step': int({
    default: 1,
    min: 1,
    importance: 'low',
    doc: 'From one sequence number to the next. A number between two steps begins a new count.',
  }),
  'websocket.sequence.scope': string({
    default: 'feed',
    validate: oneOf(['feed', 'connection']),
    doc: 'feed: numbers go on over reconnects and restarts (the last ones stand in the offset), and what came between two connections is a gap; other bytes under a number that has come are a new count. connection: the server counts anew for each.',
  }),
  'websocket.sequence.channels.max': int({
    default: 1000,
    min: 1,
    max: 1_000_000,
    importance: 'low',
    doc: 'Channels whose numbers are followed. Beyond, the one unused for longest is forgotten, and counted.',
  }),
  'websocket.gap.topic': string({
    default: null,
    doc: 'Topic that gets a record about each hole in the sequence numbers, before the message that showed it: connector, task, channel, from, to, missing, at. Its key is the channel. It passes transforms and converters as any other record.',
  }),
  'websocket.dedupe.window': int({
    default: 0,
    min: 0,
    max: 1_000_000,
    doc: 'A message that repeats one of so many before it is dropped and counted. What makes two the same is websocket.dedupe.pointer, else the sequence number (of its channel), else all bytes of the message. 0: off.',
  }),
  'websocket.dedupe.pointer': string({
    default: null,
    validate: pointerProblem,
    doc: 'JSON pointer to an id that two messages share only if one repeats the other. Messages without it pass, and are counted.',
  }),
};

const tls = {
  'websocket.tls.ca': string({
    default: null,
    doc: 'Certificates to trust in place of the public ones: PEM text or the path of a PEM file. By default those that come with Node.js and those of the system are trusted.',
  }),
  'websocket.tls.cert': string({ default: null, doc: 'Certificate to show to the server: PEM text or path.' }),
  'websocket.tls.key': password({ default: null, doc: 'Its private key: PEM text or path.' }),
  'websocket.tls.passphrase': password({ default: null, doc: 'Passphrase of the private key.' }),
  'websocket.tls.servername': string({
    default: null,
    doc: 'Name asked for (SNI) and expected in the certificate, where it is not the host of the URL.',
  }),
  'websocket.tls.insecure': boolean({
    default: false,
    importance: 'low',
    doc: 'Accept any certificate. The connection can then be read and changed by anyone on its way; for tests only.',
  }),
};

export const config = define({
  ...original,
  ...connection,
  ...succession,
  ...liveness,
  ...messages,
  ...order,
  ...backfillOptions,
  ...tls,
});
export type WebSocketConfig = Config<typeof config>;

function notToken(value: readonly string[] | null): ((problem: string) => string) | undefined {
  const wrong = value?.find((name) => !token.test(name));
  return wrong === undefined ? undefined : (problem) => `"${wrong}"${problem}`;
}

function pointerProblem(value: string | null): string | undefined {
  return value === null ? undefined : parsePointer(value).problem;
}

function patternProblem(value: string | null): string | undefined {
  if (value === null) return undefined;
  try {
    new RegExp(value, 'u');
    return undefined;
  } catch (error) {
    return `Not a regular expression: ${(error as Error).message}`;
  }
}

function messagesProblem(value: string | null): string | undefined {
  return value === null || value === '' || splitJsonArray(value) !== undefined
    ? undefined
    : 'Must be a JSON array of messages, such as ["first", {"op":"subscribe"}]';
}
