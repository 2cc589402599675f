/** The members of a `pub`, which are also the body of a publish over HTTP (PROTOCOL.md, sections 3.1, 3.4 and 7). */
import { type Header, noHeaders } from '../../record/record.ts';
import type { PublishRequest } from './frames.ts';
import type { JsonMember } from './json-object.ts';
import { isTopicName } from './names.ts';

/** A member that is wrong: what it is called, and what is wanted. */
export class MemberFault extends Error {
  override readonly name = 'MemberFault';
}

export type Members = ReadonlyMap<string, JsonMember>;

const maxMidBytes = 128;
const maxHeaderNameBytes = 255;
const reservedHeaders = 'tributary-';

/** Throws MemberFault. `topic` is given where it stands in the URL. */
export function readPublish(members: Members, topic = requiredTopic(members)): PublishRequest {
  return {
    topic,
    partition: optionalInteger(members, 'partition'),
    timestampMs: optionalInteger(members, 'timestamp'),
    mid: readMid(members),
    key: readKey(members),
    value: readValue(members),
    headers: readHeaders(members),
  };
}

export function checkMid(mid: string): string {
  const bytes = Buffer.byteLength(mid);
  if (bytes < 1 || bytes > maxMidBytes) throw new MemberFault(`"mid" must have 1 to ${maxMidBytes} bytes`);
  return mid.toWellFormed();
}

/** Throws MemberFault for names that are reserved, empty, too long or hold control characters. */
export function checkHeaderName(name: string): string {
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > maxHeaderNameBytes) {
    throw new MemberFault(`the name of a header must have 1 to ${maxHeaderNameBytes} bytes`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\u0000-\u001f\u007f]/.test(name))
    throw new MemberFault('the name of a header must not hold control characters');
  if (name.startsWith(reservedHeaders)) {
    throw new MemberFault(`names of headers that begin with "${reservedHeaders}" are the gateway's own`);
  }
  return name.toWellFormed();
}

export function bytesOfBase64(name: string, text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new MemberFault(`"${name}" must be base64 (RFC 4648 section 4, padded)`);
  return bytes;
}

/** A whole number that is not negative, or null where the member is not there. */
export function optionalInteger(members: Members, name: string): number | null {
  const value = present(members, name)?.value;
  if (value === undefined) return null;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new MemberFault(`"${name}" must be a whole number from 0`);
  }
  return value;
}

export function optionalString(members: Members, name: string): string | undefined {
  const value = present(members, name)?.value;
  if (value !== undefined && typeof value !== 'string') throw new MemberFault(`"${name}" must be a string`);
  return value;
}

/** A member that is null is not there, but for `value`, where null is a tombstone. */
function present(members: Members, name: string): JsonMember | undefined {
  const member = members.get(name);
  return member?.kind === 'null' ? undefined : member;
}

function requiredTopic(members: Members): string {
  const topic = members.get('topic')?.value;
  if (typeof topic !== 'string' || !isTopicName(topic)) {
    throw new MemberFault('"topic" must be the name of a topic: letters, digits, ".", "_" and "-"');
  }
  return topic;
}

function readMid(members: Members): string | null {
  const mid = optionalString(members, 'mid');
  return mid === undefined ? null : checkMid(mid);
}

function readKey(members: Members): Uint8Array | null {
  const key = optionalString(members, 'key');
  const encoded = optionalString(members, 'key_base64');
  if (key !== undefined && encoded !== undefined) throw new MemberFault('"key" and "key_base64" exclude each other');
  if (encoded !== undefined) return bytesOfBase64('key_base64', encoded);
  return key === undefined ? null : Buffer.from(key);
}

function readValue(members: Members): Uint8Array | null {
  const value = members.get('value');
  const encoded = optionalString(members, 'value_base64');
  if ((value === undefined) === (encoded === undefined)) {
    throw new MemberFault('one of "value" and "value_base64" must be given');
  }
  if (encoded !== undefined) return bytesOfBase64('value_base64', encoded);
  switch (value!.kind) {
    case 'null':
      return null;
    case 'string':
      return Buffer.from(value!.value as string);
    default:
      return Buffer.from(value!.source);
  }
}

function readHeaders(members: Members): readonly Header[] {
  const headers = present(members, 'headers')?.value;
  if (headers === undefined) return noHeaders;
  if (!Array.isArray(headers)) throw new MemberFault('"headers" must be a list of {"name", "value"}');
  return headers.map(readHeader);
}

function readHeader(header: unknown): Header {
  if (typeof header !== 'object' || header === null) {
    throw new MemberFault('each of "headers" must be an object of "name" and "value"');
  }
  const { name, value, value_base64: encoded } = header as Record<string, unknown>;
  if (typeof name !== 'string') throw new MemberFault('the name of a header must be a string');
  const key = checkHeaderName(name);
  if ((value === undefined) === (encoded === undefined)) {
    throw new MemberFault('a header must have one of "value" and "value_base64"');
  }
  if (typeof encoded === 'string') return { key, value: bytesOfBase64('value_base64', encoded) };
  if (encoded !== undefined) throw new MemberFault('"value_base64" of a header must be a string');
  if (value !== null && typeof value !== 'string')
    throw new MemberFault('"value" of a header must be a string or null');
  return { key, value: value === null ? null : Buffer.from(value) };
}
