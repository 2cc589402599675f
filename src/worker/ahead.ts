/**
 * A worker that begins before it has heard from its Kafka, which may be away: a silence from the beginning. It runs what has a
 * spool and was its own, by what it kept of Kafka's tables (spool/known-work.ts), and by its own file.
 */
import { isDeepStrictEqual } from 'node:util';
import type { RawConfig } from '../config/raw.ts';
import type { Ownership } from './cluster/ownership.ts';
import type { ConfigTable } from './config-table.ts';
import type { ConnectorClasses } from './connector-classes.ts';
import { ownOffsetsTopic } from './connector-runner.ts';
import { type LaterTable, laterTable } from './later-table.ts';
import type { Entries, KnownConnector, KnownWork } from './spool/known-work.ts';
import { goesOnThroughSilence, isSpooled } from './spool/spool-options.ts';
import type { WorkerSpool } from './spool/worker-spool.ts';
import { openTable, type TableOptions } from './table.ts';
import { defaultTables, type WorkerOptions } from './worker-options.ts';

export interface WorkerTables {
  readonly config: LaterTable;
  readonly offset: LaterTable;
  readonly status: LaterTable;
}

/** Before Kafka was asked. What the file says counts, as it does later. */
export function tablesBefore(
  { tables = defaultTables }: WorkerOptions,
  known: KnownWork | undefined,
  fromFile: Readonly<Record<string, RawConfig>>,
): WorkerTables {
  const connectors = known?.connectors ?? [];
  const ofFile = Object.entries(fromFile).map(
    ([name, config]) => [`connector-${name}`, JSON.stringify({ properties: { ...config, name } })] as const,
  );
  return {
    config: laterTable({
      topic: tables.config.topic,
      known: [...connectors.flatMap(({ config }) => config), ...ofFile],
      early: 'shown',
    }),
    offset: laterTable({ topic: tables.offset.topic, known: [], early: 'waits' }),
    status: laterTable({
      topic: tables.status.topic,
      known: connectors.flatMap(({ status }) => status),
      early: 'waits',
    }),
  };
}

/** Opens all of them as they are in Kafka, or none. */
export async function attachTables(
  { broker, log, tables: topics = defaultTables }: WorkerOptions,
  tables: WorkerTables,
  onEntry: Readonly<Record<'config' | 'status', TableOptions['onEntry']>> & {
    /** What `config` is told of from now on has been written since. */
    readonly configRead: () => void;
  },
): Promise<void> {
  if (tables.config.isAttached) return;
  const told = (name: 'config' | 'status') => (onEntry[name] === undefined ? {} : { onEntry: onEntry[name] });
  const opened = await Promise.allSettled([
    openTable({ ...topics.config, broker, log, ...told('config') }).then((table) => {
      onEntry.configRead();
      return table;
    }),
    openTable({ ...topics.offset, broker, log }),
    openTable({ ...topics.status, broker, log, ...told('status') }),
  ]);
  const [config, offset, status] = opened;
  if (config.status === 'fulfilled' && offset.status === 'fulfilled' && status.status === 'fulfilled') {
    await Promise.all([
      tables.config.attach(config.value),
      tables.offset.attach(offset.value),
      tables.status.attach(status.value),
    ]);
    return;
  }
  await Promise.all(opened.map((each) => (each.status === 'fulfilled' ? each.value.close() : undefined)));
  throw opened.find((each) => each.status === 'rejected')!.reason;
}

export interface WorkAheadParts {
  readonly options: WorkerOptions;
  readonly tables: WorkerTables;
  readonly configs: ConfigTable;
  readonly classes: ConnectorClasses;
  readonly spool: WorkerSpool | undefined;
  readonly ownership: () => Ownership;
}

/** Which work begins before Kafka is there, what is kept for that, and whether it is still so when the tables come. */
export class WorkAhead {
  readonly #parts: WorkAheadParts;
  /** Configurations that connectors run by since before the tables were read. */
  #ranBy: ReadonlyMap<string, unknown> | undefined;
  /** As they were found last; one that is missing is looked at anew. */
  readonly #found = new Map<string, KnownConnector | undefined>();

  constructor(parts: WorkAheadParts) {
    this.#parts = parts;
  }

