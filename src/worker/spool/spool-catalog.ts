/**
 * What lies in the spool: a topic for each task, in which each partition is what goes to one topic of Kafka, and what the
 * forwarder of that task has to know when nobody runs the task any more. Kept in a table of the spool's own broker.
 */
import { createHash } from 'node:crypto';
import { isError } from '../../base/errors.ts';
import type { LocalBroker } from '../../broker/broker.ts';
import type { RawConfig } from '../../config/raw.ts';
import type { Table } from '../table.ts';

export interface CatalogEntry {
  readonly connector: string;
  readonly task: number;
  /** Of the spool's broker. */
  readonly log: string;
  /** Topics of Kafka; a topic's place is the partition of the log. */
  readonly topics: readonly string[];
  /** What of the task's configuration says how it is forwarded. Nothing secret is in it. */
  readonly config: RawConfig;
  /** The connector is gone: the log goes, too, once it is forwarded. */
  readonly isOrphan?: boolean;
  /** The task has ended with everything synced, and does not run. */
  readonly isEnded?: boolean;
  /** The same of its run before the one there is. */
  readonly wasEnded?: boolean;
}

/** Of the spool's broker: the table that this stands in. */
export const catalogTopic = '__spool-catalog';

/** Logs keep what they hold until it is forwarded; the connector's own bounds count. */
const logConfig = { 'retention.ms': '-1', 'retention.bytes': '-1', 'max.message.bytes': '134217728' };
const kept = /^(spool\.|topic\.creation\.|errors\.|producer\.override\.(compression|max\.request|transaction|acks))/;

export class SpoolCatalog {
  readonly #broker: LocalBroker;
  readonly #table: Table;
  readonly #entries = new Map<string, CatalogEntry>();

  constructor(broker: LocalBroker, table: Table) {
    this.#broker = broker;
    this.#table = table;
    for (const [key, value] of table.entries) this.#entries.set(key, parseCatalogEntry(value));
  }

  all(): readonly CatalogEntry[] {
    return [...this.#entries.values()];
  }

  get(connector: string, task: number): CatalogEntry | undefined {
    return this.#entries.get(keyOf(connector, task));
  }

  /** Makes the log where it is missing, and keeps the configuration for those who forward it later. */
  async open(connector: string, task: number, config: RawConfig): Promise<CatalogEntry> {
    const known = this.get(connector, task);
    const log = logName(connector, task);
    const needed = Object.fromEntries(Object.entries(config).filter(([key]) => kept.test(key)));
    await this.#ensureLog(log);
    const wasEnded = known?.isEnded === true ? { wasEnded: true } : {};
    return this.#put({ connector, task, log, topics: known?.topics ?? [], config: needed, ...wasEnded });
  }

  /** The place of a topic in the log, made where there is none. */
  async slot(entry: CatalogEntry, topic: string): Promise<number> {
    const now = this.get(entry.connector, entry.task) ?? entry;
    const found = now.topics.indexOf(topic);
    if (found !== -1) return found;
    const slot = now.topics.length;
    const { partitions } = await this.#broker.describeTopic(now.log);
    if (partitions.length <= slot) await this.#broker.addPartitions(now.log, slot + 1);
    await this.#put({ ...now, topics: [...now.topics, topic] });
    return slot;
  }

  async ended(entry: CatalogEntry, clean: boolean): Promise<CatalogEntry> {
    const known = this.get(entry.connector, entry.task);
    if (known === undefined) return entry; // taken away meanwhile
    const { wasEnded, ...now } = known;
    return this.#put({ ...now, isEnded: clean });
  }

  /** Those whose log is gone: a crash came between the two steps of `remove`. */
  async withoutLog(): Promise<readonly CatalogEntry[]> {
    const topics = new Set(await this.#broker.listTopics());
    return this.all().filter(({ log }) => !topics.has(log));
  }

  async orphan(entry: CatalogEntry): Promise<void> {
    await this.#put({ ...(this.get(entry.connector, entry.task) ?? entry), isOrphan: true });
  }

  /** In this order: an entry without a log is found at the next start, a log without an entry would lie there for ever. */
  async remove({ connector, task, log }: CatalogEntry): Promise<void> {
    const key = keyOf(connector, task);
    await this.#broker.deleteTopic(log).catch((error: unknown) => {
      if (!isError(error, 'UNKNOWN_TOPIC')) throw error;
    });
    this.#entries.delete(key);
    await this.#table.put([[key, null]]);
  }

  async #ensureLog(log: string): Promise<void> {
    if ((await this.#broker.listTopics()).includes(log)) return;
    await this.#broker.createTopic({ name: log, partitions: 1, config: logConfig });
  }

  async #put(entry: CatalogEntry): Promise<CatalogEntry> {
    const key = keyOf(entry.connector, entry.task);
    this.#entries.set(key, entry);
    const value = JSON.stringify(entry);
    if (this.#table.entries.get(key) !== value) await this.#table.put([[key, value]]);
    return entry;
  }
}

/** As it was written by this class: nobody else writes there. */
export function parseCatalogEntry(value: string): CatalogEntry {
  return JSON.parse(value) as CatalogEntry;
}

function keyOf(connector: string, task: number): string {
  return JSON.stringify([connector, task]);
}

/** Names of connectors may hold what names of topics may not, and be longer. */
export function logName(connector: string, task: number): string {
  if (/^[A-Za-z0-9._-]{1,200}$/.test(connector)) return `${connector}-${task}`;
  const hash = createHash('sha256').update(connector).digest('hex').slice(0, 12);
  return `${connector.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 180)}-${hash}-${task}`;
}
