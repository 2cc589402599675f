import type { SourceRecord } from '../record/source-record.ts';
import type { Converters } from './record-sends.ts';

/**
 * Lets converters make ready what these records need (schemas in a registry). Undefined where no converter ever waits. It
 * rejects with nothing: what went wrong is thrown by the conversion of the record that needs it.
 */
export function prepareConverters(
  { key, value, header }: Converters,
  records: readonly SourceRecord[],
  signal: AbortSignal,
): Promise<void> | undefined {
  if (key.prepare === undefined && value.prepare === undefined && header.prepare === undefined) return undefined;
  return prepareEach({ key, value, header }, records, signal);
}

async function prepareEach(
  { key, value, header }: Converters,
  records: readonly SourceRecord[],
  signal: AbortSignal,
): Promise<void> {
  for (const record of records) {
    const { topic } = record;
    const keys = record.key === null ? undefined : key.prepare?.(topic, record.keySchema, signal);
    if (keys !== undefined) await keys;
    const values = record.value === null ? undefined : value.prepare?.(topic, record.valueSchema, signal);
    if (values !== undefined) await values;
    for (const one of record.headers) {
      const headers = header.prepare?.(topic, one.schema, signal);
      if (headers !== undefined) await headers;
    }
  }
}