  /** What is taken for this worker's own. Nothing is written meanwhile that another one may have written. */
  ownership(known: KnownWork | undefined): Ownership {
    const { share } = this.#parts.options;
    const tasks = new Map(known?.connectors.map((connector) => [connector.name, new Set(connector.tasks)]));
    // One that shares with nobody has all there is.
    const isOwn = (name: string, task: number): boolean => share === undefined || tasks.get(name)?.has(task) === true;
    return {
      owns: (connector, task = 0) => isOwn(connector, task) && this.receives(connector),
      isLeader: false,
      isSure: false,
      heardAtMs: Number.NEGATIVE_INFINITY,
      hearing: () => undefined,
      members: undefined,
      mayWrite: () => false,
      failure: undefined,
      weightsChanged() {},
      expectSharing() {},
      async close() {},
    };
  }

  /** Where a connector keeps its offsets in a topic of its own, that one is waited for. */
  receives(name: string): boolean {
    const { options, configs, classes, spool } = this.#parts;
    const stored = configs.connector(name);
    if (spool === undefined || stored === undefined) return false;
    const connector = classes.of(stored);
    if (connector?.kind !== 'source' || ownOffsetsTopic(connector, stored, options) !== undefined) return false;
    return options.share === undefined
      ? isSpooled(options.resolve?.(stored, 'keep') ?? stored)
      : this.outlastsSilence(name);
  }

  /** What a task receives into its spool is good whoever does its work. */
  outlastsSilence(name: string): boolean {
    const { options, configs, classes, spool } = this.#parts;
    const config = configs.connector(name);
    if (spool === undefined || config === undefined || classes.typeOf(config) !== 'source') return false;
    return goesOnThroughSilence(options.resolve?.(config, 'keep') ?? config);
  }

  /** Before the tables are those of Kafka. */
  tablesComing(): void {
    const { configs } = this.#parts;
    this.#ranBy ??= new Map(configs.connectors().map((name) => [name, configs.asGiven(name)]));
  }

  /** The tables say of this connector what was known of it. */
  isAsBefore(name: string): boolean {
    const { configs } = this.#parts;
    return configs.targetState(name) === 'STARTED' && isDeepStrictEqual(this.#ranBy?.get(name), configs.asGiven(name));
  }

  /** Something of this connector, or of what is whose: it is kept a moment later, with what changes by then. */
  changed(name?: string): void {
    if (name === undefined) this.#found.clear();
    else this.#found.delete(name);
    this.#parts.spool?.keep(() => this.#work(false));
  }

  /** The worker ends: others have its work then, where there are any that hear of it. */
  leaves(): void {
    this.#found.clear();
    this.#parts.spool?.keep(() => this.#work(true));
  }

  #work(isLeaving: boolean): Omit<KnownWork, 'atMs'> {
    const { options, configs, ownership } = this.#parts;
    const { members = 0, isSure } = ownership();
    const hasLeft = isLeaving && isSure && members > 1;
    const connectors = configs.connectors().flatMap((name) => this.#known(name) ?? []);
    return { group: { groupId: options.groupId ?? '', members, hasLeft }, connectors };
  }

  #known(name: string): KnownConnector | undefined {
    if (!this.#found.has(name)) this.#found.set(name, this.#connector(name));
    return this.#found.get(name);
  }

  #connector(name: string): KnownConnector | undefined {
    const { configs, tables, ownership } = this.#parts;
    const numbers = [...configs.tasks(name).keys()];
    const tasks = numbers.filter((task) => ownership().owns(name, task));
    if ((tasks.length === 0 && !ownership().owns(name)) || !this.receives(name)) return undefined;
    const config = ['connector', 'target-state', 'commit'].map((kind) => `${kind}-${name}`);
    return {
      name,
      config: entriesOf(tables.config, [...config, ...numbers.map((task) => `task-${name}-${task}`)]),
      status: entriesOf(
        tables.status,
        tasks.map((task) => `status-task-${name}-${task}`),
      ),
      tasks,
    };
  }
}

function entriesOf({ entries }: LaterTable, keys: readonly string[]): Entries {
  return keys.flatMap((key) => {
    const value = entries.get(key);
    return value === undefined ? [] : [[key, value] as const];
  });
}
