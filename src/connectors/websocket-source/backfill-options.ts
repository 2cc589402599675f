/** Options of how missing messages are asked for, and what they come to. */
import { TributaryError } from '../../base/errors.ts';
import type { RawConfig } from '../../config/config-def.ts';
import { int, string } from '../../config/option.ts';
import type { HeaderPair } from '../../net/endpoint.ts';
import { headerProblem } from '../../net/header.ts';
import { backfillUrl, backfillUrlProblem } from './backfill-url.ts';
import { type Pointer, parsePointer } from './json-pointer.ts';
import type { SequenceSettings } from './numbering.ts';

/** One header of the requests for missing messages: `websocket.backfill.header.NAME`. */
export const backfillHeaderPrefix = 'websocket.backfill.header.';

const maxTimerMs = 2 ** 31 - 1;

export const backfillOptions = {
  'websocket.backfill.url': string({
    default: null,
    validate: backfillUrlProblem,
    doc: 'Where missing messages are asked for: an http:// or https:// URL with {from} and {to} for the first and last missing number, and {channel} where each channel has numbers of its own. They are written before the message that showed the hole, while the socket is held back; what the server does not have stays a gap. Needs websocket.sequence.pointer, with which each message of an answer must have one of the missing numbers. Proxy and TLS options count for it, websocket.headers and the token do not. By default nothing is asked for.',
  }),
  'websocket.backfill.pointer': string({
    default: null,
    validate: (value) => (value === null ? undefined : parsePointer(value).problem),
    doc: 'JSON pointer to the array of messages within an answer, such as /result/trades. Without it the answer is the array itself, or one message a line where its content type is application/x-ndjson or application/jsonl.',
  }),
  'websocket.backfill.timeout.ms': int({
    default: 10_000,
    min: 1,
    max: maxTimerMs,
    importance: 'low',
    doc: 'Bound for one request for missing messages, from the name lookup to the last byte.',
  }),
  'websocket.backfill.attempts': int({
    default: 3,
    min: 1,
    max: 100,
    importance: 'low',
    doc: 'Requests in a row that may fail before the hole stays a gap: without an answer, or with 408, 429 or 5xx. The wait between them begins at half a second and doubles; Retry-After is obeyed. Other statuses are not tried again.',
  }),
  'websocket.backfill.hold.max.ms': int({
    default: 60_000,
    min: 1,
    max: maxTimerMs,
    importance: 'low',
    doc: 'Longest time for which the socket is held back for one hole, all requests included. Then what has come is written, and the rest is a gap.',
  }),
  'websocket.backfill.max.messages': int({
    default: 10_000,
    min: 1,
    max: 1_000_000,
    importance: 'low',
    doc: 'Messages asked for of one hole: the newest of it. The others stay a gap. Their bytes are bounded by websocket.message.queue.bytes.',
  }),
};

export interface BackfillSettings {
  readonly template: string;
  readonly pointer: Pointer | null;
  /** Sent to the host of the URL alone. */
  readonly headers: readonly HeaderPair[];
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly holdMaxMs: number;
  readonly maxMessages: number;
}

export interface BackfillValues {
  readonly 'websocket.backfill.url': string | null;
  readonly 'websocket.backfill.pointer': string | null;
  readonly 'websocket.backfill.timeout.ms': number;
  readonly 'websocket.backfill.attempts': number;
  readonly 'websocket.backfill.hold.max.ms': number;
  readonly 'websocket.backfill.max.messages': number;
}

/** null: nothing is asked for. CONFIG_INVALID where options need others that are missing. */
export function backfillOf(
  raw: RawConfig,
  values: BackfillValues,
  sequence: SequenceSettings | null,
): BackfillSettings | null {
  const headers = headersOf(raw);
  const template = values['websocket.backfill.url'] ?? '';
  const pointer = values['websocket.backfill.pointer'] ?? '';
  if (template === '') {
    const [alone] = [
      ...headers.map(([name]) => `${backfillHeaderPrefix}${name}`),
      ...(pointer === '' ? [] : ['websocket.backfill.pointer']),
    ];
    if (alone === undefined) return null;
    throw new TributaryError('CONFIG_INVALID', `Cannot start with ${alone}: websocket.backfill.url is missing`);
  }
  const problem = needed(template, sequence);
  if (problem !== undefined)
    throw new TributaryError('CONFIG_INVALID', `Cannot start with websocket.backfill.url: ${problem}`);
  return {
    template,
    pointer: pointer === '' ? null : parsePointer(pointer),
    headers,
    timeoutMs: values['websocket.backfill.timeout.ms'],
    attempts: values['websocket.backfill.attempts'],
    holdMaxMs: values['websocket.backfill.hold.max.ms'],
    maxMessages: values['websocket.backfill.max.messages'],
  };
}

/** Texts of it that must not show up anywhere. */
export function backfillSecrets({ template, headers }: BackfillSettings): string[] {
  const { username, password, searchParams } = new URL(backfillUrl(template, { channel: '', from: 0, to: 0 }));
  return [
    ...[username, password].filter((text) => text !== ''),
    ...[...searchParams].filter(([name]) => /token|key|secret|pass|auth|sign/i.test(name)).map(([, value]) => value),
    ...headers.filter(([name]) => /auth|cookie|token|key|secret|sign/i.test(name)).map(([, value]) => value),
  ];
}

function needed(template: string, sequence: SequenceSettings | null): string | undefined {
  if (sequence === null) return 'websocket.sequence.pointer must say where the numbers stand';
  if (sequence.scope !== 'feed')
    return 'numbers of websocket.sequence.scope "connection" mean nothing outside of their connection';
  const hasPlace = template.includes('{channel}');
  if (hasPlace && sequence.channel === null) return '"{channel}" wants websocket.sequence.channel.pointer';
  if (!hasPlace && sequence.channel !== null) return 'must hold "{channel}", as each channel has numbers of its own';
  return undefined;
}

function headersOf(raw: RawConfig): HeaderPair[] {
  return Object.entries(raw).flatMap(([key, value]): HeaderPair[] => {
    if (!key.startsWith(backfillHeaderPrefix)) return [];
    const name = key.slice(backfillHeaderPrefix.length);
    const problem = headerProblem(name, value.trim());
    if (problem === undefined) return [[name, value.trim()]];
    throw new TributaryError(
      'CONFIG_INVALID',
      `Cannot send header ${JSON.stringify(name)} of ${backfillHeaderPrefix}*: ${problem}`,
    );
  });
}
