/** The checkpoints of one application: the last one is found at the start, new ones go with what was written since. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import type { Broker, Producer } from '../../broker/broker.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Counter, Metrics } from '../../telemetry/metrics.ts';
import type { Application } from '../plan/application.ts';
import { StateReader } from '../state/state-reader.ts';
import { StateWriter } from '../state/state-writer.ts';
import { changeBetween, type StatementHash, statementHashes } from './checkpoint.ts';
import { CheckpointPieces, nothingStored, type StoredPieces } from './checkpoint-pieces.ts';
import { type StoredState, stateOf } from './checkpoint-state.ts';
import { type AnySummary, summaryOf } from './checkpoint-summary.ts';
import {
  checkpointTopicOf,
  type Entries,
  ensureCheckpointTopic,
  forgettingRecords,
  type ReadCheckpoint,
  readEntries,
  stalePieces,
} from './checkpoint-topic.ts';
import { OutputTransaction } from './output-transaction.ts';
import { Positions } from './positions.ts';
import { waiting } from './waiting.ts';

export interface CheckpointSettings {
  /** Under this name its checkpoints are found again. */
  readonly application: string;
  readonly intervalMs: number;
  /** `exactly-once`: rows of topics are seen with the checkpoint behind them. `at-least-once`: at once. */
  readonly delivery: 'exactly-once' | 'at-least-once';
  /** Forgets what was. */
  readonly reset: boolean;
  /** Forgets once what was under another text. */
  readonly generation: string;
  /** How a person has it forgotten, for messages: `start it with --reset`. */
  readonly howToReset: string;
  /** Bound of the state in bytes; beyond it the application fails. */
  readonly maxBytes: number;
  /** It is one of so many parts of the application. `layout` is the same for a cut in which state and positions mean the same. */
  readonly part?: { readonly index: number; readonly count: number; readonly layout: string };
  /** Told of the checkpoint that the application goes on from. */
  readonly onRestored?: (takenAtMs: number) => void;
}

export interface CheckpointParts {
  readonly settings: CheckpointSettings;
  readonly script: string;
  readonly broker: Broker;
  /** Ends waiting for a broker that is away. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Told how far reading the last checkpoint has come. */
  readonly onProgress?: ReadCheckpoint['onProgress'];
}

/** The checkpoint to go on from. */
interface Found {
  readonly summary: AnySummary;
  readonly state: StoredState;
  /** Hashes of pieces that were read and are not of it. */
  readonly stale: ReadonlySet<string>;
}

const transactionTimeoutMs = 60_000;
/** Rows on their way to topics are kept until they are committed; beyond this much a checkpoint is taken early. */
const maxHeldBytes = 16 * 1024 * 1024;
/** Checkpoints that take long are taken more rarely, so that no more than about a tenth of the time goes into them. */
const longestShare = 9;
const maxWaitMs = 20_000;

export class Checkpoints {
  readonly output: OutputTransaction;
  /** How far sources had been read. */
  readonly positions: Positions;
  /** When the checkpoint was taken that the application goes on from. */
  readonly restoredAtMs: number | undefined;
  readonly settings: CheckpointSettings;
  private readonly parts: CheckpointParts;
  private readonly topic: string;
  private readonly part: number;
  private readonly statements: readonly StatementHash[];
  private restored: StoredState | undefined;
  private readonly taken: Counter;
  private readonly failed: Counter;
  private readonly written: Counter;
  private stored: StoredPieces;
  private bytes: number;
  private durationMs = 0;
  private durationBeforeMs = 0;
  /** It is made for the first checkpoint: what never has one leaves nothing behind. */
  private hasTopic = false;
  private takenAtMs: number;

  /** Takes the application over from whoever ran it, and finds its last checkpoint. CONFLICT where the script has changed. */
  static async open(parts: CheckpointParts): Promise<Checkpoints> {
    const { settings, broker, signal, log } = parts;
    const topic = checkpointTopicOf(settings.application);
    const transactionalId = transactionalIdOf(settings);
    const open = (): Promise<Producer> => broker.producer({ transactionalId, transactionTimeoutMs, signal });
    const producer = await waiting(signal, open);
    try {
      const part = settings.part?.index ?? 0;
      const { onProgress } = parts;
      const entries = await waiting(signal, () => readEntries(broker, topic, part, { signal, onProgress }));
      const found = await usable(parts, topic, producer, entries);
      if (found === undefined) await checkFirstPart(parts, topic);
      return new Checkpoints(parts, topic, producer, open, found && foundIn(entries, found, part));
    } catch (error) {
      await producer.close().catch((failure: unknown) => {
        log.warn('sql_producer_not_closed', { reason: describeError(failure) });
      });
      throw isError(error, 'BATCH_CORRUPT') ? damaged(settings, topic, error) : error;
    }
  }

