/**
 * Every option of WITH: where it may stand, what it takes and what it is without. The documentation is made from this.
 * A table: long for the number of options.
 */

export type Role = 'source' | 'sink' | 'internal';

export interface OptionSpec {
  /** A key that ends in `NAME`, `COLUMN` or `N` stands for all keys with something in that place. */
  readonly key: string;
  readonly roles: readonly Role[];
  /** The extension or format that it belongs to; without one it is for all. */
  readonly of?: string;
  readonly type: OptionType;
  readonly default?: string;
  readonly required?: boolean;
  readonly doc: string;
}

export type OptionType =
  | { readonly kind: 'text' }
  | { readonly kind: 'bool' }
  | { readonly kind: 'whole'; readonly min?: number }
  | {
      readonly kind: 'one of';
      readonly values: readonly string[];
      readonly anyCase?: boolean;
      readonly wanted?: string;
    }
  | { readonly kind: 'websocket url' }
  | { readonly kind: 'http url' }
  | { readonly kind: 'duration' }
  | { readonly kind: 'number' }
  | { readonly kind: 'kafka position' }
  | { readonly kind: 'column' }
  | { readonly kind: 'path' }
  | { readonly kind: 'message type' };

const both: readonly Role[] = ['source', 'sink'];
const source: readonly Role[] = ['source'];
const sink: readonly Role[] = ['sink'];
const timed: readonly Role[] = ['source', 'internal'];
const text = { kind: 'text' } as const;
const bool = { kind: 'bool' } as const;
const natural = { kind: 'whole', min: 0 } as const;
const positive = { kind: 'whole', min: 1 } as const;

export const sourceExtensions = ['websocket', 'sse', 'kafka'] as const;
export const sinkExtensions = ['websocket', 'kafka', 'log'] as const;
export const formats = ['json', 'text', 'bytes'] as const;

