import type { Schema } from '../record/schema.ts';

/** Makes bytes of values, one part of a record (key, value or a header). Synchronous: schemas are fetched beforehand. */
export interface Converter {
  /**
   * True where bytes of this schema go out as they are (UTF-8 text held as bytes, under a string converter). A whole
   * batch that passes is sent without a look at its values.
   */
  passes(schema: Schema | null): boolean;
  /** Bytes of a value, null for no value. CONVERSION_FAILED names the schema and what the converter takes, never the value. */
  toBytes(topic: string, schema: Schema | null, value: unknown): Uint8Array | null;
}

export interface HeaderConverter {
  toBytes(topic: string, header: string, schema: Schema | null, value: unknown): Uint8Array | null;
}