  private constructor(
    parts: CheckpointParts,
    topic: string,
    producer: Producer,
    open: () => Promise<Producer>,
    found: Found | undefined,
  ) {
    const last = found?.summary;
    const { settings, metrics, signal, clock, log, script } = parts;
    this.parts = parts;
    this.settings = settings;
    this.topic = topic;
    this.part = settings.part?.index ?? 0;
    this.statements = statementsOf(settings, script);
    this.restored = found?.state;
    this.restoredAtMs = last?.takenAtMs;
    this.positions = new Positions(last?.positions);
    this.stored = found === undefined ? nothingStored : { held: found.state.named, stale: found.stale };
    this.bytes = last?.bytes ?? 0;
    this.takenAtMs = last?.takenAtMs ?? clock.nowMs();
    this.taken = metrics.counter('tributary_sql_checkpoints_total', 'Checkpoints that were stored');
    this.failed = metrics.counter(
      'tributary_sql_checkpoint_failures_total',
      'Transactions of an application that broke and were sent again',
    );
    this.written = metrics.counter(
      'tributary_sql_checkpoint_written_bytes_total',
      'Bytes of keys and values that checkpoints wrote: what had changed since the one before',
    );
    metrics.gauge('tributary_sql_checkpoint_age_seconds', 'Time since the last checkpoint was stored', () =>
      Math.max(0, (clock.nowMs() - this.takenAtMs) / 1000),
    );
    metrics.gauge('tributary_sql_checkpoint_bytes', 'State in the last checkpoint', () => this.bytes);
    metrics.gauge(
      'tributary_sql_checkpoint_duration_seconds',
      'Time that the last checkpoint took',
      () => this.durationMs / 1000,
    );
    metrics.gauge(
      'tributary_sql_uncommitted_bytes',
      'Rows on their way to topics that no checkpoint stands behind yet',
      () => this.output.heldBytes,
    );
    this.output = new OutputTransaction(producer, last?.id, {
      transactionalId: transactionalIdOf(settings),
      transactionTimeoutMs,
      open,
      storedId: async () => (await closingRecord(parts, topic, this.part))?.id,
      signal,
      clock,
      log,
      onAborted: () => {
        this.failed.value++;
      },
    });
  }

  /** Whether rows of topics are seen only with the checkpoint behind them. */
  get isTransactional(): boolean {
    return this.parts.settings.delivery === 'exactly-once';
  }

  /** Too much is uncommitted: a checkpoint is due, whatever the time. */
  get isFull(): boolean {
    return this.output.heldBytes > maxHeldBytes;
  }

  /** How long to wait for the next one. One slow checkpoint, as a cold start's first, says nothing about the next. */
  get waitMs(): number {
    const { intervalMs } = this.parts.settings;
    const usualMs = Math.min(this.durationMs, this.durationBeforeMs);
    return Math.max(intervalMs, Math.min(usualMs * longestShare, maxWaitMs));
  }

  /** Gives a new application the state of the last checkpoint; false where there is none. */
  restore(application: Application): boolean {
    const state = this.restored;
    if (state === undefined) return false;
    this.restored = undefined; // the memory is the application's from here on
    const { settings, log } = this.parts;
    try {
      application.restore(new StateReader(state.bytes, state.pieces));
    } catch (error) {
      throw isError(error, 'BATCH_CORRUPT') ? damaged(settings, this.topic, error) : error;
    }
    settings.onRestored?.(this.restoredAtMs!);
    log.info('sql_restored', {
      application: settings.application,
      ...(settings.part === undefined ? {} : { part: settings.part.index }),
      bytes: state.bytes.length,
      taken_at: new Date(this.restoredAtMs!).toISOString(),
    });
    return true;
  }

  /** Stores state and positions as they are now, with everything that was added to `output`. */
  async store(application: Application): Promise<void> {
    const { settings, clock, broker, signal } = this.parts;
    if (!this.hasTopic)
      await waiting(signal, () => ensureCheckpointTopic(broker, this.topic, settings.part?.count ?? 1));
    this.hasTopic = true;
    const startedMs = clock.monotonicMs();
    const failedBefore = this.failed.value;
    const pieces = this.piecesOf(application);
    const id = randomUUID();
    const takenAtMs = clock.nowMs();
    const checkpoint = {
      id,
      takenAtMs,
      statements: this.statements,
      generation: settings.generation,
      positions: this.positions.all(),
    };
    const records = pieces.records(checkpoint, this.part);
    await this.output.commit(this.topic, this.part, records, id);
    this.stored = pieces.storedThen;
    this.bytes = pieces.bytes;
    this.takenAtMs = takenAtMs;
    // A broker that was away says nothing about how often checkpoints can be taken.
    if (this.failed.value === failedBefore) {
      this.durationBeforeMs = this.durationMs;
      this.durationMs = clock.monotonicMs() - startedMs;
    }
    this.taken.value++;
    for (const { key, value } of records) this.written.value += key!.length + (value?.length ?? 0);
  }

