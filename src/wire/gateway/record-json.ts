/** A record as one JSON object (PROTOCOL.md, section 3.1): the same text in `data` frames, SSE, NDJSON and HTTP. */
import { isUtf8 } from 'node:buffer';
import { asBuffer } from '../../base/as-buffer.ts';
import type { ConsumedRecord, Header } from '../../record/record.ts';
import type { ValueFormat } from './frames.ts';

/** Members in the order topic, partition, offset, timestamp, key, headers, value; what is not there is left out. */
export function recordJson(topic: string, partition: number, record: ConsumedRecord, format: ValueFormat): string {
  // A topic's name needs no escaping: the broker takes letters, digits, dots, dashes and underscores only.
  let text = `{"topic":"${topic}","partition":${partition},"offset":${record.offset},"timestamp":${record.timestampMs}`;
  if (record.key !== null) text += `,${bytesMember('key', record.key)}`;
  if (record.headers.length > 0) text += `,"headers":[${record.headers.map(headerJson).join(',')}]`;
  return `${text},${valueMember(record.value, format)}}`;
}

/** `"value":…` or `"value_base64":"…"`. */
export function valueMember(value: Uint8Array | null, format: ValueFormat): string {
  if (value === null) return '"value":null';
  if (format === 'text') return bytesMember('value', value);
  if (format === 'json') {
    const embedded = embeddedJson(value);
    if (embedded !== undefined) return `"value":${embedded}`;
  }
  return `"value_base64":"${asBuffer(value).toString('base64')}"`;
}

/** The value's own text where it is one JSON text other than null; line breaks, which can only be blanks, become blanks. */
export function embeddedJson(value: Uint8Array): string | undefined {
  if (!isUtf8(value)) return undefined;
  const text = asBuffer(value).toString();
  try {
    if (JSON.parse(text) === null) return undefined;
  } catch {
    return undefined;
  }
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]/g, ' ') : text;
}

function headerJson({ key, value }: Header): string {
  const rendered = value === null ? '"value":null' : bytesMember('value', value);
  return `{"name":${JSON.stringify(key)},${rendered}}`;
}

function bytesMember(name: string, bytes: Uint8Array): string {
  return isUtf8(bytes)
    ? `"${name}":${JSON.stringify(asBuffer(bytes).toString())}`
    : `"${name}_base64":"${asBuffer(bytes).toString('base64')}"`;
}
