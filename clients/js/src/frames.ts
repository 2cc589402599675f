/** Messages of the gateway as frames, in either form, and what the client sends as text (PROTOCOL.md, sections 3 and 4). */
import type { ErrorCode, Event, Format, GapEvent, PublishOptions, RecordEvent, SubscribeOptions } from './api.ts';
import { ByteReader } from './byte-reader.ts';

export type ServerFrame =
  | {
      readonly type: 'welcome';
      readonly expires: number | null;
      readonly pingMs: number;
      readonly limits: ServerLimits;
    }
  | {
      readonly type: 'ok';
      readonly id: number;
      readonly partitions: Readonly<Record<string, number>>;
      readonly pos: string;
    }
  | ({ readonly type: 'ok'; readonly id: number; readonly partitions?: undefined } & Placement)
  | {
      readonly type: 'data';
      readonly id: number;
      readonly seq: number;
      /** Made when it is known in which format. */
      readonly records: (format: Format) => Event[];
      readonly pos: string | null;
    }
  | { readonly type: 'gap'; readonly id: number; readonly gap: GapEvent }
  | { readonly type: 'end'; readonly id: number }
  | {
      readonly type: 'error';
      readonly id?: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly retryable: boolean;
      readonly retryAfterMs?: number;
    }
  | { readonly type: 'bye'; readonly code: ErrorCode; readonly reconnect: boolean; readonly afterMs: number }
  | { readonly type: 'ping' | 'pong' };

export interface ServerLimits {
  readonly message: number;
  readonly window: number;
  readonly inflight: number;
}

interface Placement {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly duplicate?: boolean;
}

/** A record, a header or a publish in JSON: bytes that are no text stand under another name. */
interface JsonRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key?: string;
  readonly key_base64?: string;
  readonly value?: unknown;
  readonly value_base64?: string;
  readonly headers?: readonly {
    readonly name: string;
    readonly value?: string | null;
    readonly value_base64?: string;
  }[];
}

const none: readonly [] = [];
const strict = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

export function readMessage(data: string | ArrayBuffer): ServerFrame[] {
  if (typeof data === 'string') return data.split('\n').map((line) => readText(JSON.parse(line)));
  const reader = new ByteReader(new Uint8Array(data));
  const frames: ServerFrame[] = [];
  while (!reader.atEnd) frames.push(readBinary(reader));
  return frames;
}

export function subFrame(id: number, options: SubscribeOptions, pos: string | null): string {
  const { topics, pattern, from, ifLost, filter, format, window, slow, group } = options;
  return JSON.stringify({
    type: 'sub',
    id,
    topics,
    pattern,
    from: pos === null ? from : { pos },
    ifLost,
    filter,
    format: format === 'bytes' ? 'base64' : format,
    window,
    slow,
    group,
  });
}

/** Without its id, which is another one each time it is sent. */
export function pubMembers(topic: string, value: unknown, mid: string, options: PublishOptions): string {
  const { key, partition, timestamp, headers } = options;
  const plain = value === null || typeof value === 'string' || value instanceof Uint8Array;
  const text = plain ? value : JSON.stringify(value);
  if (text === undefined) throw new TypeError('Cannot publish a value that has no JSON form');
  return JSON.stringify({
    topic,
    mid,
    partition,
    timestamp,
    ...(key === undefined || key === null ? {} : named('key', key)),
    ...named('value', text),
    headers: headers && Object.entries(headers).map(([name, header]) => ({ name, ...named('value', header) })),
  }).slice(1);
}

export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

function named(name: string, value: string | Uint8Array | null): object {
  return value instanceof Uint8Array ? { [`${name}_base64`]: toBase64(value) } : { [name]: value };
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of the server, whose shape is the protocol's
function readText(frame: any): ServerFrame {
  switch (frame.type) {
    case 'data': {
      const records = (): Event[] => frame.records.map(fromJson);
      return { type: 'data', id: frame.id, seq: frame.seq, records, pos: frame.pos ?? null };
    }
    case 'gap': {
      const { id, topic, partition, from, to, reason } = frame;
      return { type: 'gap', id, gap: { kind: 'gap', topic, partition, from, to, reason } };
    }
    default:
      return frame;
  }
}

function fromJson(record: JsonRecord): RecordEvent {
  const { topic, partition, offset, timestamp, key, key_base64, value, value_base64, headers } = record;
  return {
    kind: 'record',
    topic,
    partition,
    offset,
    timestamp,
    key: key_base64 === undefined ? (key ?? null) : fromBase64(key_base64),
    value: value_base64 === undefined ? value : fromBase64(value_base64),
    headers: headers?.map(headerFromJson) ?? none,
  };
}

function headerFromJson({ name, value, value_base64 }: NonNullable<JsonRecord['headers']>[number]) {
  return { name, value: value_base64 === undefined ? (value ?? null) : fromBase64(value_base64) };
}

function readBinary(reader: ByteReader): ServerFrame {
  const type = reader.u8();
  const id = reader.var();
  if (type === 3) {
    const [partition, offset, timestamp] = [reader.var(), reader.var(), reader.var()];
    return { type: 'ok', id, partition, offset, timestamp, duplicate: reader.u8() === 1 };
  }
  if (type !== 1) throw new Error(`Unknown frame ${type}`);
  const seq = reader.var();
  reader.var(); // conflated
  const pos = text(reader.nullable(), 'text') as string | null;
  const raw: RecordEvent[] = [];
  for (let groups = reader.var(); groups > 0; groups--) readGroup(reader, raw);
  const records = (format: Format): Event[] =>
    raw.map((record) => ({ ...record, value: text(record.value as Uint8Array | null, format) }));
  return { type: 'data', id, seq, records, pos };
}

/** Values stay bytes: the format is the subscription's. */
function readGroup(reader: ByteReader, records: RecordEvent[]): void {
  const topic = text(reader.bytes(), 'text') as string;
  const partition = reader.var();
  let offset = reader.var();
  const base = reader.var();
  for (let count = reader.var(); count > 0; count--) {
    offset += reader.var();
    const timestamp = base + reader.zigzag();
    const key = text(reader.nullable(), 'text') as RecordEvent['key'];
    const value = reader.nullable();
    const headers: { name: string; value: RecordEvent['key'] }[] = [];
    for (let more = reader.var(); more > 0; more--) {
      headers.push({
        name: text(reader.bytes(), 'text') as string,
        value: text(reader.nullable(), 'text') as RecordEvent['key'],
      });
    }
    records.push({ kind: 'record', topic, partition, offset, timestamp, key, value, headers });
  }
}

/** As the JSON form would give it. */
function text(bytes: Uint8Array | null, format: Format): unknown {
  if (bytes === null) return null;
  if (format !== 'bytes') {
    try {
      const decoded = strict.decode(bytes);
      if (format === 'text') return decoded;
      const parsed = JSON.parse(decoded);
      if (parsed !== null) return parsed;
    } catch {
      // neither text nor JSON: bytes
    }
  }
  return bytes.slice(); // the message is not held by one of its records
}

function fromBase64(encoded: string): Uint8Array {
  return Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
}

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
