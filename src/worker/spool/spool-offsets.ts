/**
 * Positions in the sources of spooled connectors. There are two of each: the one behind what lies in the spool, kept beside it
 * and written in one transaction with it, and the one behind what Kafka has, which other workers start from. A source goes on
 * from the first, unless somebody else has changed the second meanwhile: another worker, or a person.
 */
import type { Clock } from '../../base/clock.ts';
import { describeError, isError, type TributaryError } from '../../base/errors.ts';
import { SharedQuestion } from '../../base/shared-question.ts';
import type { Producer } from '../../broker/broker.ts';
import type { SourceMap } from '../../connectors/contract.ts';
import { LimitedWarning } from '../../telemetry/limited-log.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Counter } from '../../telemetry/metrics.ts';
import { canonicalJson } from '../json.ts';
import type { OffsetEntry, OffsetTable, SourceOffset } from '../offset-table.ts';
import type { Sent, Table } from '../table.ts';
import type { PositionFence } from './position-fence.ts';
import { SpoolProducer } from './spool-producer.ts';

export interface SpoolOffsetsOptions {
  readonly connector: string;
  readonly local: OffsetTable;
  readonly kafka: OffsetTable;
  /** What Kafka's table may hold without anybody else having written it. */
  readonly known: Table;
  /** False where another worker may run the task by now: its position counts in Kafka's table. What is beside the spool is ours whoever runs it. */
  readonly mayWrite: () => boolean;
  /** False while nobody knows what Kafka's table says: what lies beside the spool counts. Default: always true. */
  readonly isKafkaRead?: () => boolean;
  readonly log: Log;
  readonly clock: Clock;
  /** Of the run that was started here last; absent where there was none, or nothing is fenced. */
  readonly fence?: PositionFence | undefined;
  /** Positions that Kafka refused, as another worker has started the task since. */
  readonly refusals?: Counter | undefined;
}

/** `waits`: nothing was written, and it is to be tried again. `superseded`: somebody else has written there, and theirs counts. */
export type Relayed = 'stored' | 'waits' | 'superseded';

/** What the positions of a run are written with. */
type Claim = 'not-yet' | { readonly by: Producer | undefined };
const unfenced: Claim = { by: undefined };

const notStoredEveryMs = 60_000;

export class SpoolOffsets implements OffsetTable {
  readonly #options: SpoolOffsetsOptions;
  /** It comes with each position that would be due. */
  readonly #notStored: LimitedWarning;
  /** The source has begun without what Kafka's table says: an offset of somebody else there is not the one that it goes on from. */
  #hasBegunBlind = false;
  readonly #prepared = new Map<string, Promise<void>>();
  /** Parts of the source that this run began to read, and whose position was not refused to it since. */
  readonly #begun = new Set<string>();
  readonly #claims = new Map<string, Promise<Claim>>();

  constructor(options: SpoolOffsetsOptions) {
    this.#options = options;
    this.#notStored = new LimitedWarning(options.log, 'spool_offset_not_stored', options.clock, notStoredEveryMs);
  }

