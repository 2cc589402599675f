/** From a request to a delivery that is positioned: nothing written after it has resolved can be missed. */
import type { Clock } from '../base/clock.ts';
import { describeError, isError } from '../base/errors.ts';
import type { Broker, RetryEvent, TopicDescription } from '../broker/broker.ts';
import { type Filter, keySet } from '../wire/gateway/filter.ts';
import type { IfLost, SlowPolicy, StartAt } from '../wire/gateway/frames.ts';
import { isInternalTopic } from '../wire/gateway/names.ts';
import { topicMatcher } from '../wire/gateway/pattern.ts';
import { decodePosition, type Position, tagOf } from '../wire/gateway/position.ts';
import type { Rights } from './auth/acl.ts';
import type { Delivery, DeliveryEvents } from './delivery.ts';
import { FaultError } from './faults.ts';
import { GroupDelivery } from './group-delivery.ts';
import type { Hub } from './hub/hub.ts';
import type { ReplayPlaces } from './hub/replay.ts';
import { SharedDelivery, type StartOfPartition, type TopicStart } from './shared-delivery.ts';
import { startAtOffset, startAtPosition } from './start-positions.ts';
import type { TopicCatalog } from './topic-catalog.ts';

export interface DeliveryRequest {
  readonly topics: readonly string[] | null;
  readonly pattern: string | null;
  readonly from: StartAt;
  readonly ifLost: IfLost;
  readonly filter: Filter | null;
  readonly slow: SlowPolicy;
  readonly group: string | null;
  /** Only this partition of each topic. */
  readonly partition?: number | null;
  /** Topics that do not exist (yet, or any more) are waited for. */
  readonly waitsForTopics?: boolean;
  /** In a group: positions are committed as they are handed out, not as the client acknowledges them. */
  readonly autoCommitMs?: number;
}

export interface DeliveryParts {
  readonly broker: Broker;
  readonly hub: Hub;
  readonly places: ReplayPlaces;
  readonly catalog: TopicCatalog;
  readonly clock: Clock;
  /** Members of consumer groups that this process has, and may have; `leaving`: those that still commit. */
  readonly groups: { open: number; leaving: number; readonly max: number };
  readonly onRetry: (event: RetryEvent) => void;
}

export interface OpenDelivery<D extends Delivery = Delivery> {
  readonly delivery: D;
  readonly partitions: Readonly<Record<string, number>>;
  /**
   * The rights have changed: false where a topic that it names may not be read any more. Topics that a pattern has found
   * leave it, and forced keys are those of now.
   */
  recheck(rights: Rights): boolean;
  /** A group's positions are committed by then. Never rejects; may be called again. */
  close(): Promise<void>;
}

/** Of a subscription in a group, or of a shared one. Throws FaultError and the broker's errors. */
export function openDelivery(
  request: DeliveryRequest,
  rights: Rights,
  parts: DeliveryParts,
  events: DeliveryEvents,
): Promise<OpenDelivery<SharedDelivery | GroupDelivery>> {
  return request.group === null
    ? openShared(request, rights, parts, events)
    : openGroup(request, request.group, rights, parts, events);
}

/** Through the shared readers; `request.group` is not looked at. Throws FaultError and the broker's errors. */
export async function openShared(
  request: DeliveryRequest,
  rights: Rights,
  parts: DeliveryParts,
  events: DeliveryEvents,
): Promise<OpenDelivery<SharedDelivery>> {
  checkNamed(request, rights);
  let now = rights;
  const wants = topicsWanted(request, () => now);
  const position = request.from.kind === 'position' ? decodePosition(request.from.text) : undefined;
  if (request.from.kind === 'position' && position === undefined) {
    throw new FaultError({ code: 'position_lost', message: 'the position cannot be read' });
  }
  const names = request.topics ?? (await parts.catalog.list()).filter(wants);
  const descriptions = await describeAll(names, request.waitsForTopics ?? false, parts.catalog);
  const delivery = new SharedDelivery({
    hub: parts.hub,
    places: parts.places,
    clock: parts.clock,
    filterOf: (topic) => withForcedKeys(request.filter, now.subscribe(topic)),
    slow: request.slow,
    ifLost: request.ifLost,
    events,
    onRetry: parts.onRetry,
  });
  try {
    await Promise.all(
      descriptions.map(async (description) =>
        delivery.add(description.name, await startOfTopic(description, request, position, parts)),
      ),
    );
  } catch (error) {
    await delivery.close();
    throw error;
  }
  const unwatch = parts.catalog.watch({
    named: request.topics,
    wants,
    changed: (topics) =>
      void follow(delivery, topics, request, parts, events).catch((error: unknown) => {
        parts.onRetry({ what: 'follow topics', reason: describeError(error) }); // the next look tries again
      }),
  });
  return {
    delivery,
    partitions: delivery.partitions,
    recheck(next) {
      now = next;
      delivery.refilter();
      if (request.topics !== null) return request.topics.every((topic) => now.subscribe(topic) !== undefined);
      const gone = Object.keys(delivery.partitions).filter((topic) => !wants(topic));
      for (const topic of gone) delivery.remove(topic, false);
      if (gone.length > 0) events.onPartitions(delivery.partitions);
      return true;
    },
    async close() {
      unwatch();
      await delivery.close();
    },
  };
}

