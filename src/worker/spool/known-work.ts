/**
 * What a worker has to know to begin while Kafka is away, kept beside its spool: of each connector with a spool that it had a part
 * of when it last heard from Kafka, the entries of the tables as they stand there (references to secrets are not resolved), and
 * how many shared the work. docs/spool.md says when it begins by it.
 */
import { isDeepStrictEqual } from 'node:util';
import type { LocalBroker } from '../../broker/broker.ts';
import type { Log } from '../../telemetry/log.ts';
import { parseObject } from '../json.ts';
import type { Table, TableEntry } from '../table.ts';

/** Of the spool's broker. */
export const knownWorkTopic = '__spool-known-work';

export type Entries = readonly (readonly [key: string, value: string])[];

export interface KnownConnector {
  readonly name: string;
  /** Of the configuration topic. */
  readonly config: Entries;
  /** Of the status topic: how its tasks have ended. */
  readonly status: Entries;
  /** Tasks that were this worker's; of task 0 the connector is, too. */
  readonly tasks: readonly number[];
}

export interface KnownGroup {
  readonly groupId: string;
  /** That shared the work. 1: nobody is there to go on for this one. */
  readonly members: number;
  /** It has left, and whoever is left has its work. */
  readonly hasLeft: boolean;
}

export interface KnownWork {
  readonly group: KnownGroup;
  /** When any of it last changed. */
  readonly atMs: number;
  readonly connectors: readonly KnownConnector[];
}

const groupKey = 'group';
const connectorKey = (name: string): string => `connector ${name}`;

/** Undefined where nothing was ever kept. What is not as `keepKnownWork` writes it is passed over, and the log says so. */
export async function readKnownWork(broker: LocalBroker, log: Log): Promise<KnownWork | undefined> {
  if (!(await broker.listTopics()).includes(knownWorkTopic)) return undefined;
  const entries = new Map<string, string>();
  const read = { topic: knownWorkTopic, partition: 0, from: 'earliest', until: 'end' } as const;
  for await (const { records } of broker.read(read)) {
    for (const { key, value } of records) {
      const name = Buffer.from(key ?? []).toString();
      if (value === null) entries.delete(name);
      else entries.set(name, Buffer.from(value).toString());
    }
  }
  const damaged = (key: string): undefined => {
    log.warn('spool_known_work_damaged', { key });
  };
  const text = entries.get(groupKey);
  if (text === undefined) return undefined;
  const group = knownGroup(parseObject(text)) ?? damaged(groupKey);
  if (group === undefined) return undefined;
  entries.delete(groupKey);
  const connectors = [...entries].flatMap(([key, value]) => knownConnector(parseObject(value)) ?? damaged(key) ?? []);
  return { ...group, connectors };
}

type Parsed = ReturnType<typeof parseObject>;

function knownGroup({
  groupId,
  members,
  hasLeft,
  atMs,
}: NonNullable<Parsed> = {}): Omit<KnownWork, 'connectors'> | undefined {
  if (typeof groupId !== 'string' || typeof members !== 'number' || typeof hasLeft !== 'boolean') return undefined;
  return typeof atMs === 'number' ? { group: { groupId, members, hasLeft }, atMs } : undefined;
}

function knownConnector({ name, config, status, tasks }: NonNullable<Parsed> = {}): KnownConnector | undefined {
  if (typeof name !== 'string' || !areEntries(config) || !areEntries(status)) return undefined;
  const areNumbers = Array.isArray(tasks) && tasks.every((task) => Number.isInteger(task));
  return areNumbers ? { name, config, status, tasks } : undefined;
}

function areEntries(value: unknown): value is Entries {
  if (!Array.isArray(value)) return false;
  return value.every((entry) => {
    return Array.isArray(entry) && entry.length === 2 && entry.every((part) => typeof part === 'string');
  });
}

/** Writes what differs from what is kept. */
export async function keepKnownWork(
  table: Table,
  { group, connectors }: Omit<KnownWork, 'atMs'>,
  nowMs: number,
): Promise<void> {
  const wanted = new Map(connectors.map((known) => [connectorKey(known.name), JSON.stringify(known)]));
  const changes: TableEntry[] = [];
  for (const [key, value] of wanted) if (table.entries.get(key) !== value) changes.push([key, value]);
  for (const key of table.entries.keys()) if (key !== groupKey && !wanted.has(key)) changes.push([key, null]);
  const { atMs: _, ...before } = parseObject(table.entries.get(groupKey)) ?? {};
  if (changes.length === 0 && isDeepStrictEqual(before, { ...group })) return;
  await table.put([[groupKey, JSON.stringify({ ...group, atMs: nowMs })], ...changes]);
}