  close(): Promise<void> {
    return this.output.close();
  }

  private piecesOf(application: Application): CheckpointPieces {
    const { settings } = this.parts;
    const pieces = new CheckpointPieces(this.stored, settings.maxBytes);
    const writer = new StateWriter(pieces);
    try {
      application.snapshot(writer);
      writer.cut();
    } catch (error) {
      if (!isError(error, 'QUEUE_FULL')) throw error;
      const what = `Cannot store a checkpoint of application "${settings.application}"`;
      throw new TributaryError('QUEUE_FULL', `${what}: its state is beyond the bound of ${settings.maxBytes} bytes`, {
        cause: error,
      });
    }
    return pieces;
  }
}

/** BATCH_CORRUPT where the state is not whole. */
function foundIn(entries: Entries, summary: AnySummary, part: number): Found {
  const state = stateOf(entries, summary, part);
  return { summary, state, stale: stalePieces(entries, part, state.named) };
}

/** A part has one of its own: whoever has it has the part, and nobody else. */
function transactionalIdOf({ application, part }: CheckpointSettings): string {
  return part === undefined ? `tributary-sql-${application}` : `tributary-sql-${application}:part-${part.index}`;
}

/** What state and positions stand for: the statements, and how they are cut. */
export function statementsOf({ part }: CheckpointSettings, script: string): readonly StatementHash[] {
  const statements = statementHashes(script);
  if (part === undefined) return statements;
  return [...statements, { name: `the cut into ${part.count} parts`, hash: part.layout }];
}

/** The checkpoint to go on from; what shall not be gone on from is forgotten, or refused. */
async function usable(
  { settings, script, log }: CheckpointParts,
  topic: string,
  producer: Producer,
  entries: Entries,
): Promise<AnySummary | undefined> {
  const part = settings.part?.index ?? 0;
  const found = settings.reset ? undefined : summaryOf(entries, part);
  if (found !== undefined && isToBeUsed(found, settings, script)) return found;
  if (entries.size === 0) return undefined;
  await producer.begin();
  await producer.send(topic, part, forgettingRecords(entries));
  await producer.commit();
  log.warn('sql_state_forgotten', { application: settings.application, topic, ...toldOf(entries, part) });
  return undefined;
}

/** False where it is of another generation. CONFLICT where it is of another script, or of another cut. */
function isToBeUsed(found: AnySummary, settings: CheckpointSettings, script: string): boolean {
  if (found.generation !== settings.generation) return false;
  const change = changeBetween(found.statements, statementsOf(settings, script));
  if (change === undefined) return true;
  const { application, howToReset } = settings;
  throw new TributaryError(
    'CONFLICT',
    `Cannot go on from the checkpoint of application "${application}" of ${new Date(found.takenAtMs).toISOString()}: ${change}. ` +
      `Its state does not fit the script as it is now. To forget state and positions, ${howToReset}`,
  );
}

/** A part that is new asks the first one: where the cut was another, its rows would be answered without what came before. */
async function checkFirstPart(parts: CheckpointParts, topic: string): Promise<void> {
  const { settings, script, signal } = parts;
  if (settings.part === undefined || settings.part.index === 0 || settings.reset) return;
  const found = await waiting(signal, () => closingRecord(parts, topic, 0));
  if (found !== undefined) isToBeUsed(found, settings, script);
}

async function closingRecord(
  { broker, signal }: CheckpointParts,
  topic: string,
  part: number,
): Promise<AnySummary | undefined> {
  return summaryOf(await readEntries(broker, topic, part, { signal, closingOnly: true }), part);
}

/** What is being forgotten, as far as it can be read. */
function toldOf(entries: Entries, part: number): Readonly<Record<string, unknown>> {
  try {
    const { takenAtMs, bytes, positions } = summaryOf(entries, part)!;
    return { taken_at: new Date(takenAtMs).toISOString(), bytes, positions };
  } catch (error) {
    return { reason: describeError(error) };
  }
}

function damaged(
  { application, howToReset }: CheckpointSettings,
  topic: string,
  cause: TributaryError,
): TributaryError {
  return new TributaryError(
    'BATCH_CORRUPT',
    `Cannot go on from the checkpoint of application "${application}" in topic "${topic}". To forget state and positions, ${howToReset}`,
    { cause },
  );
}
