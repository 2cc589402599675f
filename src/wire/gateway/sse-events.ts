/** Server-sent events of the gateway (PROTOCOL.md, section 6). */
import type { ConsumedRecord } from '../../record/record.ts';
import type { ValueFormat } from './frames.ts';
import { embeddedJson } from './record-json.ts';

/** An event with these data; line breaks within become several `data` lines. */
export function sseEvent(parts: { readonly event?: string; readonly id?: string; readonly data: string }): string {
  let text = '';
  if (parts.event !== undefined) text += `event: ${parts.event}\n`;
  if (parts.id !== undefined) text += `id: ${parts.id}\n`;
  // Most data are one line.
  if (!parts.data.includes('\n') && !parts.data.includes('\r')) return `${text}data: ${parts.data}\n\n`;
  for (const line of parts.data.split(/\r\n|\n|\r/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** The value alone; a tombstone is an event `delete` whose data is the key. */
export function bareEvent(record: ConsumedRecord, format: ValueFormat, id: string): string {
  const { key, value } = record;
  if (value === null) {
    const data = key === null ? 'null' : JSON.stringify(Buffer.from(key).toString());
    return sseEvent({ event: 'delete', id, data });
  }
  return sseEvent({ id, data: bareValue(value, format) });
}

function bareValue(value: Uint8Array, format: ValueFormat): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (format === 'base64') return bytes.toString('base64');
  return (format === 'json' ? embeddedJson(value) : undefined) ?? bytes.toString();
}

/** An id in the form of EventStreams: the next offset of each partition. */
export function streamId(topics: Iterable<readonly [string, readonly (number | null)[]]>): string {
  const entries: string[] = [];
  for (const [topic, next] of topics) {
    next.forEach((offset, partition) => {
      if (offset !== null) entries.push(`{"topic":"${topic}","partition":${partition},"offset":${offset}}`);
    });
  }
  return `[${entries.join(',')}]`;
}
