/** Every option of the WebSocket sink connector. Names that the source has, too, mean the same here. */
import { numbers } from '../../config/checks.ts';
import { type Config, define } from '../../config/config-def.ts';
import { boolean, double, int, list, long, oneOf, password, string } from '../../config/option.ts';

const maxTimerMs = 2 ** 31 - 1;

export const headerPrefix = 'websocket.header.';

export const config = define({
  'websocket.url': string({
    importance: 'high',
    validate: (value) => (value === null || /^wss?:\/\//i.test(value) ? undefined : 'must start with ws:// or wss://'),
    doc: 'Server to send to, ws:// or wss://.',
  }),
  'websocket.message.type': string({
    default: 'text',
    validate: oneOf(['text', 'binary'], { ignoreCase: true }),
    doc: 'Frames that are sent. Text frames must be UTF-8: a record whose value is not is skipped or fails the task, as errors.tolerance says.',
  }),
  'websocket.subprotocol': string({ default: null, doc: 'Subprotocol to ask for.' }),
  'websocket.auth.token': password({ default: null, doc: 'Sent as "Authorization: Bearer <token>".' }),
  'websocket.reconnect.enabled': boolean({
    default: true,
    doc: 'Connect again when the connection cannot be made or breaks. When false, sending without a connection fails.',
  }),
  'websocket.reconnect.interval.ms': long({
    default: 1000,
    min: 0,
    max: maxTimerMs,
    doc: 'Wait before the second try to connect; it doubles with each further one. The first is immediate.',
  }),
  'websocket.reconnect.backoff.max.ms': long({
    default: 30_000,
    min: 0,
    max: maxTimerMs,
    doc: 'Longest wait between tries.',
  }),
  'websocket.reconnect.jitter': double({
    default: 0,
    min: 0,
    max: 1,
    importance: 'low',
    doc: 'Share of a wait that is added at random, so that many clients of one server do not come back together.',
  }),
  'websocket.reconnect.max.attempts': int({
    default: -1,
    doc: 'Tries before sending fails, which fails the task. They are counted until the server has acknowledged something: one that accepts connections and ends them uses them up, too. Negative: no limit. 0: as websocket.reconnect.enabled=false.',
  }),
  'websocket.fatal.close.codes': list({
    default: ['1008', '4401', '4403'],
    validate: numbers(1000, 4999, 'close code'),
    doc: 'Close codes that fail the task, with the reason in its status: no retry can help. All others are retried.',
  }),
  'websocket.connection.timeout.ms': long({
    default: 10_000,
    min: 1,
    max: maxTimerMs,
    doc: 'Bound for one try: connection, TLS and the answer to the upgrade request.',
  }),
  'websocket.validate': string({
    default: 'lazy',
    validate: oneOf(['true', 'lazy', 'false'], { ignoreCase: true }),
    doc: 'What a server that cannot be reached at the start means. true: the start fails. lazy: it is said, and the first message tries again. false: nothing is tried before there is a message.',
  }),
  'websocket.ping.interval.ms': long({
    default: 15_000,
    min: 0,
    max: maxTimerMs,
    doc: 'A ping frame is sent this often. A connection on which nothing has come since the last one is broken, unless messages wait to be sent: then it may be silent for four of these. 0: never.',
  }),
  'websocket.idle.timeout.ms': long({
    default: 0,
    min: 0,
    max: maxTimerMs,
    doc: 'A connection on which nothing has come for so long, replies and pongs included, is opened anew. While messages wait to be sent it is, once for so long nothing of them has been taken either. 0: off, but what waits to be sent is waited for one minute.',
  }),
  'websocket.message.max.bytes': int({
    default: 16_777_216,
    min: 1,
    max: 512 * 1024 * 1024,
    doc: 'Longest message. A record that is longer is skipped or fails the task, as errors.tolerance says; a longer message of the server ends the connection.',
  }),
  'websocket.message.queue.size': int({
    default: 10_000,
    min: 1,
    importance: 'low',
    doc: 'Messages that may be under way without being acknowledged: so many at most come twice when a connection breaks. When there are so many, sending waits.',
  }),
  'websocket.ack': string({
    default: 'pong',
    validate: oneOf(['pong', 'sent', 'reply']),
    doc: 'When a message counts as delivered. pong: the server has answered a ping that was sent behind it, as every server must (RFC 6455, 5.5.2). sent: it is handed to the network; what a server that dies has not read yet is lost. reply: the server has replied with a message.',
  }),
  'websocket.ack.pattern': string({
    default: null,
    validate: patternProblem,
    doc: 'With websocket.ack=reply: only messages that this regular expression finds are replies. By default all are.',
  }),
  'websocket.ack.messages': int({
    default: 1,
    min: 1,
    doc: 'With websocket.ack=reply: the server replies once to so many messages of a connection. What is left of them when there is nothing more to send is acknowledged by the answer to a ping, until more follow.',
  }),
  'websocket.ack.timeout.ms': long({
    default: 10_000,
    min: 1,
    max: maxTimerMs,
    doc: 'With websocket.ack=reply or pong: how long the next acknowledgement is waited for before the connection counts as broken.',
  }),
  'websocket.tls.ca': string({
    default: null,
    doc: 'Certificates to trust in place of the public ones: PEM text or path.',
  }),
  'websocket.tls.cert': string({ default: null, doc: 'Certificate to show to the server: PEM text or path.' }),
  'websocket.tls.key': password({ default: null, doc: 'Its private key: PEM text or path.' }),
  'websocket.tls.servername': string({
    default: null,
    doc: 'Name expected in the certificate, where it is not the host.',
  }),
  'websocket.tls.insecure': boolean({
    default: false,
    importance: 'low',
    doc: 'Accept any certificate; for tests only.',
  }),
});
export type WebSocketSinkConfig = Config<typeof config>;

function patternProblem(value: string | null): string | undefined {
  if (value === null) return undefined;
  try {
    new RegExp(value, 'u');
    return undefined;
  } catch (error) {
    return `Not a regular expression: ${(error as Error).message}`;
  }
}
