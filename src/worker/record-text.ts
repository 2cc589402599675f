import type { SourceRecord } from '../record/source-record.ts';

const maxLength = 1_000;

/** A record for the log, for those who asked to see records there (`errors.log.include.messages`). Bounded. */
export function recordText({ topic, partition, key, value, timestampMs }: SourceRecord): string {
  return `topic=${topic} partition=${partition} timestamp=${timestampMs} key=${text(key)} value=${text(value)}`;
}

/** The same of a record that was read. */
export function consumedText(
  topic: string,
  partition: number,
  { offset, timestampMs }: { readonly offset: number; readonly timestampMs: number },
): string {
  return `topic=${topic} partition=${partition} offset=${offset} timestamp=${timestampMs}`;
}

function text(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (value instanceof Uint8Array) {
    const shown = Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, maxLength)).toString();
    return value.length > maxLength ? `${shown}… (${value.length} bytes)` : shown;
  }
  let whole: string;
  try {
    whole = typeof value === 'string' ? value : (JSON.stringify(value, bigintText) ?? String(value));
  } catch {
    whole = String(value); // a value that refers to itself
  }
  return whole.length > maxLength ? `${whole.slice(0, maxLength)}…` : whole;
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
