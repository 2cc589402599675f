/**
 * Every option of the SSE source connector. The first eleven are those of cjmatta's Kafka Connect connector, in its order,
 * with its types and defaults; it checks nothing but their types, so what cannot be run fails the task at its start
 * (settings.ts). The rest are ours; they are checked when the configuration is.
 */
import { numbers } from '../../config/checks.ts';
import { type Config, define } from '../../config/config-def.ts';
import { boolean, double, int, list, long, oneOf, password, string } from '../../config/option.ts';
import { proxyProblem } from '../../net/proxy.ts';

const maxTimerMs = 2 ** 31 - 1;
const group = '';

const original = {
  'sse.uri': string({
    group,
    importance: 'high',
    doc: 'Stream to read, http:// or https://. A user name and password in it are sent as basic authentication, unless something else authenticates.',
  }),
  topic: string({ group, importance: 'high', doc: 'Topic that every event is written to.' }),
  'http.basic.auth': boolean({ group, default: false, doc: 'Send a user name and password (basic authentication).' }),
  'http.basic.auth.username': string({ group, default: null, doc: 'User name of the basic authentication.' }),
  'http.basic.auth.password': password({ group, default: null, doc: 'Password of the basic authentication.' }),
  'compression.enabled': boolean({
    group,
    default: true,
    importance: 'low',
    doc: 'Ask for a compressed stream (gzip, deflate, brotli, zstd). What comes compressed is unpacked in any case.',
  }),
  'rate.limit.requests.per.second': double({
    group,
    default: null,
    importance: 'low',
    doc: 'Most HTTP requests a second, redirects, reconnects and requests for tokens included. Events are not limited.',
  }),
  'rate.limit.max.concurrent': int({
    group,
    default: null,
    importance: 'low',
    doc: 'Most open streams to one server, over all SSE connectors of this worker that set it. A connector above it waits for its turn, and its status says so.',
  }),
  'retry.backoff.initial.ms': long({
    group,
    default: 2000,
    importance: 'low',
    doc: 'Wait before the first new attempt, unless the server asks for another one (retry). It doubles with each failed attempt; up to 25 % are added at random.',
  }),
  'retry.backoff.max.ms': long({
    group,
    default: 30_000,
    importance: 'low',
    doc: 'Longest wait between attempts, before the random part is added.',
  }),
  'retry.max.attempts': int({
    group,
    default: -1,
    importance: 'low',
    doc: 'Failed attempts in a row after which the task fails with the reason. 0 or less: no limit.',
  }),
};

const events = {
  'sse.resume': string({
    group,
    default: 'last-event-id',
    validate: oneOf(['last-event-id', 'none']),
    doc: 'last-event-id: the id of the last event is kept with the records and sent as Last-Event-ID on every connection, also after a restart. none: nothing is kept; after a restart the stream starts where the server starts it, only a reconnect goes on.',
  }),
  'sse.events': list({
    group,
    default: [],
    doc: 'Names of the events to write, * standing for any characters; by default all. Others are counted and dropped. Events without a name have the one of sse.event.default.name.',
  }),
  'sse.events.exclude': list({ group, default: [], doc: 'Names of events to drop, in the form of sse.events.' }),
  'sse.event.default.name': string({
    group,
    default: 'unknown',
    doc: 'Name given to events without one. The original says unknown, the standard message.',
  }),
  'sse.value': string({
    group,
    default: 'struct',
    validate: oneOf(['struct', 'data']),
    doc: 'struct: the value of a record is a structure of event, id and data. data: it is the data alone.',
  }),
  'sse.key': string({
    group,
    default: 'none',
    validate: oneOf(['none', 'id', 'event', 'origin']),
    doc: 'Key of the records: none, the id of the event (null where it has none), its name, or the origin of the stream (https://host:port).',
  }),
  'sse.headers': list({
    group,
    default: [],
    validate: (value) => {
      const wrong = value?.find((name) => !['id', 'event', 'origin'].includes(name));
      return wrong === undefined ? undefined : `"${wrong}" is none of id, event, origin`;
    },
    doc: 'What records carry as headers: any of id (sse.id), event (sse.event) and origin (sse.origin).',
  }),
  'sse.event.max.bytes': int({
    group,
    default: 16_777_216,
    min: 1,
    max: 512 * 1024 * 1024,
    doc: 'Longest event, its data after decompression. What is done with a longer one says sse.event.oversize.',
  }),
  'sse.event.oversize': string({
    group,
    default: 'drop',
    validate: oneOf(['drop', 'fail']),
    doc: 'drop: an event above sse.event.max.bytes is passed over and counted. fail: the task fails.',
  }),
  'sse.gap.topic': string({
    group,
    default: null,
    doc: 'Topic that gets a record about each gap: connector, task, reason, after, from, to, missing, at. The reason is ids where ids that are whole numbers and count by one leave some out (the record stands before the event that showed it), or resume_refused where the server will not go on behind the last event. It passes transforms and converters as any other record. Events are then queued one by one, which costs more than in columns.',
  }),
  'sse.queue.size': int({
    group,
    default: 10_000,
    min: 1,
    importance: 'low',
    doc: 'Events held while Kafka is slower than the stream. When it is full, sse.overflow decides.',
  }),
  'sse.queue.bytes': long({
    group,
    default: 67_108_864,
    min: 1,
    max: 2 ** 40,
    importance: 'low',
    doc: 'Bytes of events the queue holds at most, besides their number; where events are queued as the JSON that will be stored, bytes of that. One event larger than this is still taken when the queue is empty.',
  }),
  'sse.overflow': string({
    group,
    default: 'block',
    validate: oneOf(['block', 'drop-oldest', 'drop-newest']),
    doc: 'When the queue is full: stop reading, so that the server waits and nothing is lost; or drop the oldest or the newest event, counted.',
  }),
};