export const optionSpecs: readonly OptionSpec[] = [
  {
    key: 'type',
    roles: [...both, 'internal'],
    type: text,
    default: 'internal',
    doc: 'What the stream is: source, sink or internal',
  },
  {
    key: 'extension',
    roles: both,
    type: text,
    required: true,
    doc: 'What rows come from or go to: websocket, sse, kafka, log',
  },
  { key: 'format', roles: both, type: text, required: true, doc: 'How a row is written: json, text or bytes' },
  { key: 'event.time.field', roles: timed, type: { kind: 'column' }, doc: "LONG column whose value is the row's time" },
  {
    key: 'watermark.delay.ms',
    roles: timed,
    type: natural,
    default: '0',
    doc: 'How late a row may come behind the newest one',
  },
  {
    key: 'watermark.idle.ms',
    roles: timed,
    type: natural,
    doc: 'Without a row for so long the clock moves the watermark',
  },
  {
    key: 'error.strategy',
    roles: both,
    type: { kind: 'one of', values: ['drop', 'retry', 'dlq', 'fail'] },
    default: 'drop',
    doc: 'What happens to a row or message that fails. A source cannot retry a message: there it means drop',
  },
  {
    key: 'error.log-level',
    roles: both,
    type: { kind: 'one of', values: ['debug', 'info', 'warn', 'error'] },
    default: 'warn',
    doc: 'Level of the log lines about failed rows',
  },
  {
    key: 'error.retry.max-attempts',
    roles: both,
    type: natural,
    default: '3',
    doc: 'Tries to write rows when the strategy is retry; then they are dropped',
  },
  {
    key: 'error.retry.backoff',
    roles: both,
    type: { kind: 'one of', values: ['exponential', 'linear', 'fixed'] },
    default: 'exponential',
    doc: 'How waits between tries grow',
  },
  {
    key: 'error.retry.initial-delay',
    roles: both,
    type: { kind: 'duration' },
    default: '100ms',
    doc: 'First wait between tries',
  },
  {
    key: 'error.retry.max-delay',
    roles: both,
    type: { kind: 'duration' },
    default: '30s',
    doc: 'Longest wait between tries',
  },
  { key: 'error.dlq.stream', roles: both, type: text, doc: 'Stream that takes failed rows when the strategy is dlq' },
  {
    key: 'error.dlq.fallback-strategy',
    roles: both,
    type: { kind: 'one of', values: ['drop', 'fail'] },
    default: 'drop',
    doc: 'What happens when there is no dead-letter stream, or its sink cannot take the letter',
  },
  {
    key: 'json.mapping.COLUMN',
    roles: source,
    of: 'json',
    type: { kind: 'path' },
    doc: 'Where a column lies in the message: $, .name, [n]. By name without it',
  },
  {
    key: 'json.ignore-parse-errors',
    roles: source,
    of: 'json',
    type: bool,
    default: 'false',
    doc: 'Messages that are no JSON objects are dropped, whatever the strategy',
  },
  { key: 'json.template', roles: sink, of: 'json', type: text, doc: 'Text with {{column}} in place of values' },
  {
    key: 'json.include-timestamp',
    roles: sink,
    of: 'json',
    type: bool,
    default: 'false',
    doc: 'Adds the member _timestamp in front',
  },
  {
    key: 'json.pretty-print',
    roles: sink,
    of: 'json',
    type: bool,
    default: 'false',
    doc: 'Writes JSON over several lines',
  },
  {
    key: 'websocket.url',
    roles: both,
    of: 'websocket',
    type: { kind: 'websocket url' },
    required: true,
    doc: 'Server to connect to',
  },
  {
    key: 'websocket.reconnect',
    roles: both,
    of: 'websocket',
    type: bool,
    default: 'true',
    doc: 'Whether a lost connection is opened again',
  },
  {
    key: 'websocket.reconnect.delay.ms',
    roles: both,
    of: 'websocket',
    type: natural,
    default: '1000',
    doc: 'First wait before a reconnect; it doubles',
  },
  {
    key: 'websocket.reconnect.max.delay.ms',
    roles: both,
    of: 'websocket',
    type: natural,
    default: '30000',
    doc: 'Longest wait before a reconnect',
  },
  {
    key: 'websocket.reconnect.max.attempts',
    roles: both,
    of: 'websocket',
    type: { kind: 'whole' },
    default: '-1 for a source, 3 for a sink',
    doc: 'Tries before giving up. Negative: no limit. 0: as websocket.reconnect = false',
  },
  {
    key: 'websocket.reconnect.jitter',
    roles: both,
    of: 'websocket',
    type: { kind: 'number' },
    default: '0',
    doc: 'Part of a wait that is random, from 0 to 1',
  },
  {
    key: 'websocket.message.type',
    roles: sink,
    of: 'websocket',
    type: { kind: 'message type' },
    default: 'text',
    doc: 'Frames that are sent: text or binary',
  },
  { key: 'websocket.headers.NAME', roles: both, of: 'websocket', type: text, doc: 'A header of the upgrade request' },
  { key: 'websocket.subprotocol', roles: both, of: 'websocket', type: text, doc: 'Subprotocol to ask for' },
  {
    key: 'websocket.subscription.message',
    roles: source,
    of: 'websocket',
    type: text,
    doc: 'Sent after every connect',
  },
  {
    key: 'websocket.subscription.messages.N',
    roles: source,
    of: 'websocket',
    type: text,
    doc: 'Sent after every connect, in the order of N',
  },
  {
    key: 'websocket.ping.interval.ms',
    roles: both,
    of: 'websocket',
    type: natural,
    default: '15000',
    doc: 'How often a ping is sent; 0 is never',
  },
  {
    key: 'websocket.idle.timeout.ms',
    roles: both,
    of: 'websocket',
    type: natural,
    default: '0',
    doc: 'A connection on which nothing comes for so long (a source: no message) is opened anew; 0 is off',
  },
  {
    key: 'websocket.max.message.bytes',
    roles: both,
    of: 'websocket',
    type: positive,
    default: '16777216',
    doc: 'A longer message of the server ends the connection; a longer row of a sink fails',
  },
  {
    key: 'websocket.queue.max',
    roles: both,
    of: 'websocket',
    type: positive,
    default: '10000',
    doc: 'Messages received and not yet worked on (source), or sent and not yet acknowledged (sink). When there are so many, reading or sending waits',
  },
  {
    key: 'websocket.validate',
    roles: both,
    of: 'websocket',
    type: { kind: 'one of', values: ['true', 'lazy', 'false'], anyCase: true },
    default: 'lazy',
    doc: 'true: connects before the start, which fails if that fails. lazy: starts at once and tries again. false: a sink does not connect before its first row',
  },
  { key: 'sse.url', roles: source, of: 'sse', type: { kind: 'http url' }, required: true, doc: 'Event stream to read' },
  { key: 'sse.headers.NAME', roles: source, of: 'sse', type: text, doc: 'A header of the request' },
  { key: 'sse.event', roles: source, of: 'sse', type: text, doc: 'Only events of this name' },
  { key: 'kafka.topic', roles: both, of: 'kafka', type: text, required: true, doc: 'Topic to read or write' },
  {
    key: 'kafka.from',
    roles: source,
    of: 'kafka',
    type: { kind: 'kafka position' },
    default: 'latest',
    doc: 'Where to begin: latest, earliest, or milliseconds since 1970. Partitions that are added are looked for every 30 seconds, and read from their beginning',
  },
  {
    key: 'kafka.key',
    roles: both,
    of: 'kafka',
    type: { kind: 'column' },
    doc: "Column whose value is the record's key. Of a source it says that records with equal values lie in one partition, put there by their key as Kafka's producers do; where the column is NOT NULL and of type STRING, INT or LONG, an application in parts relies on it, and checks each row",
  },
  {
    key: 'tls.ca',
    roles: both,
    type: text,
    doc: 'Certificates to trust in place of the public ones: PEM text or path',
  },
  { key: 'tls.cert', roles: both, type: text, doc: 'Certificate to show to the server: PEM text or path' },
  { key: 'tls.key', roles: both, type: text, doc: 'Its private key: PEM text or path' },
  { key: 'tls.servername', roles: both, type: text, doc: 'Name expected in the certificate, where it is not the host' },
  { key: 'tls.insecure', roles: both, type: bool, default: 'false', doc: 'Certificates are not verified; for tests' },
];

/** The specification of a key; NAME and COLUMN match one or more characters, N digits. */
export function optionSpec(key: string): OptionSpec | undefined {
  return optionSpecs.find((spec) => {
    const open = /(NAME|COLUMN|N)$/.exec(spec.key);
    if (open === null) return spec.key === key;
    const rest = key.slice(open.index);
    if (rest === '' || !key.startsWith(spec.key.slice(0, open.index))) return false;
    return open[1] !== 'N' || /^\d{1,9}$/.test(rest);
  });
}
