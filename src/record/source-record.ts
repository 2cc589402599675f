import type { Schema } from './schema.ts';
import type { ValueColumn } from './value-column.ts';

/** A header before it is converted to bytes. */
export interface SourceHeader {
  readonly key: string;
  readonly value: unknown;
  readonly schema: Schema | null;
}

export const noSourceHeaders: readonly SourceHeader[] = Object.freeze([]);

/** A record of Kafka Connect's data model, before converters make bytes of it. */
export interface SourceRecord {
  readonly topic: string;
  /** null: the producer's partitioner decides. */
  readonly partition: number | null;
  readonly key: unknown;
  readonly keySchema: Schema | null;
  readonly value: unknown;
  readonly valueSchema: Schema | null;
  readonly headers: readonly SourceHeader[];
  /** null: the time at which the worker took it over. */
  readonly timestampMs: number | null;
}

/** Records whose values are bytes of one schema, for one topic; without keys, partitions, headers and times. */
export interface SourceColumn {
  readonly topic: string;
  readonly schema: Schema | null;
  readonly values: ValueColumn;
  /** The values are converted already: they are stored as they are. */
  readonly isWritten?: boolean;
}