  /** Where the source goes on. */
  resume(partition: SourceMap): SourceMap | undefined {
    const { connector, local, kafka, log, fence, isKafkaRead = () => true } = this.#options;
    this.#hasBegunBlind = !isKafkaRead();
    const stored = kafka.get(connector, partition);
    // Begun without what Kafka's table says, what is found there later may be somebody else's, which counts.
    if (fence !== undefined && !this.#hasBegunBlind) {
      this.#begun.add(canonicalJson(partition));
      // Kafka may be away, and receiving does not wait for it. What fails is tried again before the first position.
      this.#claim(partition).catch((error: unknown) => {
        log.warn('spool_offset_not_claimed', { reason: describeError(error) });
      });
    }
    if (!this.isSuperseded(partition)) return local.get(connector, partition) ?? stored;
    log.info('spool_offset_superseded', { detail: 'somebody else has stored an offset meanwhile: it counts' });
    return stored;
  }

  /** Somebody else has written to Kafka's table since this spool did. */
  isSuperseded(partition: SourceMap): boolean {
    const { connector, local, isKafkaRead = () => true } = this.#options;
    return isKafkaRead() && local.get(connector, partition) !== undefined && !this.#isKnown(partition);
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

  async send(producer: Producer, connector: string, offsets: readonly OffsetEntry[]): Promise<Sent> {
    for (const { partition } of offsets) await this.#prepare(partition);
    const own = producer instanceof SpoolProducer ? producer.inner : producer;
    return this.#options.local.send(own, connector, offsets);
  }

  caughtUp(signal?: AbortSignal): Promise<void> {
    return this.#options.local.caughtUp(signal);
  }

  /** To Kafka's table, behind the records, where this worker is sure that the task is its own. */
  async relay({ partition, offset }: SourceOffset): Promise<Relayed> {
    const { connector, kafka, mayWrite } = this.#options;
    if (!mayWrite()) return 'waits';
    const claim = await this.#claim(partition);
    if (claim === 'not-yet') return 'waits';
    // A process that stood still has a copy of the table that is as old.
    await kafka.caughtUp(undefined, { connector, partition });
    const before = kafka.get(connector, partition);
    if (!this.#isKnown(partition)) return this.#superseded();
    // Written down before: after a crash either of the two is known to be ours.
    await this.#putKnown(partition, [before, offset]);
    // It may have stood still, or was cut off, in between.
    if (!mayWrite()) return 'waits';
    if (!this.#isKnown(partition)) return this.#superseded();
    return (await this.#put(partition, offset, claim.by)) ? 'stored' : 'waits';
  }

  /** Why the task cannot go on: another one runs it by now. */
  get failure(): TributaryError | undefined {
    return this.#options.fence?.failure;
  }

  /** Kafka does not fence the positions, as it refuses the id for good. */
  get isUnfenced(): boolean {
    return this.#options.fence?.isUnfenced === true;
  }

  /** Another run takes the place of this one, or none will: nothing is stored for it any more where its positions are fenced. */
  ended(): void {
    this.#options.fence?.end();
    this.#claims.clear();
  }

  /**
   * Before the first position of this run: the epoch is raised, and what stands in Kafka's table is written there once more
   * under it, so that nothing of an older one comes behind it. Kafka looks at epochs where a newer one was written alone.
   */
  #claim(partition: SourceMap): Promise<Claim> {
    const name = canonicalJson(partition);
    let claim = this.#claims.get(name);
    if (claim === undefined) {
      claim = this.#claimed(partition, name);
      this.#claims.set(name, claim);
      const again = (): unknown => this.#claims.get(name) === claim && this.#claims.delete(name);
      claim.then((done) => done === 'not-yet' && again(), again);
    }
    return claim;
  }

  async #claimed(partition: SourceMap, name: string): Promise<Claim> {
    const { connector, kafka, mayWrite, fence } = this.#options;
    if (fence === undefined) return unfenced;
    if (!mayWrite()) return 'not-yet';
    if (this.#begun.has(name)) await this.#prepare(partition);
    const opened = await fence.opened();
    if (opened === undefined) return 'not-yet';
    if (opened.by === undefined) return unfenced;
    await kafka.caughtUp(undefined, { connector, partition });
    if (!mayWrite()) return 'not-yet';
    const stored = kafka.get(connector, partition);
    if (!this.#isKnown(partition)) {
      // The worker before has stored it while this run began, which goes on from what it found.
      if (this.#begun.has(name)) await this.#putKnown(partition, [stored]);
      else return { by: opened.by }; // somebody else's, which counts: the look before the next position says so
    }
    return (await this.#put(partition, stored ?? null, opened.by)) ? { by: opened.by } : 'not-yet';
  }

  /** False where Kafka refused it: another worker has started the task since. */
  async #put(partition: SourceMap, offset: SourceMap | null, by: Producer | undefined): Promise<boolean> {
    const { connector, kafka, fence, refusals } = this.#options;
    try {
      await kafka.put(connector, [{ partition, offset }], by);
      return true;
    } catch (error) {
      if (by === undefined || !isError(error, 'PRODUCER_FENCED')) throw error;
      if (refusals !== undefined) refusals.value++;
      fence?.refused(error);
      this.#claims.clear();
      this.#begun.clear();
      return false;
    }
  }

  #superseded(): Relayed {
    this.#notStored.warn({ detail: 'somebody else has stored an offset meanwhile: it counts' });
    return 'superseded';
  }

  /** Before the first position of this run: the one beside the spool counts from now on. */
  #prepare(partition: SourceMap): Promise<void> {
    const name = canonicalJson(partition);
    let prepared = this.#prepared.get(name);
    if (prepared === undefined) {
      prepared = this.#prepareNow(partition);
      this.#prepared.set(name, prepared);
      prepared.catch(() => this.#prepared.delete(name));
    }
    return prepared;
  }

  async #prepareNow(partition: SourceMap): Promise<void> {
    const { connector, local, kafka } = this.#options;
    const stored = this.#hasBegunBlind ? undefined : kafka.get(connector, partition);
    const isSuperseded = !this.#hasBegunBlind && this.isSuperseded(partition);
    // In this order: a crash in between leaves what was superseded as it was.
    if (isSuperseded) await local.put(connector, [{ partition, offset: stored ?? null }]);
    if (isSuperseded || this.#known(partition) === undefined) await this.#putKnown(partition, [stored]);
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
  /** Who calls while one is under way waits for the next: what has become due since is not in that one. */
  readonly #storing = new SharedQuestion(() => this.#store());

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

  /** The task starts anew. Where somebody else's position counts now, those from before must not come behind it. */
  restarted(): void {
    const isOld = (mark: SourceOffset | undefined): boolean =>
      mark !== undefined && this.#offsets().isSuperseded(mark.partition);
    for (const [name, marks] of this.#marks) if (isOld(marks[0])) this.#marks.delete(name);
    for (const [name, mark] of this.#due) if (isOld(mark)) this.#due.delete(name);
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

  /** Stores what is due now, one call at a time. What cannot be stored is tried again with the next call. */
  store(): Promise<void> {
    return this.#storing.ask();
  }

  async #store(): Promise<void> {
    for (const [name, mark] of [...this.#due]) {
      try {
        const relayed = await this.#offsets().relay({ partition: mark.partition, offset: mark.offset });
        if (relayed === 'waits') return;
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
