/** Records to JSON and back. */
import { isUtf8 } from 'node:buffer';
import { TributaryError } from '../../base/errors.ts';
import { isRecord } from '../../config/raw.ts';
import type { ConsumedRecord, Header, ProduceRecord } from '../../record/record.ts';
import type { HeaderJson, RecordInput, TapRecord } from './topic-access.ts';

export function toTapRecord(partition: number, record: ConsumedRecord): TapRecord {
  const key = toText(record.key);
  const value = toText(record.value);
  return {
    partition,
    offset: record.offset,
    timestamp: record.timestampMs,
    key: key.text,
    ...(key.isBase64 ? { keyEncoding: 'base64' } : {}),
    value: value.text,
    ...(value.isBase64 ? { valueEncoding: 'base64' } : {}),
    headers: record.headers.map(toHeaderJson),
  };
}

export function toProduceRecord(input: RecordInput): ProduceRecord {
  return {
    key: toBytes(input.key ?? null, input.keyEncoding),
    value: toBytes(input.value, input.valueEncoding),
    headers: (input.headers ?? []).map(({ key, value, encoding }) => ({ key, value: toBytes(value, encoding) })),
    timestampMs: input.timestamp ?? null,
  };
}

const known = ['key', 'keyEncoding', 'value', 'valueEncoding', 'headers', 'partition', 'timestamp', 'offset'];

/**
 * One line of NDJSON. A value that is no text is written as its JSON; `offset` is accepted, so that what was tapped can be
 * produced again, and not used. Headers are a list of `{key, value}` or an object of texts.
 */
export function parseRecordInput(line: string): RecordInput {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw bad('no JSON'); // the parser's own text would show the payload
  }
  if (!isRecord(json)) throw bad('no JSON object');
  const unknownKey = Object.keys(json).find((key) => !known.includes(key));
  if (unknownKey !== undefined) throw bad(`unknown member "${unknownKey}"; there are ${known.join(', ')}`);
  if (!('value' in json)) throw bad('it has no "value"; null is a tombstone');
  const { key, value, headers, partition, timestamp } = json;
  if (key !== undefined && key !== null && typeof key !== 'string') throw bad('"key" must be text or null');
  return {
    key: key ?? null,
    keyEncoding: encodingOf('keyEncoding', json['keyEncoding']),
    value: value === null || typeof value === 'string' ? value : JSON.stringify(value),
    valueEncoding: encodingOf('valueEncoding', json['valueEncoding']),
    headers: parseHeaders(headers),
    partition: wholeNumber('partition', partition),
    timestamp: wholeNumber('timestamp', timestamp),
  };
}

function parseHeaders(headers: unknown): HeaderJson[] {
  if (headers === undefined || headers === null) return [];
  const list = isRecord(headers) ? Object.entries(headers).map(([key, value]) => ({ key, value })) : headers;
  if (!Array.isArray(list)) throw bad('"headers" must be a list of {key, value} or an object');
  return list.map((header: unknown) => {
    if (!isRecord(header) || typeof header['key'] !== 'string') throw bad('a header needs a "key" that is text');
    const value = header['value'] ?? null;
    if (value !== null && typeof value !== 'string')
      throw bad(`the value of header "${header['key']}" must be text or null`);
    return { key: header['key'], value, encoding: encodingOf('encoding', header['encoding']) };
  });
}

function encodingOf(name: string, value: unknown): 'base64' | undefined {
  if (value === undefined || value === null) return undefined;
  if (value !== 'base64') throw bad(`"${name}" can only be "base64"`);
  return value;
}

function wholeNumber(name: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw bad(`"${name}" must be a whole number`);
  return value;
}

function bad(problem: string): TributaryError {
  return new TributaryError('USAGE', `Cannot read a record: ${problem}`);
}

function toHeaderJson({ key, value }: Header): HeaderJson {
  const { text, isBase64 } = toText(value);
  return { key, value: text, ...(isBase64 ? { encoding: 'base64' } : {}) };
}

function toText(bytes: Uint8Array | null): { readonly text: string | null; readonly isBase64: boolean } {
  if (bytes === null) return { text: null, isBase64: false };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer)
    ? { text: buffer.toString('utf8'), isBase64: false }
    : { text: buffer.toString('base64'), isBase64: true };
}

function toBytes(text: string | null, encoding: 'base64' | undefined): Uint8Array | null {
  if (text === null) return null;
  if (encoding === 'base64' && !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw bad('text marked as base64 is none');
  return Buffer.from(text, encoding ?? 'utf8');
}