const connection = {
  'sse.connection.timeout.ms': long({
    group,
    default: 30_000,
    min: 0,
    max: maxTimerMs,
    doc: 'Bound for the connection to the server: name lookup, TCP, proxy and TLS. 0: no bound.',
  }),
  'sse.response.timeout.ms': long({
    group,
    default: 30_000,
    min: 0,
    max: maxTimerMs,
    doc: 'Bound for the head of the answer once the connection stands. 0: no bound.',
  }),
  'sse.heartbeat.timeout.ms': long({
    group,
    default: 120_000,
    min: 0,
    max: maxTimerMs,
    doc: 'Reconnect when nothing at all came for this long, not even a comment: the server is silently gone, or it is one that sends no heartbeat. 0: off.',
  }),
  'sse.idle.timeout.ms': long({
    group,
    default: 0,
    min: 0,
    max: maxTimerMs,
    doc: 'Reconnect when no event came for this long although the connection is alive. 0: off.',
  }),
  'sse.reconnect.stable.ms': long({
    group,
    default: 1000,
    min: 0,
    max: maxTimerMs,
    importance: 'low',
    doc: 'How long a stream must have lasted for the next wait to be the first one again.',
  }),
  'sse.fatal.http.statuses': list({
    group,
    default: ['401', '403'],
    validate: numbers(300, 599, 'HTTP status'),
    doc: 'Answers that fail the task, with the reason in its status. All others are retried; 204 ends the stream for good.',
  }),
  'sse.redirects.max': int({
    group,
    default: 5,
    min: 0,
    max: 20,
    importance: 'low',
    doc: 'HTTP redirects followed in one attempt. Headers, tokens and passwords stay with the configured host and port; a redirect from https to http is refused.',
  }),
  'sse.proxy': password({
    group,
    default: null,
    validate: proxyProblem,
    doc: 'Proxy to connect through: http://, https:// or socks5://, with user:password@ where it wants them; or "environment" for what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say. By default there is none and the environment is not looked at.',
  }),
};

const authentication = {
  'sse.auth.token': password({
    group,
    default: null,
    doc: 'Sent as "Authorization: Bearer <token>", in place of any such header.',
  }),
  'sse.oauth2.token.url': string({
    group,
    default: null,
    doc: 'Where to get an access token by the client credentials grant of OAuth 2.0. The token is sent as bearer token and renewed before it expires, and when the server refuses it.',
  }),
  'sse.oauth2.client.id': string({ group, default: null, doc: 'Client that asks for the token.' }),
  'sse.oauth2.client.secret': password({ group, default: null, doc: 'Its secret.' }),
  'sse.oauth2.scope': string({ group, default: null, doc: 'Scope to ask for.' }),
  'sse.oauth2.audience': string({ group, default: null, doc: 'Audience to ask for, where the server wants one.' }),
  'sse.oauth2.client.auth': string({
    group,
    default: 'basic',
    validate: oneOf(['basic', 'post']),
    importance: 'low',
    doc: 'How the client shows id and secret: as basic authentication, or in the body of the request.',
  }),
};

const tls = {
  'sse.tls.ca': string({
    group,
    default: null,
    doc: 'Certificates to trust in place of the public ones: PEM text or the path of a PEM file. By default those that come with Node.js and those of the system are trusted.',
  }),
  'sse.tls.cert': string({ group, default: null, doc: 'Certificate to show to the server: PEM text or path.' }),
  'sse.tls.key': password({ group, default: null, doc: 'Its private key: PEM text or path.' }),
  'sse.tls.passphrase': password({ group, default: null, doc: 'Passphrase of the private key.' }),
  'sse.tls.servername': string({
    group,
    default: null,
    doc: 'Name asked for (SNI) and expected in the certificate, where it is not the host of the URL.',
  }),
  'sse.tls.insecure': boolean({
    group,
    default: false,
    importance: 'low',
    doc: 'Accept any certificate. The connection can then be read and changed by anyone on its way; for tests only.',
  }),
};

export const config = define({ ...original, ...events, ...connection, ...authentication, ...tls });
export type SseConfig = Config<typeof config>;

/** `http.header.<Name>` is a header of the request. */
export const headerPrefix = 'http.header.';
/** `sse.param.<name>` is a parameter that is added to the query of the URL. */
export const paramPrefix = 'sse.param.';