async function openGroup(
  request: DeliveryRequest,
  group: string,
  rights: Rights,
  parts: DeliveryParts,
  events: DeliveryEvents,
): Promise<OpenDelivery<GroupDelivery>> {
  checkNamed(request, rights);
  let now = rights;
  const wants = topicsWanted(request, () => now);
  if (!rights.group(group)) throw new FaultError({ code: 'forbidden', message: 'the group may not be used' });
  const names = request.topics ?? (await parts.catalog.list()).filter(wants);
  const descriptions = await describeAll(names, request.waitsForTopics ?? false, parts.catalog);
  const { groups } = parts;
  if (groups.open >= groups.max) {
    throw new FaultError({ code: 'limit', message: `at most ${groups.max} members of groups are open at once` });
  }
  groups.open++;
  const delivery = new GroupDelivery({
    broker: parts.broker,
    clock: parts.clock,
    group,
    topics: names,
    filterOf: (topic) => withForcedKeys(null, now.subscribe(topic)),
    startAt: request.from.kind === 'earliest' ? 'earliest' : 'latest',
    ...(request.autoCommitMs === undefined ? {} : { autoCommitMs: request.autoCommitMs }),
    events,
    onRetry: parts.onRetry,
  });
  let closing: Promise<void> | undefined;
  let unwatch = (): void => {};
  const leave = async (): Promise<void> => {
    unwatch();
    groups.open--;
    groups.leaving++;
    try {
      await delivery.close();
    } catch (error) {
      parts.onRetry({ what: 'leave group', reason: describeError(error) }); // the broker finds out after the session's timeout
    } finally {
      groups.leaving--;
    }
  };
  const close = (): Promise<void> => {
    closing ??= leave();
    return closing;
  };
  try {
    await delivery.open();
  } catch (error) {
    await close();
    throw error;
  }
  const follow = async (found: ReadonlyMap<string, TopicDescription>): Promise<void> => {
    const wanted = [...found.keys()];
    if (closing !== undefined || delivery.holds(wanted)) return;
    try {
      await delivery.follow(wanted);
      if (closing === undefined) events.onPartitions(countsOf([...found.values()]));
    } catch (error) {
      parts.onRetry({ what: 'join group', reason: describeError(error) }); // the next look tries again
    }
  };
  if (request.pattern !== null)
    unwatch = parts.catalog.watch({ named: null, wants, changed: (found) => void follow(found) });
  return {
    delivery,
    partitions: countsOf(descriptions),
    recheck(next) {
      now = next;
      return now.group(group) && delivery.topics.every((topic) => now.subscribe(topic) !== undefined);
    },
    close,
  };
}

function countsOf(topics: readonly TopicDescription[]): Readonly<Record<string, number>> {
  return Object.fromEntries(topics.map(({ name, partitions }) => [name, partitions.length]));
}

async function describeAll(
  names: readonly string[],
  waitsForTopics: boolean,
  catalog: TopicCatalog,
): Promise<readonly TopicDescription[]> {
  const descriptions = names.map(async (topic) => {
    try {
      return await catalog.describe(topic);
    } catch (error) {
      if (waitsForTopics && isError(error, 'UNKNOWN_TOPIC')) return undefined;
      throw error;
    }
  });
  return (await Promise.all(descriptions)).filter((description) => description !== undefined);
}

/** Throws `forbidden` where a topic that a request names may not be read. */
function checkNamed({ topics }: DeliveryRequest, rights: Rights): void {
  if (topics === null || topics.every((topic) => rights.subscribe(topic) !== undefined)) return;
  throw new FaultError({ code: 'forbidden', message: 'a topic may not be read' });
}

/** Which topics a request is about, under the rights that hold when it is asked. */
function topicsWanted({ topics, pattern }: DeliveryRequest, rights: () => Rights): (topic: string) => boolean {
  const mayRead = (topic: string): boolean => rights().subscribe(topic) !== undefined;
  if (pattern === null) return (topic) => topics!.includes(topic);
  const fits = topicMatcher(pattern);
  return (topic) => fits(topic) && !isInternalTopic(topic) && mayRead(topic);
}

