/**
 * What the commands about a spool need. Two ways lead there: the folder itself, where no process has it open
 * (local-spool.ts), or the REST interface of the process that has (cli/remote-spool.ts). The REST routes stand on the first.
 */
import type { TapRecord } from '../topics/topic-access.ts';

export interface SpoolAccess extends AsyncDisposable {
  list(): Promise<readonly SpoolLog[]>;
  /** What lies there of a connector, a batch at a time. NOT_FOUND, USAGE. */
  inspect(connector: string, options: InspectOptions, signal: AbortSignal): AsyncIterable<readonly SpoolEntry[]>;
}

/** What waits for one topic of Kafka. */
export interface SpoolLog {
  readonly connector: string;
  readonly task: number;
  readonly topic: string;
  /** That wait, with the marks of transactions. */
  readonly records: number;
  /** As stored; what was forwarded and not taken away yet counts. */
  readonly bytes: number;
  /** Milliseconds since 1970 of the oldest record that waits; null where none does, or it has none. */
  readonly oldestMs: number | null;
  /** Offset in the log up to which everything was forwarded. */
  readonly position: number;
  /** Offset of the next record that is received. */
  readonly end: number;
  readonly mode: string;
  /** The connector is gone; what waits still goes out. */
  readonly isOrphan: boolean;
}

export interface InspectOptions {
  readonly task?: number;
  readonly topic?: string;
  /** Begins at the oldest record that waits, unless told otherwise; or at this offset of the log. */
  readonly from?: number;
  readonly limit?: number;
}

/** A record, or a range of offsets whose block is damaged. `topic` is the one of Kafka that it goes to. */
export type SpoolEntry =
  | ({ readonly task: number; readonly topic: string } & Omit<TapRecord, 'partition'>)
  | { readonly task: number; readonly topic: string; readonly damaged: SpoolDamage };

export interface SpoolDamage {
  readonly from: number;
  /** Behind the last one. */
  readonly to: number;
  readonly reason: string;
}
