/**
 * Positions in the sources of spooled connectors. There are two of each: the one behind what lies in the spool, kept beside it
 * and written in one transaction with it, and the one behind what Kafka has, which other workers start from. A source goes on
 * from the first, unless somebody else has changed the second meanwhile: another worker, or a person.
 */
import { describeError } from '../../base/errors.ts';
import type { Producer } from '../../broker/broker.ts';
import type { SourceMap } from '../../connectors/contract.ts';
import type { Log } from '../../telemetry/log.ts';
import { canonicalJson } from '../json.ts';
import type { OffsetEntry, OffsetTable, SourceOffset } from '../offset-table.ts';
import type { Table } from '../table.ts';
import { SpoolProducer } from './spool-producer.ts';

export interface SpoolOffsetsOptions {
  readonly connector: string;
  readonly local: OffsetTable;
  readonly kafka: OffsetTable;
  /** What Kafka's table may hold without anybody else having written it. */
  readonly known: Table;
  readonly log: Log;
}

export class SpoolOffsets implements OffsetTable {
  readonly #options: SpoolOffsetsOptions;
  readonly #prepared = new Set<string>();

  constructor(options: SpoolOffsetsOptions) {
    this.#options = options;
  }

  /** Where the source goes on. */
  resume(partition: SourceMap): SourceMap | undefined {
    const { connector, local, kafka, log } = this.#options;
    const own = local.get(connector, partition);
    const stored = kafka.get(connector, partition);
    if (own === undefined || this.#isKnown(partition)) return own ?? stored;
    log.info('spool_offset_superseded', { detail: 'somebody else has stored an offset meanwhile: it counts' });
    return stored;
  }

  get(connector: string, partition: SourceMap): SourceMap | undefined {
    return this.#options.local.get(connector, partition);
  }

  all(connector: string): readonly SourceOffset[] {
    return this.#options.local.all(connector);
  }

  async put(connector: string, offsets: readonly OffsetEntry[]): Promise<void> {
    for (const { partition } of offsets) await this.#prepare(partition);
    await this.#options.local.put(connector, offsets);
  }

  async send(producer: Producer, connector: string, offsets: readonly OffsetEntry[]): Promise<void> {
    for (const { partition } of offsets) await this.#prepare(partition);
    const own = producer instanceof SpoolProducer ? producer.inner : producer;
    await this.#options.local.send(own, connector, offsets);
  }

  caughtUp(signal?: AbortSignal): Promise<void> {
    return this.#options.local.caughtUp(signal);
  }

  /** To Kafka's table, behind the records. False where somebody else has written there: theirs counts. */
  async relay({ partition, offset }: SourceOffset): Promise<boolean> {
    const { connector, kafka, log } = this.#options;
    const before = kafka.get(connector, partition);
    if (!this.#isKnown(partition)) {
      log.warn('spool_offset_not_stored', { detail: 'somebody else has stored an offset meanwhile: it counts' });
      return false;
    }
    // Written down before: after a crash either of the two is known to be ours.
    await this.#putKnown(partition, [before, offset]);
    await kafka.put(connector, [{ partition, offset }]);
    return true;
  }

  /** Before the first position of this run: the one beside the spool counts from now on. */
  async #prepare(partition: SourceMap): Promise<void> {
    const name = canonicalJson(partition);
    if (this.#prepared.has(name)) return;
    const { connector, local, kafka } = this.#options;
    const stored = kafka.get(connector, partition);
    const isSuperseded = local.get(connector, partition) !== undefined && !this.#isKnown(partition);
    // In this order: a crash in between leaves what was superseded as it was.
    if (isSuperseded) await local.put(connector, [{ partition, offset: stored ?? null }]);
    if (isSuperseded || this.#known(partition) === undefined) await this.#putKnown(partition, [stored]);
    this.#prepared.add(name);
  }

  #isKnown(partition: SourceMap): boolean {
    const { connector, kafka } = this.#options;
    const text = canonicalJson(kafka.get(connector, partition) ?? null);
    return this.#known(partition)?.includes(text) === true;
  }

  #known(partition: SourceMap): readonly string[] | undefined {
    const { connector, known } = this.#options;
    const value = known.entries.get(canonicalJson([connector, partition]));
    return value === undefined ? undefined : (JSON.parse(value) as string[]);
  }

  #putKnown(partition: SourceMap, offsets: readonly (SourceMap | undefined)[]): Promise<void> {
    const { connector, known } = this.#options;
    const texts = offsets.map((offset) => canonicalJson(offset ?? null));
    return known.put([[canonicalJson([connector, partition]), JSON.stringify(texts)]]);
  }
}

/** A position of the source, and how far the log has to be forwarded before Kafka's table may say it. */
interface Mark extends SourceOffset {
  readonly ends: readonly number[];
  readonly atMs: number;
}

/** Positions that wait, for each part of the source. Where there are more every second one is left out: a later one says it all. */
const maxMarks = 512;
const minSpacingMs = 500;

/** Takes positions from behind what is received to behind what is forwarded. */
export class OffsetRelay {
  readonly #offsets: () => SpoolOffsets;
  readonly #log: Log;
  readonly #marks = new Map<string, Mark[]>();
  readonly #due = new Map<string, SourceOffset>();
  #storing: Promise<void> | undefined;

  constructor(offsets: () => SpoolOffsets, log: Log) {
    this.#offsets = offsets;
    this.#log = log;
  }

  /** The records before this position lie below these ends of the log's partitions. */
  received(partition: SourceMap, offset: SourceMap, ends: readonly number[], atMs: number): void {
    const name = canonicalJson(partition);
    const marks = this.#marks.get(name) ?? [];
    this.#marks.set(name, marks);
    const mark = { partition, offset, ends, atMs };
    // The one before the last stays, or a forwarder that is always a little behind would never come past one.
    if (marks.length > 1 && atMs - marks.at(-2)!.atMs < minSpacingMs) marks[marks.length - 1] = mark;
    else marks.push(mark);
    if (marks.length > maxMarks)
      this.#marks.set(
        name,
        marks.filter((_, index) => index % 2 === 1 || index === marks.length - 1),
      );
  }

  /** The log is forwarded up to here. */
  forwarded(positions: readonly number[]): void {
    for (const [name, marks] of this.#marks) {
      let passed = 0;
      while (passed < marks.length && isPassed(marks[passed]!, positions)) passed++;
      if (passed === 0) continue;
      const [last] = marks.splice(0, passed).slice(-1);
      this.#due.set(name, last!);
    }
  }

  /** Stores what is due, one call at a time. What cannot be stored is tried again with the next call. */
  store(): Promise<void> {
    this.#storing ??= this.#store().finally(() => {
      this.#storing = undefined;
    });
    return this.#storing;
  }

  async #store(): Promise<void> {
    for (const [name, mark] of [...this.#due]) {
      try {
        await this.#offsets().relay({ partition: mark.partition, offset: mark.offset });
        if (this.#due.get(name) === mark) this.#due.delete(name);
      } catch (error) {
        this.#log.warn('offset_commit_failed', { reason: describeError(error) });
        return;
      }
    }
  }
}

function isPassed({ ends }: Mark, positions: readonly number[]): boolean {
  return ends.every((end, slot) => (positions[slot] ?? 0) >= end);
}