async function startOfTopic(
  { name, id, partitions }: TopicDescription,
  { from, ifLost, pattern, partition: only }: DeliveryRequest,
  position: Position | undefined,
  parts: DeliveryParts,
): Promise<TopicStart> {
  const tag = tagOf(id);
  if (only !== undefined && only !== null && only >= partitions.length) {
    throw new FaultError({ code: 'not_found', message: 'no such partition' });
  }
  const starts = partitions.map(async (_, partition): Promise<StartOfPartition | undefined> => {
    if (only !== undefined && only !== null && partition !== only) return undefined;
    return startOfPartition(name, partition, tag, { from, ifLost, isPattern: pattern !== null }, position, parts);
  });
  return { tag, partitions: await Promise.all(starts) };
}

async function startOfPartition(
  topic: string,
  partition: number,
  tag: string,
  { from, ifLost, isPattern }: { readonly from: StartAt; readonly ifLost: IfLost; readonly isPattern: boolean },
  position: Position | undefined,
  { hub, broker }: DeliveryParts,
): Promise<StartOfPartition> {
  const earliest = (): Promise<number> => hub.border(topic, partition, 'earliest');
  const latest = (): Promise<number> => hub.border(topic, partition, 'latest');
  const borders = async () => ({ earliest: await earliest(), latest: await latest() });
  switch (from.kind) {
    case 'earliest':
      return { next: await earliest(), gap: null };
    case 'latest':
      return { next: await latest(), gap: null };
    case 'timestamp': {
      const next = await broker.offset(topic, partition, { timestampMs: from.timestampMs });
      return { next, gap: null };
    }
    case 'offsets': {
      const wanted = from.offsets.get(topic)?.get(partition);
      if (wanted === undefined) return { next: await latest(), gap: null };
      return placed(startAtOffset(topic, partition, wanted, await borders(), ifLost));
    }
    case 'stream': {
      const known = from.topics.get(topic);
      if (known === undefined) return { next: await latest(), gap: null };
      const place = known.partitions.get(partition) ?? known.others;
      // Of a topic that the id knows: a partition that has been added since.
      if (place === null) return { next: await earliest(), gap: null };
      if (place === 'latest') return { next: await latest(), gap: null };
      if ('timestampMs' in place) return { next: await broker.offset(topic, partition, place), gap: null };
      return placed(startAtOffset(topic, partition, place.offset, await borders(), ifLost));
    }
    case 'position': {
      const known = position?.get(topic);
      if (known === undefined) return { next: await (isPattern ? earliest() : latest()), gap: null };
      const next = known.next[partition];
      // Clients that come back together stand where others have just begun to read.
      if (known.tag === tag && typeof next === 'number' && hub.holds(topic, partition, next))
        return { next, gap: null };
      return placed(startAtPosition(topic, partition, known, tag, await borders(), ifLost));
    }
  }
}

function placed(start: ReturnType<typeof startAtOffset>): StartOfPartition {
  if (start.kind === 'at') return start;
  throw new FaultError({ code: 'position_lost', message: 'the position is not on the log any more' });
}

/** Topics and partitions that have come or gone since. New ones are read from their beginning. */
async function follow(
  delivery: SharedDelivery,
  topics: ReadonlyMap<string, TopicDescription>,
  request: DeliveryRequest,
  parts: DeliveryParts,
  events: DeliveryEvents,
): Promise<void> {
  const before = delivery.partitions;
  let changed = false;
  for (const [topic, description] of topics) {
    if (delivery.isWhole(topic, description.partitions.length)) continue;
    changed = true;
    const fromBeginning: DeliveryRequest = { ...request, from: { kind: 'earliest' } };
    await delivery.add(topic, await startOfTopic(description, fromBeginning, undefined, parts));
    events.onReady(); // it may hold records already, which nobody will be woken for
  }
  for (const topic of Object.keys(before)) {
    if (topics.has(topic)) continue;
    changed = true;
    delivery.remove(topic, true);
  }
  if (!changed) return;
  const now = delivery.partitions;
  if (Object.keys(now).length === 0 && request.pattern === null && request.waitsForTopics !== true) {
    events.onFailed({ code: 'not_found', message: 'its topics were deleted' });
  } else events.onPartitions(now);
}

/** Keys that the rules force on a topic are one more condition: a record must fit both. */
function withForcedKeys(filter: Filter | null, forced: readonly string[] | null | undefined): Filter | null {
  if (forced === null || forced === undefined) return filter;
  const allowed = keySet(forced);
  if (filter === null) return { keys: allowed, keyPrefix: null, headers: [] };
  const keys = filter.keys === null ? allowed : new Set([...filter.keys].filter((key) => allowed.has(key)));
  return { ...filter, keys };
}
