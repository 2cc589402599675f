/** Parameters of SSE, NDJSON and of the bounded read (PROTOCOL.md, sections 6 and 7). Pure. */

import type { GatewayFault } from './codes.ts';
import { type Filter, makeFilter } from './filter.ts';
import type { IfLost, SlowPolicy, StartAt, StreamPlace, StreamStart, ValueFormat } from './frames.ts';
import { isTopicName } from './names.ts';
import { isPattern } from './pattern.ts';
import { decodePosition } from './position.ts';

export interface StreamQuery {
  readonly topics: readonly string[] | null;
  readonly pattern: string | null;
  readonly from: StartAt;
  readonly ifLost: IfLost;
  readonly filter: Filter | null;
  readonly format: ValueFormat;
  readonly slow: SlowPolicy;
  readonly id: 'pos' | 'stream';
  readonly envelope: 'record' | 'none';
}

export interface StreamDefaults {
  /** In the path, so that the query names none. */
  readonly topics?: readonly string[];
  readonly from: 'latest' | 'earliest';
  readonly id: 'pos' | 'stream';
  readonly envelope: 'record' | 'none';
}

/** Carries the fault out of the reading of parameters. */
export class QueryFault extends Error {
  override readonly name = 'QueryFault';
  readonly fault: GatewayFault;

  constructor(code: 'bad_request' | 'position_lost', message: string) {
    super(message);
    this.fault = { code, message };
  }
}

/** Throws QueryFault. `lastEventId`: the header. */
export function readStreamQuery(
  query: URLSearchParams,
  lastEventId: string | undefined,
  defaults: StreamDefaults,
  maxTopics: number,
): StreamQuery {
  const topics = topicsOf(query, defaults, maxTopics);
  const pattern = query.get('pattern');
  if (pattern !== null && !isPattern(pattern))
    throw bad('"pattern" must be a name in which "*" stands for any characters');
  if (topics === null && pattern === null) throw bad('one of "topic", "topics" and "pattern" must be given');
  if (topics !== null && pattern !== null) throw bad('"pattern" excludes "topic" and "topics"');
  return {
    topics,
    pattern,
    from: startOf(query, lastEventId ?? query.get('lastEventId') ?? undefined, defaults.from),
    ifLost: oneOf(query, 'ifLost', ['earliest', 'latest', 'fail'], 'earliest'),
    filter: filterOf(query),
    format: oneOf(query, 'format', ['text', 'json', 'base64'], 'text'),
    slow: oneOf(query, 'slow', ['wait', 'disconnect', 'drop', 'conflate'], 'wait'),
    id: oneOf(query, 'id', ['pos', 'stream'], defaults.id),
    envelope: oneOf(query, 'envelope', ['record', 'none'], defaults.envelope),
  };
}

/** A whole number within bounds. Throws QueryFault. */
export function integerOf(query: URLSearchParams, name: string, low: number, high: number, fallback: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (/^\d{1,15}$/.test(text) && value >= low && value <= high) return value;
  throw bad(`"${name}" must be a whole number from ${low} to ${high}`);
}

function topicsOf(query: URLSearchParams, defaults: StreamDefaults, maxTopics: number): readonly string[] | null {
  const named = [...(defaults.topics ?? []), ...query.getAll('topic')];
  for (const list of query.getAll('topics')) named.push(...list.split(','));
  const topics = [...new Set(named.map((name) => name.trim()).filter((name) => name !== ''))];
  if (!topics.every(isTopicName)) throw bad('a topic\'s name is made of letters, digits, ".", "_" and "-"');
  if (topics.length > maxTopics) throw bad(`at most ${maxTopics} topics are read at once`);
  return topics.length === 0 ? null : topics;
}

function startOf(query: URLSearchParams, lastEventId: string | undefined, fallback: 'latest' | 'earliest'): StartAt {
  if (lastEventId !== undefined && lastEventId !== '')
    return lastEventId.startsWith('[') ? streamId(lastEventId) : position(lastEventId);
  const since = query.get('since');
  if (since !== null) return { kind: 'timestamp', timestampMs: timeOf(since) };
  const from = query.get('from') ?? fallback;
  return from === 'latest' || from === 'earliest' ? { kind: from } : position(from);
}

function position(text: string): StartAt {
  if (decodePosition(text) === undefined) throw new QueryFault('position_lost', 'the position cannot be read');
  return { kind: 'position', text };
}

/** `[{"topic":"t","partition":0,"offset":43}]`; `timestamp` in place of `offset`; without `partition` for all of them. */
function streamId(text: string): StartAt {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    entries = undefined;
  }
  const lost = new QueryFault('position_lost', 'the id cannot be read');
  if (!Array.isArray(entries)) throw lost;
  const topics = new Map<string, { partitions: Map<number, StreamPlace>; others: StreamPlace | null }>();
  for (const entry of entries) {
    if (typeof entry !== 'object' || entry === null) throw lost;
    const { topic, partition, offset, timestamp } = entry as Record<string, unknown>;
    const place = placeOf(offset, timestamp);
    if (typeof topic !== 'string' || place === undefined) throw lost;
    const known: { partitions: Map<number, StreamPlace>; others: StreamPlace | null } = topics.get(topic) ?? {
      partitions: new Map(),
      others: null,
    };
    topics.set(topic, known);
    if (isWhole(partition)) known.partitions.set(partition, place);
    else if (partition === undefined && typeof place === 'object' && 'timestampMs' in place) known.others = place;
    else throw lost;
  }
  return { kind: 'stream', topics: topics as ReadonlyMap<string, StreamStart> };
}

function placeOf(offset: unknown, timestamp: unknown): StreamPlace | undefined {
  if (offset === -1) return 'latest';
  if (isWhole(offset)) return { offset };
  return isWhole(timestamp) ? { timestampMs: timestamp } : undefined;
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function timeOf(since: string): number {
  const time = /^\d+$/.test(since) ? Number(since) : Date.parse(since);
  if (Number.isSafeInteger(time) && time >= 0) return time;
  throw bad('"since" must be a time in ISO 8601 or in milliseconds since 1970');
}

function filterOf(query: URLSearchParams): Filter | null {
  const headers: Record<string, string[]> = Object.create(null); // names are the client's: `__proto__` is one
  for (const [name, value] of query) {
    if (!name.startsWith('header.')) continue;
    const header = name.slice('header.'.length);
    headers[header] = [...(headers[header] ?? []), value];
  }
  const keys = query.getAll('key');
  try {
    return makeFilter({
      keys: keys.length === 0 ? undefined : keys,
      keyPrefix: query.get('keyPrefix') ?? undefined,
      headers,
    });
  } catch (error) {
    throw bad(`the filter has too many values: ${(error as Error).message}`);
  }
}

function oneOf<T extends string>(query: URLSearchParams, name: string, allowed: readonly T[], fallback: T): T {
  const text = query.get(name);
  if (text === null) return fallback;
  const found = allowed.find((value) => value === text);
  if (found === undefined) throw bad(`"${name}" must be one of ${allowed.join(', ')}`);
  return found;
}

function bad(message: string): QueryFault {
  return new QueryFault('bad_request', message);
}
