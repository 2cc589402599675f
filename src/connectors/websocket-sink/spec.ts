/** Every option of the WebSocket sink connector. Names that the source has, too, mean the same here. */
import { type Config, define } from '../../config/config-def.ts';
import { boolean, int, long, oneOf, password, string } from '../../config/option.ts';

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
    doc: 'Frames that are sent. Text frames must be UTF-8: a value that is not is counted and left out.',
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
  'websocket.reconnect.max.attempts': int({ default: -1, doc: 'Tries before sending fails. Negative: no limit.' }),
  'websocket.connection.timeout.ms': long({
    default: 10_000,
    min: 1,
    max: maxTimerMs,
    doc: 'Bound for one try: connection, TLS and the answer to the upgrade request.',
  }),
  'websocket.ack': string({
    default: 'sent',
    validate: oneOf(['sent', 'reply']),
    doc: 'When a message counts as delivered: once it is handed to the network, or once the server has replied.',
  }),
  'websocket.ack.pattern': string({
    default: null,
    validate: patternProblem,
    doc: 'With websocket.ack=reply: only messages that this regular expression finds are replies. By default all are.',
  }),
  'websocket.ack.messages': int({
    default: 1,
    min: 1,
    doc: 'With websocket.ack=reply: how many messages one reply acknowledges. What is left of a batch is acknowledged by one reply, too.',
  }),
  'websocket.ack.timeout.ms': long({
    default: 10_000,
    min: 1,
    max: maxTimerMs,
    doc: 'With websocket.ack=reply: how long a reply is waited for before the connection counts as broken.',
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
