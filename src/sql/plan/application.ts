import { TributaryError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import { check, type ScriptPlan } from '../check/check.ts';
import type { QueryPlan } from '../check/query-plan.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import type { WindowClock } from '../operators/operator.ts';
import { defaultMaxState, StateBudget } from '../operators/operator.ts';
import { Scheduler } from '../operators/scheduler.ts';
import { Table } from '../operators/table.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';
import { mapKey } from '../values/compare.ts';
import type { Row, Values } from '../values/value.ts';
import { EventDomain, EventSource, type TimeInput } from './event-time.ts';
import { eventSourcesOf, isKeyed, ranksOf, streamsRead, timesRead } from './graph.ts';
import { type Cut, cutOf, declaredKey } from './parts/cut.ts';
import { ExchangeNode } from './parts/exchange-node.ts';
import { QueryRunner } from './query-runner.ts';

export interface ApplicationOptions {
  /** In [0, 1); for UUID(). */
  readonly random: () => number;
  /** Rows, groups and partial matches that each query, and each table, may keep. */
  readonly maxState?: number;
  /** It is one of so many parts, which together are the application. */
  readonly parts?: { readonly count: number; readonly isAligned?: (stream: string) => boolean };
}

/** A row that a circle of queries has carried on so often goes no further, and is counted. */
const maxDepth = 100;

interface StreamNode {
  readonly plan: StreamPlan;
  readonly source?: EventSource;
  readonly table?: Table;
  readonly budget: StateBudget;
  /** Places of columns that must have a value. */
  readonly notNull: readonly number[];
  readonly readers: QueryRunner[];
  readonly exchanges: ExchangeNode[];
  readonly observers: ((row: Row) => void)[];
  rows: number;
  dropped: number;
}

/**
 * It is longer than other files because rows, time and state meet here, and each call must find all of them as they were left.
 *
 * A script at work, without any I/O: rows come in by `push`, time by `advance`, and what streams carry goes to those who
 * `subscribe`. Everything that a call causes has happened when it returns.
 */
export class Application implements Stateful {
  readonly plan: ScriptPlan;
  /** Ways between the parts; none where it is whole. */
  readonly exchanges: readonly ExchangeNode[];
  private readonly isCut: boolean;
  private readonly streams = new Map<string, StreamNode>();
  private readonly runners: readonly QueryRunner[];
  private readonly clock = new Scheduler();
  private readonly domains: readonly EventDomain[];
  private readonly sources: readonly EventSource[];
  private nowMs = 0;
  private depth = 0;
  /** Rows that had gone in a circle too often. */
  looped = 0;

  constructor(script: string, { random, maxState = defaultMaxState, parts }: ApplicationOptions) {
    if (!Number.isSafeInteger(maxState) || maxState < 1)
      throw new TributaryError(
        'CONFIG_INVALID',
        `Cannot keep at most "${maxState}" entries of state: must be a whole number of at least 1`,
      );
    const now = (): number => this.nowMs;
    this.plan = check(script, { now, random });
    for (const plan of this.plan.streams.values()) {
      const budget = new StateBudget(maxState);
      this.streams.set(plan.name, {
        plan,
        source: plan.eventTime === undefined ? undefined : new EventSource(plan.eventTime),
        table: plan.isTable ? new Table(plan.primaryKey, budget) : undefined,
        budget,
        notNull: plan.columns.flatMap(({ notNull }, column) => (notNull === true ? [column] : [])),
        readers: [],
        exchanges: [],
        observers: [],
        rows: 0,
        dropped: 0,
      });
    }
    this.isCut = parts !== undefined;
    this.exchanges = this.makeExchanges(parts);
    const sources = eventSourcesOf(this.plan, this.detour);
    const domainOf = this.makeDomains(sources);
    this.domains = [...new Set(domainOf.values())].sort((a, b) => a.sources.length - b.sources.length);
    this.sources = [...this.streams.values()].flatMap(({ source }) => (source === undefined ? [] : [source]));
    for (const input of [...this.sources, ...this.exchanges])
      input.domains = this.domains.filter(({ sources }) => sources.includes(input));
    for (const exchange of this.exchanges) exchange.local = domainOf.get(keyOf(sources.get(exchange.exchange.stream)!));
    this.runners = this.makeRunners(maxState, sources, domainOf);
  }

  private makeExchanges(parts: ApplicationOptions['parts']): readonly ExchangeNode[] {
    if (parts === undefined) return [];
    const cut: Cut = cutOf(this.plan, parts.isAligned);
    if (cut.kind === 'whole')
      throw new TributaryError('CONFIG_INVALID', `Cannot cut the application into ${parts.count} parts: ${cut.reason}`);
    return cut.exchanges.map((exchange) => {
      const node = this.node(exchange.stream);
      const read = new Set(
        [...exchange.readers].flatMap((reader) => [...(this.plan.queries[reader]!.reads.get(exchange.stream) ?? [])]),
      );
      const columns = [...read].sort((a, b) => a - b);
      const made = new ExchangeNode(exchange, columns, node.plan.columns.length, parts.count);
      node.exchanges.push(made);
      return made;
    });
  }

  private exchangeOf(query: QueryPlan, stream: string): ExchangeNode | undefined {
    return this.exchanges.find(({ exchange }) => exchange.stream === stream && exchange.readers.has(query.index));
  }

  private readonly detour = (query: QueryPlan, stream: string): string | undefined => {
    const found = this.exchangeOf(query, stream);
    return found === undefined ? undefined : `\0${this.exchanges.indexOf(found)}`;
  };

  private timeInput(name: string): TimeInput {
    return name.startsWith('\0') ? this.exchanges[Number(name.slice(1))]! : this.node(name).source!;
  }

  /** One for each set of sources that a stream or a query depends on. */
  private makeDomains(sources: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyMap<string, EventDomain> {
    const domains = new Map<string, EventDomain>();
    const ofQueries = this.plan.queries.map((query) => new Set(timesRead(query, sources, this.detour)));
    for (const names of [...sources.values(), ...ofQueries]) {
      const key = keyOf(names);
      if (key !== '' && !domains.has(key))
        domains.set(key, new EventDomain([...names].map((name) => this.timeInput(name))));
    }
    return domains;
  }

  private makeRunners(
    maxState: number,
    sources: ReadonlyMap<string, ReadonlySet<string>>,
    domains: ReadonlyMap<string, EventDomain>,
  ): readonly QueryRunner[] {
    const ranks = ranksOf(this.plan.queries);
    const currentKeys: unknown[] = this.plan.partitions.map(() => undefined);
    const written = new Set(this.plan.queries.map(({ target }) => target));
    const processingTime = (rank: number, instance: number, isDirect: boolean): WindowClock => ({
      ...this.clock.clockFor(rank, instance),
      // Rows that come from outside are of the present; those of queries may be of any time before.
      closedUpTo: () => (isDirect ? this.nowMs : Number.NEGATIVE_INFINITY),
    });
    return this.plan.queries.map((plan, index) => {
      const domain = domains.get(keyOf(new Set(timesRead(plan, sources, this.detour))));
      const target = this.node(plan.target);
      const rank = ranks[index]!;
      // What comes from other parts is of the present, too: their clocks are not this one's.
      const isDirect = streamsRead(plan).every(
        (name) => !written.has(name) || this.exchangeOf(plan, name) !== undefined,
      );
      const runner = new QueryRunner({
        plan,
        budget: new StateBudget(maxState),
        output: { push: ({ values, timestamp }) => this.deliver(target, values, timestamp) },
        clockFor: (instance) => domain?.clockFor(rank, instance) ?? processingTime(rank, instance, isDirect),
        delaysFor: (instance) => this.clock.clockFor(rank, instance),
        now: () => this.nowMs,
        table: (name) => this.node(name).table!,
        currentKeys,
        mapKey,
        allKeyed: streamsRead(plan).every((name) => isKeyed(name, plan.partition, this.plan)),
      });
      for (const name of streamsRead(plan)) (this.exchangeOf(plan, name) ?? this.node(name)).readers.push(runner);
      return runner;
    });
  }

  get now(): number {
    return this.nowMs;
  }

  /** When the next timer is due, if no row comes; undefined where there is none. */
  get nextDue(): number | undefined {
    this.watchIdle();
    return this.clock.nextDue;
  }

  /** A typed row enters a stream, at the present time. */
  push(stream: string, values: Values): void {
    this.deliver(this.node(stream), values, this.nowMs);
  }

  /** `push` into one stream, whose name is looked up once for all its rows. */
  entrance(stream: string): (values: Values) => void {
    const node = this.node(stream);
    return (values) => this.deliver(node, values, this.nowMs);
  }

  /** A row comes to an exchange from a part that stood at `watermark` when it sent it. */
  receive(exchange: ExchangeNode, row: Row, watermark: number): void {
    const isTimed = exchange.local !== undefined;
    this.depth++;
    try {
      exchange.deliver(isTimed ? row : { values: row.values, timestamp: this.nowMs }, watermark);
    } finally {
      this.depth--;
    }
  }

  /** None of a source's rows come to this part: no window waits for them. */
  silence(stream: string): void {
    this.node(stream).source?.silence();
  }

  /** Moves the clock; it never goes back. Timers fire on the way, each at its own time. */
  advance(toMs: number): void {
    if (toMs < this.nowMs) return;
    this.watchIdle();
    this.clock.advance(toMs, (due) => {
      this.nowMs = Math.max(this.nowMs, due);
    });
    this.nowMs = toMs;
    this.moveIdle();
  }

  /** An orderly stop: what only a rate holds back goes out; open windows do not. */
  end(): void {
    for (const runner of this.runners) runner.end();
  }

  /** Calls back for each row of a stream from now on; of a source before its mapper is made, if all columns are wanted. */
  subscribe(stream: string, observer: (row: Row) => void): void {
    this.node(stream).observers.push(observer);
  }

  /** Places of a stream's columns that anything looks at; a mapper need not make the others. Undefined: all of them. */
  columnsRead(stream: string): ReadonlySet<number> | undefined {
    const { plan, source, table, observers } = this.node(stream);
    if (observers.length > 0 || table !== undefined) return undefined;
    const places = new Set(source === undefined ? [] : [source.eventTime.column]);
    const key = this.isCut ? declaredKey(plan) : undefined;
    if (key !== undefined) places.add(key);
    for (const { reads } of this.plan.queries) for (const place of reads.get(plan.name) ?? []) places.add(place);
    return places;
  }

  /** A message that its source's mapper could not make a row of. */
  countDropped(stream: string, count = 1): void {
    this.node(stream).dropped += count;
  }

  dropped(stream: string): number {
    return this.node(stream).dropped;
  }

  /** What metrics show: sizes with their limits, and everything that was left out. */
  statistics(): ApplicationStatistics {
    return {
      streams: [...this.streams.values()].map(({ plan, rows, dropped, table, budget }) => ({
        stream: plan.name,
        rows,
        dropped,
        ...(table === undefined ? {} : { state: budget.size, stateLimit: budget.limit, refused: budget.refused }),
      })),
      queries: this.runners.map((runner) => runner.statistics()),
      looped: this.looped,
    };
  }

  /** Whether anything that has come makes a difference to what is still to come. */
  get isStateful(): boolean {
    return this.runners.some((runner) => runner.isStateful) || [...this.streams.values()].some(({ table }) => table);
  }

  /** Everything that `restore` needs to go on from here, in an application of the same script. */
  snapshot(writer: StateWriter): void {
    writer.begin('application');
    writer.number(this.nowMs);
    writer.count(this.looped);
    this.clock.snapshot(writer);
    for (const part of [...this.sources, ...this.exchanges, ...this.domains]) part.snapshot(writer);
    for (const { plan, rows, dropped, budget, table } of this.streams.values()) {
      writer.begin(plan.name);
      writer.count(rows);
      writer.count(dropped);
      budget.snapshot(writer);
      table?.snapshot(writer);
    }
    for (const runner of this.runners) runner.snapshot(writer);
  }

  /** BATCH_CORRUPT where the bytes are not those of a snapshot of this script; the application is of no use then. */
  restore(reader: StateReader): void {
    reader.begin('application');
    this.nowMs = reader.number();
    this.looped = reader.count();
    this.clock.restore(reader);
    for (const part of [...this.sources, ...this.exchanges, ...this.domains]) part.restore(reader);
    for (const node of this.streams.values()) {
      reader.begin(node.plan.name);
      node.rows = reader.count();
      node.dropped = reader.count();
      node.budget.restore(reader);
      node.table?.restore(reader);
    }
    for (const runner of this.runners) runner.restore(reader);
    reader.end();
    this.watchIdle();
  }

  private node(name: string): StreamNode {
    const node = this.streams.get(name);
    if (node === undefined)
      throw new TributaryError(
        'NOT_FOUND',
        `No stream "${name}" in the application.${suggest(name, this.streams.keys())}`,
      );
    return node;
  }

  private deliver(node: StreamNode, values: Values, timestamp: number): void {
    if (this.depth >= maxDepth) {
      this.looped++;
      return;
    }
    const { plan, source } = node;
    for (let i = 0; i < node.notNull.length; i++) {
      if (values[node.notNull[i]!] !== null) continue;
      node.dropped++;
      return;
    }
    const time = source === undefined ? timestamp : values[source.eventTime.column]!;
    if (time === null) {
      node.dropped++;
      return;
    }
    const row: Row = { values, timestamp: Number(time) };
    if (node.table !== undefined && !node.table.insert(values)) return;
    node.rows++;
    this.depth++;
    try {
      if (source?.isIdle(this.nowMs)) this.moveIdle();
      for (const observer of node.observers) observer(row);
      for (const reader of node.readers) reader.push(plan.name, row);
      for (const exchange of node.exchanges) exchange.push(row);
    } finally {
      this.depth--;
    }
    if (source !== undefined) {
      const before = source.watermark;
      source.saw(row.timestamp, this.nowMs);
      if (source.watermark > before) source.moveDomains();
    }
  }

  /** Brings the watermarks of sources without rows up to the clock. */
  private moveIdle(): void {
    for (const source of this.sources) {
      if (!source.isIdle(this.nowMs)) continue;
      source.idle(this.nowMs);
      source.moveDomains();
    }
  }

  private idleTimer = Number.POSITIVE_INFINITY;

  /** Sets a timer for the next window that only the clock can close. */
  private watchIdle(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const source of this.sources) {
      for (const domain of this.domains) {
        const due = domain.nextDue;
        if (due === undefined || due <= source.watermark || !domain.sources.includes(source)) continue;
        next = Math.min(next, source.reaches(due) ?? next);
      }
    }
    if (next >= this.idleTimer || next === Number.POSITIVE_INFINITY) return;
    this.idleTimer = next;
    // Watermarks move in front of everything else that is due at the same time.
    this.clock.clockFor(-1, 0).at(next, next, () => {
      if (this.idleTimer === next) this.idleTimer = Number.POSITIVE_INFINITY;
      this.moveIdle();
      this.watchIdle();
    });
  }
}

/** A set of names as a Map's key; empty for none. */
function keyOf(names: ReadonlySet<string>): string {
  return [...names].sort().join('\0\0');
}

export interface ApplicationStatistics {
  readonly streams: readonly {
    readonly stream: string;
    readonly rows: number;
    readonly dropped: number;
    readonly state?: number;
    readonly stateLimit?: number;
    readonly refused?: number;
  }[];
  readonly queries: readonly ReturnType<QueryRunner['statistics']>[];
  readonly looped: number;
}
