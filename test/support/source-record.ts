import { noSourceHeaders, type SourceRecord } from '../../src/record/source-record.ts';

/** A record for topic "t" with nothing in it but what is given. */
export function sourceRecord(change: Partial<SourceRecord> = {}): SourceRecord {
  return {
    topic: 't',
    partition: null,
    key: null,
    keySchema: null,
    value: null,
    valueSchema: null,
    headers: noSourceHeaders,
    timestampMs: null,
    ...change,
  };
}
