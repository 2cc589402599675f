/** The members of a `sub` (PROTOCOL.md, section 3.3). */
import { type Filter, makeFilter } from './filter.ts';
import type { FrameLimits, IfLost, SlowPolicy, StartAt, SubscribeRequest, ValueFormat } from './frames.ts';
import { isGroupId, isTopicName } from './names.ts';
import { isPattern } from './pattern.ts';
import { MemberFault, type Members, optionalInteger, optionalString } from './publish-members.ts';

const formats: readonly ValueFormat[] = ['text', 'json', 'base64'];
const policies: readonly SlowPolicy[] = ['wait', 'disconnect', 'drop', 'conflate'];
const fallbacks: readonly IfLost[] = ['earliest', 'latest', 'fail'];

/** Throws MemberFault. */
export function readSubscribe(members: Members, limits: FrameLimits): SubscribeRequest {
  const topics = readTopics(members, limits);
  const pattern = readPattern(members);
  if ((topics === null) === (pattern === null)) throw new MemberFault('one of "topics" and "pattern" must be given');
  const group = readGroup(members);
  for (const name of ['filter', 'slow']) {
    if (group !== null && isGiven(members, name))
      throw new MemberFault(`"${name}" is not for subscriptions in a group`);
  }
  return {
    topics,
    pattern,
    from: readStart(members),
    ifLost: oneOf(members, 'ifLost', fallbacks) ?? 'earliest',
    filter: readFilter(members),
    format: oneOf(members, 'format', formats) ?? 'text',
    window: readWindow(members, limits),
    slow: oneOf(members, 'slow', policies) ?? 'wait',
    group,
  };
}

/** Null where it is not given. Throws MemberFault. */
export function readWindow(members: Members, limits: FrameLimits): number | null {
  const window = optionalInteger(members, 'window');
  if (window !== null && (window < 1 || window > limits.window)) {
    throw new MemberFault(`"window" must be a whole number from 1 to ${limits.window}`);
  }
  return window;
}

function readTopics(members: Members, limits: FrameLimits): readonly string[] | null {
  if (!isGiven(members, 'topics')) return null;
  const topics = members.get('topics')?.value;
  if (!Array.isArray(topics) || topics.length < 1 || topics.length > limits.topics) {
    throw new MemberFault(`"topics" must be a list of 1 to ${limits.topics} names`);
  }
  const wrong = topics.findIndex((topic) => typeof topic !== 'string' || !isTopicName(topic));
  if (wrong !== -1) throw new MemberFault(`entry ${wrong + 1} of "topics" is not the name of a topic`);
  return [...new Set(topics as string[])];
}

function readPattern(members: Members): string | null {
  const pattern = optionalString(members, 'pattern');
  if (pattern === undefined) return null;
  if (!isPattern(pattern))
    throw new MemberFault('"pattern" must be a topic\'s name in which "*" stands for any characters');
  return pattern;
}

function readGroup(members: Members): string | null {
  const group = optionalString(members, 'group');
  if (group === undefined) return null;
  if (!isGroupId(group)) throw new MemberFault('"group" must be made of letters, digits, ".", "_" and "-"');
  return group;
}

function readStart(members: Members): StartAt {
  const from = members.get('from')?.value;
  if (from === undefined || from === null || from === 'latest') return { kind: 'latest' };
  if (from === 'earliest') return { kind: 'earliest' };
  if (typeof from === 'object' && !Array.isArray(from)) {
    const { pos, timestamp, offsets } = from as Record<string, unknown>;
    if (typeof pos === 'string') return { kind: 'position', text: pos };
    if (isWhole(timestamp)) return { kind: 'timestamp', timestampMs: timestamp };
    if (typeof offsets === 'object' && offsets !== null) return { kind: 'offsets', offsets: readOffsets(offsets) };
  }
  throw new MemberFault(
    '"from" must be "latest", "earliest", {"timestamp": milliseconds}, {"offsets": {topic: {partition: offset}}} or {"pos": position}',
  );
}

function readOffsets(offsets: object): ReadonlyMap<string, ReadonlyMap<number, number>> {
  const byTopic = new Map<string, ReadonlyMap<number, number>>();
  for (const [topic, partitions] of Object.entries(offsets)) {
    if (typeof partitions !== 'object' || partitions === null) {
      throw new MemberFault('"from.offsets" must hold an object of partitions for each topic');
    }
    const byPartition = new Map<number, number>();
    for (const [partition, offset] of Object.entries(partitions)) {
      if (!/^(0|[1-9]\d{0,9})$/.test(partition)) throw new MemberFault('a partition in "from.offsets" is not a number');
      if (!isWhole(offset)) throw new MemberFault('an offset in "from.offsets" is not a whole number from 0');
      byPartition.set(Number(partition), offset);
    }
    byTopic.set(topic, byPartition);
  }
  return byTopic;
}

function readFilter(members: Members): Filter | null {
  if (!isGiven(members, 'filter')) return null;
  const filter = members.get('filter')?.value;
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) {
    throw new MemberFault('"filter" must be an object of "key", "keyPrefix" and "headers"');
  }
  const { key, keyPrefix, headers } = filter as Record<string, unknown>;
  if (keyPrefix !== undefined && typeof keyPrefix !== 'string')
    throw new MemberFault('"filter.keyPrefix" must be a string');
  if (headers !== undefined && (typeof headers !== 'object' || headers === null || Array.isArray(headers))) {
    throw new MemberFault('"filter.headers" must be an object of lists');
  }
  const named = Object.entries(headers ?? {}).map(
    ([name, values]) => [name, strings(`filter.headers.${name}`, values)] as const,
  );
  try {
    return makeFilter({
      keys: key === undefined ? undefined : strings('filter.key', key),
      keyPrefix,
      headers: Object.fromEntries(named),
    });
  } catch (error) {
    if (error instanceof RangeError) throw new MemberFault(`"filter" has too many values: ${error.message}`);
    throw error;
  }
}

function strings(name: string, value: unknown): readonly string[] {
  const list = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(list) || !list.every((entry) => typeof entry === 'string')) {
    throw new MemberFault(`"${name}" must be a list of strings`);
  }
  return list;
}

function oneOf<T extends string>(members: Members, name: string, allowed: readonly T[]): T | undefined {
  if (!isGiven(members, name)) return undefined;
  const value = members.get(name)?.value;
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new MemberFault(`"${name}" must be one of ${allowed.join(', ')}`);
  return found;
}

function isGiven(members: Members, name: string): boolean {
  const member = members.get(name);
  return member !== undefined && member.kind !== 'null';
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
