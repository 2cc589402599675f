/**
 * The contract between the worker and a connector, a user's own included. The worker owns acknowledgement, retries of the
 * broker, restarts and status; the connector owns its connection.
 */
import type { Clock, Random } from '../base/clock.ts';
import type { ConfigDef, RawConfig } from '../config/config-def.ts';
import type { OutboundPolicy } from '../net/outbound-policy.ts';
import type { ColumnWriter } from '../record/column-writer.ts';
import type { ConsumedRecord } from '../record/record.ts';
import type { Schema } from '../record/schema.ts';
import type { SourceColumn, SourceRecord } from '../record/source-record.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** A JSON object that names a part of the source (Kafka Connect's source partition) or a position in it (its offset). */
export type SourceMap = Readonly<Record<string, unknown>>;

export interface SourceBatch {
  /** In order of arrival; not empty. */
  readonly records: readonly SourceRecord[];
  /**
   * The same records where they are values alone, all of one kind and for one topic. Who sends these need not look at
   * `records`, which are then made only when they are asked for (`record/column-batch.ts`).
   */
  readonly column?: SourceColumn;
  /** Which part of the source they come from. */
  readonly partition: SourceMap;
  /**
   * Position after the last record, or after each record (then as many as records, for sources whose position
   * must be exact when a batch is cut). Absent where nothing can be resumed.
   */
  readonly offset?: SourceMap;
  /** Monotonic time (context.clock) at which the oldest record arrived. */
  readonly receivedAtMs: number;
  /** With `transaction.boundary=connector`: what becomes of the open transaction once this batch is in it. */
  readonly transactionEnd?: 'commit' | 'abort';
  /** Told once all of it is stored or filtered: nobody looks at it any more, so its memory may be used again. */
  release?(): void;
}

export interface ConnectorContext {
  readonly connector: string;
  readonly task: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Where the connector may connect to. Every connection it makes goes through this. */
  readonly outbound: OutboundPolicy;
  /**
   * Aborted when the task shall stop. A source then receives nothing more, gives out what it has already received, and
   * ends; it closes its connection politely meanwhile. The worker bounds the time and leaves the loop when it is over.
   */
  readonly signal: AbortSignal;
  /** Told of each try to connect that ended: without a problem it stands. For those who start only once it does. */
  onConnection?(problem: string | undefined): void;
  /** A sentence for the task's status and for people (`reconnecting: connection refused`), or undefined when all is well. */
  setStatus(detail: string | undefined): void;
}

/**
 * Writes one more value of a column as the value converter would. It throws where that cannot be, and writes nothing then: what
 * it throws fails the task, and the source throws it once it has given out what came before.
 */
export type WriteValue = (topic: string, schema: Schema | null, value: unknown, into: ColumnWriter) => void;

export interface SourceContext extends ConnectorContext {
  /**
   * There where nothing but the value converter looks at values on their way to the topic. A source may give columns of what
   * this wrote (`isWritten`) instead of values, and then makes no object for a record.
   */
  readonly writeValue?: WriteValue;
  /** Offset last committed for this partition of the source, or undefined. */
  resumeOffset(partition: SourceMap): SourceMap | undefined;
  /**
   * For a source that can go on by another configuration while it runs: `take` gets the new one, of which only options of the
   * connector's own differ, and says whether it goes on by it. False: the task ends and is started anew, as without this.
   */
  onConfig?(take: (config: RawConfig) => boolean): void;
}

interface ConnectorBase {
  /** Short name: `connector.class: websocket`. */
  readonly name: string;
  /** Class names of Kafka Connect connectors that this one stands for; the first one is shown. */
  readonly classNames: readonly string[];
  readonly version: string;
  readonly config: ConfigDef;
  /** Keys that begin with one of these are the connector's, too, without an option each (`http.header.`). */
  readonly prefixes?: readonly string[];
  /** Configurations of the tasks, at most `max`. The configuration is valid. */
  tasks(config: RawConfig, max: number): readonly RawConfig[];
  /**
   * Checks a configuration by connecting (the command `dry-run`), writing nothing: the first message of a source that has one,
   * or the reason why there is no connection.
   */
  probe?(config: RawConfig, context: ConnectorContext): Promise<ProbeResult>;
}

export interface SourceConnector extends ConnectorBase {
  readonly kind: 'source';
  /**
   * Runs one task. An error thrown by the iterator fails the task; its text is shown first in the status. Connections
   * that break are the connector's to mend: it throws only what no retry can help. The worker pulls: while it does not,
   * the connector holds back its source, or drops and counts, as its configuration says.
   */
  open(config: RawConfig, context: SourceContext): AsyncIterable<SourceBatch>;
  /**
   * Whether the source gives each record once and resumes exactly where an offset says (Kafka Connect's preflight check
   * of `exactly.once.support=required`). Absent, or undefined: nobody knows.
   */
  exactlyOnceSupport?(config: RawConfig): boolean | undefined;
  /**
   * False: nothing that was given comes again because of an older offset; it only counts. So a spool need not keep it in step
   * with the records. Absent: it may.
   */
  rereads?(config: RawConfig): boolean;
  /** True: it gives up what comes while its queue is full. A spool does not hold it back for a moment then. Absent: it does not. */
  dropsWhenFull?(config: RawConfig): boolean;
  /** Whether its batches say where transactions end (`transaction.boundary=connector`). Absent: they do not. */
  definesTransactions?(config: RawConfig): boolean;
  /**
   * Told before a person changes stored offsets of a stopped connector (null deletes one). Throws CONFIG_INVALID where the
   * source could not go on from one of them. True: it has done all that is to be done, nothing is kept elsewhere.
   */
  checkOffsets?(
    config: RawConfig,
    changes: readonly { readonly partition: SourceMap; readonly offset: SourceMap | null }[],
  ): boolean;
}

export type ProbeResult =
  | {
      readonly ok: true;
      /** First message as text, cut at 2 000 characters. */
      readonly sample?: string;
      readonly detail: string;
    }
  | { readonly ok: false; readonly reason: string };

export interface SinkRecord extends ConsumedRecord {
  readonly topic: string;
  readonly partition: number;
}

export interface SinkTask {
  /**
   * Resolves when every record is safely at its destination; only then are the offsets committed. A retriable error is
   * tried again for ever; CONVERSION_FAILED and RECORD_TOO_LARGE are a record's own: with tolerance the one is looked for.
   * A PartialWriteError says which records are dealt with all the same.
   */
  write(records: readonly SinkRecord[]): Promise<void>;
  close(): Promise<void>;
}

export interface SinkContext extends ConnectorContext {
  /**
   * For a record that can never be written, while its neighbours can: it is skipped, counted and put with the dead letters
   * as `errors.*` says. Rejects where it fails the task; the sink lets that through. (Connect's errant record reporter.)
   */
  reject(record: SinkRecord, error: unknown): Promise<void>;
}

export interface SinkConnector extends ConnectorBase {
  readonly kind: 'sink';
  open(config: RawConfig, context: SinkContext): Promise<SinkTask>;
}

export type Connector = SourceConnector | SinkConnector;
