/** A spool whose broker this process has open. Nothing of it is changed. */
import { TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import type { LocalBroker } from '../../broker/broker.ts';
import { type CatalogEntry, catalogTopic, parseCatalogEntry } from '../../worker/spool/spool-catalog.ts';
import { forwardedGroup } from '../../worker/spool/task-log.ts';
import { toTapRecord } from '../topics/record-json.ts';
import type { InspectOptions, SpoolAccess, SpoolEntry, SpoolLog } from './spool-access.ts';

/** `broker` is undefined while nothing was ever spooled. */
export function localSpool(
  broker: () => LocalBroker | undefined,
  close: () => Promise<void> = async () => {},
): SpoolAccess {
  return {
    async list() {
      const open = broker();
      return open === undefined ? [] : logsOf(open);
    },
    async *inspect(connector, options, signal) {
      const open = broker();
      if (open === undefined) throw noSpool(connector, []);
      yield* inspect(open, connector, options, signal);
    },
    [Symbol.asyncDispose]: close,
  };
}

async function logsOf(broker: LocalBroker): Promise<SpoolLog[]> {
  const [entries, forwarded] = await Promise.all([catalogOf(broker), forwardedOf(broker)]);
  return Promise.all(
    entries.flatMap((entry) => entry.topics.map((topic, slot) => logOf(broker, entry, topic, slot, forwarded))),
  );
}

async function logOf(
  broker: LocalBroker,
  { connector, task, log, config, isOrphan }: CatalogEntry,
  topic: string,
  slot: number,
  forwarded: Forwarded,
): Promise<SpoolLog> {
  const { first, next, bytes } = broker.extent(log, slot);
  const position = Math.max(first, forwarded(log, slot));
  const records = Math.max(0, next - position);
  return {
    ...{ connector, task, topic, records, bytes, position, end: next },
    oldestMs: records === 0 ? null : await timeOfFirst(broker, log, slot, position),
    mode: config['spool.mode'] ?? 'at-least-once',
    isOrphan: isOrphan === true,
  };
}

/** Of the oldest that can be read; null where there is none. */
async function timeOfFirst(
  broker: LocalBroker,
  topic: string,
  partition: number,
  offset: number,
): Promise<number | null> {
  const from = { offset: Math.max(offset, broker.extent(topic, partition).first) };
  for await (const { records } of broker.read({ topic, partition, from, until: 'end' }))
    if (records.length > 0) return records[0]!.timestampMs;
  return null;
}

async function* inspect(
  broker: LocalBroker,
  connector: string,
  { task, topic, from, limit }: InspectOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly SpoolEntry[]> {
  const [entries, forwarded] = await Promise.all([catalogOf(broker), forwardedOf(broker)]);
  const chosen = choose(entries, connector, task, topic);
  let left = limit ?? Number.POSITIVE_INFINITY;
  for (const { log, slot, ...where } of chosen) {
    const { first, next } = broker.extent(log, slot);
    const offset = Math.min(Math.max(first, from ?? forwarded(log, slot)), next);
    const read = { topic: log, partition: slot, from: { offset }, until: 'end', signal } as const;
    for await (const { records, damaged = [] } of broker.read(read)) {
      const found: SpoolEntry[] = records.slice(0, left).map((record) => {
        const { partition: _, ...shown } = toTapRecord(slot, record);
        return { ...where, ...shown };
      });
      left -= found.length;
      for (const range of damaged) found.push({ ...where, damaged: range });
      found.sort((a, b) => offsetOf(a) - offsetOf(b));
      if (found.length > 0) yield found;
      if (left <= 0) return;
    }
  }
}

function offsetOf(entry: SpoolEntry): number {
  return 'damaged' in entry ? entry.damaged.from : entry.offset;
}

interface ChosenLog {
  readonly task: number;
  readonly topic: string;
  readonly log: string;
  readonly slot: number;
}

function choose(entries: readonly CatalogEntry[], connector: string, task?: number, topic?: string): ChosenLog[] {
  const own = entries.filter((entry) => entry.connector === connector);
  if (own.length === 0) throw noSpool(connector, entries);
  const ofTask = own.filter((entry) => task === undefined || entry.task === task);
  if (ofTask.length === 0) {
    const tasks = own.map((entry) => entry.task).join(', ');
    throw new TributaryError('NOT_FOUND', `Nothing of task ${task} of "${connector}" was spooled: there is ${tasks}.`);
  }
  const logs = ofTask.flatMap((entry) =>
    entry.topics.map((name, slot) => ({ task: entry.task, topic: name, log: entry.log, slot })),
  );
  const chosen = logs.filter((log) => topic === undefined || log.topic === topic);
  if (topic !== undefined && chosen.length === 0) {
    const hint = suggest(topic, [...new Set(logs.map((log) => log.topic))]);
    throw new TributaryError('NOT_FOUND', `Nothing of "${connector}" was spooled for topic "${topic}".${hint}`);
  }
  return chosen;
}

function noSpool(connector: string, entries: readonly CatalogEntry[]): TributaryError {
  const hint = suggest(connector, [...new Set(entries.map((entry) => entry.connector))]);
  return new TributaryError(
    'NOT_FOUND',
    `Nothing of a connector "${connector}" was spooled.${hint} "tributary spool ls" shows what was.`,
  );
}

async function catalogOf(broker: LocalBroker): Promise<CatalogEntry[]> {
  const topics = new Set(await broker.listTopics());
  if (!topics.has(catalogTopic)) return [];
  const entries = new Map<string, CatalogEntry>();
  const read = { topic: catalogTopic, partition: 0, from: 'earliest', until: 'end' } as const;
  for await (const { records } of broker.read(read)) {
    for (const { key, value } of records) {
      const name = Buffer.from(key ?? []).toString();
      if (value === null) entries.delete(name);
      else entries.set(name, parseCatalogEntry(Buffer.from(value).toString()));
    }
  }
  const byName = (a: CatalogEntry, b: CatalogEntry): number =>
    a.connector < b.connector ? -1 : a.connector > b.connector ? 1 : a.task - b.task;
  // One whose log is gone already is taken out at the next start.
  return [...entries.values()].filter(({ log }) => topics.has(log)).sort(byName);
}

type Forwarded = (log: string, slot: number) => number;

async function forwardedOf(broker: LocalBroker): Promise<Forwarded> {
  const committed = await broker.committedOffsets(forwardedGroup);
  const offsets = new Map(committed.map(({ topic, partition, offset }) => [`${topic} ${partition}`, offset]));
  return (log, slot) => offsets.get(`${log} ${slot}`) ?? 0;
}
