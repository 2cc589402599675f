import type { Clock } from '../base/clock.ts';
import type { ColumnWriter } from '../record/column-writer.ts';
import type { Schema } from '../record/schema.ts';
import type { SchemaIds } from './registered/registered-converter.ts';
import type { RegistryConfig } from './registered/registry-config.ts';

/** What a converter is made for and with. */
export interface ConverterContext {
  readonly part: 'key' | 'value' | 'header';
  readonly clock: Clock;
  /** The registry that a configuration names, for schemas of a type. CONFIG_INVALID where its options contradict each other. */
  registry(config: RegistryConfig, type: SchemaType): SchemaIds;
}

/** Types of schemas as registries name them. */
export type SchemaType = 'AVRO' | 'JSON';

/** Makes bytes of values, one part of a record (key, value or a header). Synchronous: schemas are fetched beforehand. */
export interface Converter {
  /**
   * True where bytes of this schema go out as they are (UTF-8 text held as bytes, under a string converter). A whole
   * batch that passes is sent without a look at its values.
   */
  passes(schema: Schema | null): boolean;
  /**
   * Makes ready what values of this schema need before they are converted: registers it. Undefined where nothing has to be
   * waited for. It never rejects: what went wrong is thrown by `toBytes`, and tried again by the next call.
   */
  prepare?(topic: string, schema: Schema | null, signal?: AbortSignal): Promise<void> | undefined;
  /** Bytes of a value, null for no value. CONVERSION_FAILED names the schema and what the converter takes, never the value. */
  toBytes(topic: string, schema: Schema | null, value: unknown): Uint8Array | null;
  /**
   * Where it is given: writes the bytes that `toBytes` would give as one more value of a column, for which no object is made.
   * False, and nothing is written, where the value wants a closer look.
   */
  append?(schema: Schema | null, value: unknown, into: ColumnWriter): boolean;
}

export interface HeaderConverter {
  prepare?: Converter['prepare'];
  toBytes(topic: string, header: string, schema: Schema | null, value: unknown): Uint8Array | null;
}
